"""Bugs by which an old message is not read as the newest one, in one of the places where it waits."""

from __future__ import annotations

from tests.planted.finders import RUNS
from tests.planted.planting import Plant, instead, swap

UPCASTING = RUNS + "runtime/path/test_upcasting.py::"
WAITING = UPCASTING + "test_old_messages_that_wait_to_be_sent_or_read_are_read_as_the_newest"
UPGRADED = RUNS + "sagas/test_sagas_upgraded.py::"
NEED_MORE = RUNS + "sagas/test_sagas_that_need_more.py::"
KNOWN = RUNS + "runtime/test_known_versions.py::"
UNREAD = RUNS + "observability/test_unread_records.py::"

VERSIONS = {
    "old-version-skipped": Plant(
        "Versions",
        "a record of an old version has no reader: its group passes over it",
        "Catalog.interests",
        swap("for old in olds_of(interest.contract):", "for old in ():"),
        WAITING + "[sqlite-topic]",
    ),
    "old-shape-handed-over": Plant(
        "Versions",
        "a handler gets the old message, as no upcaster runs",
        "decode_value",
        swap("return upcast(contract, message, codec)", "return message"),
        WAITING + "[sqlite-topic]",
        under="runtime/path/delivery",
    ),
    "unsent-row-renamed": Plant(
        "Versions",
        "the relay sends an old row under the name of the newest version, with the bytes of the old one",
        "Relay._relay_once",
        swap(
            "Outgoing(row.topic, row.key, row.headers, row.payload, row.id)",
            "Outgoing(row.topic, row.key, row.headers.replace(b'.v1.Sold', b'.v3.Sold'), row.payload, row.id)",
        ),
        WAITING + "[sqlite-outbox]",
    ),
    "parked-old-version-unknown": Plant(
        "Versions",
        "an old message in the parking has no upcaster",
        "Pipeline.decoded",
        swap(
            "delivery = decode(record, self.interests,",
            "known = {n: i for n, i in self.interests.items() if parked is None or i.written is i.contract}\n"
            "            delivery = decode(record, known,",
        ),
        UPCASTING + "test_an_old_message_in_the_parking_is_tried_again_as_the_newest[sqlite]",
    ),
    "fault-of-an-old-version": Plant(
        "Versions",
        "the fault of an old dead letter has the old message",
        "_fault",
        swap("decode_value(contract.of, told.schema,", "codec.decode(contract.of.shape, told.schema,"),
        UPCASTING + "test_an_old_dead_letter_is_replayed_edited_and_told_of_as_the_newest[sqlite]",
        under="runtime/path/delivery",
    ),
    "edited-as-the-newest": Plant(
        "Versions",
        "an old dead letter is edited by the fields of the newest version",
        "_edited",
        swap("contract = interest.written ", "contract = interest.contract "),
        UPCASTING + "test_an_old_dead_letter_is_replayed_edited_and_told_of_as_the_newest[sqlite]",
        under="operators/editing",
    ),
    "upcast-twice": Plant(
        "Versions",
        "an upcaster runs on its own result",
        "_one",
        swap("result = step.function(message)", "result = step.function(step.function(message))"),
        WAITING + "[sqlite-topic]",
        under="runtime/path/upcasting",
    ),
    "chain-ends-early": Plant(
        "Versions",
        "of a chain of upcasters the first one runs",
        "upcast",
        swap("contract, step = step.to, step.to.upcaster", "contract, step = step.to, None"),
        WAITING + "[sqlite-topic]",
        under="runtime/path/upcasting",
    ),
    "chain-in-the-wrong-order": Plant(
        "Versions",
        "the last upcaster of a chain runs first",
        "upcast",
        swap(
            "    step = contract.upcaster\n",
            "    step = contract.upcaster and (contract.upcaster.to.upcaster or contract.upcaster)\n",
        ),
        UPCASTING + "test_a_new_group_reads_a_log_of_all_versions_as_the_newest[sqlite]",
        under="runtime/path/upcasting",
    ),
    "upcast-to-another-key": Plant(
        "Versions",
        "an upcaster moves a message to another key",
        "upcast",
        swap("if None not in (key, new_key) and key != new_key:", "if False:"),
        UPCASTING + "test_a_result_that_could_not_have_been_sent_is_never_handled",
        under="runtime/path/upcasting",
    ),
    "upcast-result-unchecked": Plant(
        "Versions",
        "a result of an upcaster that no message could have reaches the handler",
        "_check",
        instead("return\n"),
        UPCASTING + "test_a_result_that_could_not_have_been_sent_is_never_handled",
        under="runtime/path/upcasting",
    ),
    "old-values-in-a-saga": Plant(
        "Versions",
        "the values that a saga keeps of an old message go into commands as they are",
        "SagaBatch._renew",
        instead("return\n"),
        UPGRADED + "test_a_saga_goes_on_whose_command_waits[sqlite]",
    ),
    "value-that-is-not-kept-guessed": Plant(
        "Versions",
        "an upcaster gets a default for a value that the state of a saga does not keep",
        "_partial",
        swap('NotKept(f"{old.name}.{f.name}")', "''"),
        UPGRADED + "test_a_value_that_the_state_does_not_keep_is_never_guessed[sqlite]",
        under="sagas/older_facts",
    ),
    "lacking-saga-found-too-late": Plant(
        "Versions",
        "a saga in flight without a needed value is found when its message comes",
        "check",
        instead("return\n"),
        NEED_MORE + "test_a_reply_that_has_come_and_was_not_kept_refuses_the_start[embedded]",
        under="sagas/needed_facts",
    ),
    "half-message-for-a-hook": Plant(
        "Versions",
        "a new hook sees the defaults of fields whose values were not kept",
        "check",
        swap("if definition.hooked and not state.is_whole:", "if False:"),
        NEED_MORE + "test_a_hook_that_is_new_sees_no_half_message",
        under="sagas/needed_facts",
    ),
    "renamed-value-lost": Plant(
        "Versions",
        "the value of a renamed field is no longer found in the state of a saga",
        "rename",
        instead("return\n"),
        NEED_MORE + "test_a_field_that_is_renamed_keeps_its_value[embedded]",
        under="sagas/needed_facts",
    ),
    "forgotten-version-starts": Plant(
        "Versions",
        "code that has lost an old version starts, and its messages are unknown",
        "check_known",
        swap("if lost:", "if False:"),
        KNOWN + "test_a_forgotten_version_refuses_the_start_of_its_owner_and_its_readers",
    ),
    "command-without-a-schema": Plant(
        "Versions",
        "a command to another app leaves, and its schema is published nowhere",
        "Catalog.check_receiver",
        swap("if not self._declares_to_send(contract):", "if False:"),
        RUNS + "runtime/path/test_commands_of_handlers.py::"
        "test_an_undeclared_command_to_another_app_is_refused_to_its_sender[embedded]",
    ),
    "read-records-counted": Plant(
        "Versions",
        "a verdict on a schema counts records that the group has read",
        "_count",
        swap("None if part.position is None else origin.position(part.position)", "None"),
        UNREAD + "test_a_verdict_names_the_groups_that_have_old_records_to_read[embedded]",
        under="observability/unread_records",
    ),
    "bound-not-told": Plant(
        "Versions",
        "a count of records that reached its bound is given as the count of all",
        "_of_all",
        swap("unread.is_cut |= not is_whole", "unread.is_cut = False"),
        UNREAD + "test_a_count_of_records_is_bounded_and_says_so[embedded]",
        under="observability/unread_records",
    ),
}

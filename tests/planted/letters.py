"""Bugs by which a message is dropped in silence (G7)."""

from __future__ import annotations

from tests.planted.finders import RUNS, store
from tests.planted.planting import Plant, instead, swap

LETTERS = {
    "bytes-dropped": Plant(
        "G7",
        "bytes that nobody can read are acknowledged and dropped",
        "decode",
        swap('delivery.broken = Malformed(f"The headers are no envelope: {error}")', "delivery.settled = True"),
        RUNS + "idempotency/test_effects_once.py::test_bytes_that_are_no_message_are_kept_raw",
        under="runtime/path/delivery",
    ),
    "raw-bytes-lost": Plant(
        "G7",
        "a dead letter without the bytes of its message",
        "dead_letter",
        swap("value=record.value", 'value=b""'),
        RUNS + "idempotency/test_effects_once.py::test_bytes_that_are_no_message_are_kept_raw",
        under="dead_letters/dead_letter",
    ),
    "headers-lost": Plant(
        "G7",
        "a dead letter without the headers of its message",
        "dead_letter",
        swap("headers=record.headers", 'headers=b""'),
        RUNS + "idempotency/test_effects_once.py::test_a_failing_message_becomes_a_dead_letter_and_stops_nothing_else",
        under="dead_letters/dead_letter",
    ),
    "cause-lost": Plant(
        "G7",
        "a dead letter without its cause",
        "dead_letter",
        swap("cause=text_of(error)", 'cause=""'),
        RUNS + "idempotency/test_effects_once.py::test_a_failing_message_becomes_a_dead_letter_and_stops_nothing_else",
        under="dead_letters/dead_letter",
    ),
    "no-dead-letter": Plant(
        "G7",
        "a message that failed in all tiers is dropped",
        "Letters.write",
        swap("await session.dead_letters.add([letter])", "pass"),
        RUNS + "idempotency/test_effects_once.py::test_a_failing_message_becomes_a_dead_letter_and_stops_nothing_else",
    ),
    "no-copy-on-the-dlq": Plant(
        "G7",
        "a dead letter is not on its DLQ topic",
        "Letters.write",
        swap("await self.send_raw(session, delivery, dlq_topic(delivery.topic, self.group), now_us)", "pass"),
        RUNS + "runtime/failing/test_retries.py::test_the_walk_through_the_tiers_to_the_dead_letter",
    ),
    "tier-early": Plant(
        "G7",
        "a retry comes before its tier's wait is over",
        "Aside.retry_later",
        swap(
            "due_us = now_us + duration_us(wait_s * self.pipeline.time_scale)",
            "due_us = now_us + duration_us(wait_s * self.pipeline.time_scale / 2)",
        ),
        RUNS + "testing/test_scenario.py::test_each_tier_is_waited_for_to_its_end",
    ),
    "no-fault": Plant(
        "G7",
        "a dead letter is told as a Fault to nobody",
        "Letters.write",
        swap("await self._tell(session, letter, delivery, now_us)", "pass"),
        RUNS + "runtime/failing/test_faults.py::test_a_dead_letter_is_told_with_its_message_cause_and_tries",
    ),
    "conflict-dropped": Plant(
        "G7",
        "another content under a known id is dropped",
        "Admission.keep_letter",
        instead("return\n"),
        RUNS + "idempotency/test_effects_once.py::test_the_same_id_with_another_content_becomes_a_dead_letter",
    ),
    "gap-not-kept": Plant(
        "G7",
        "what comes before its predecessor is not kept",
        "Admission.keep_place",
        swap("await session.parking.add([row])", "pass"),
        RUNS + "runtime/failing/test_retries.py::test_a_gap_is_waited_for_and_filled",
    ),
    "held-not-kept": Plant(
        "G7",
        "what comes behind a parked message of its key is not kept",
        "Admission._settle",
        swap('await session.parking.add([parked_row(delivery, group, "behind", now_us)])', "pass"),
        RUNS + "runtime/failing/test_retries.py::test_of_a_parked_key_nothing_passes_and_others_flow",
    ),
    "last-tier-drops": Plant(
        "G7",
        "after the last tier a message is tried in it for ever",
        "decide",
        swap(
            "if counters.tiers < len(retry.tiers):", "if retry.tiers:", "retry.tiers[counters.tiers]", "retry.tiers[-1]"
        ),
        RUNS + "runtime/failing/test_retries.py::test_the_walk_through_the_tiers_to_the_dead_letter",
        under="retry_policy",
    ),
    "one-try-less": Plant(
        "G7",
        "a message is tried once less than declared",
        "decide",
        swap("counters.tries <= retry.in_place", "counters.tries < retry.in_place"),
        RUNS + "runtime/failing/test_retries.py::test_the_walk_through_the_tiers_to_the_dead_letter",
        under="retry_policy",
    ),
    "copy-opens-no-letter": Plant(
        "G7",
        "a message that dies again after its replay has no open letter",
        "ADD",
        swap("DO UPDATE SET status = 'open', reason", "DO UPDATE SET reason"),
        store("a_letter_is_kept_once_and_opens_again"),
        under="store/sqlite/dead_letters",
    ),
    "open-letter-purged": Plant(
        "G7",
        "a letter that is open is forgotten",
        "OLD",
        swap("status NOT IN ('open', 'replaying') AND closed_us < ?", "closed_us < ?"),
        store("letters_are_found_by_what_people_ask"),
        under="store/sqlite/dead_letters",
    ),
    "deaths-not-counted": Plant(
        "G7",
        "a message that kills the process is tried for ever",
        "Lanes._counted_try",
        swap("if careful and deaths > retry.in_place:", "if False:"),
        RUNS + "runtime/background/test_taken_back.py::test_a_message_that_kills_each_process_is_given_up",
    ),
    "tries-not-durable": Plant(
        "G7",
        "tries are counted anew by each process",
        "COUNT",
        swap("tries = tries + excluded.tries", "tries = excluded.tries"),
        store("what_was_in_hand_is_told_to_the_successor"),
        under="store/sqlite/claims",
    ),
}

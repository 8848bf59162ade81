"""Bugs by which a schema in Protobuf says another thing than it was written for, or one that misreads values passes."""

from __future__ import annotations

from tests.planted.planting import Plant, instead, swap

RULES = "tests/unit/schemas/evolution/test_protobuf.py::"
TEXTS = "tests/unit/registry_server/test_protobuf_text.py::"

PROTO_SCHEMAS = {
    "proto-number-cut-off": Plant(
        "Values",
        "an int64 may become an int32, and each large sum of money is another one",
        "_fits",
        instead("return True\n"),
        RULES + "test_a_change_that_reads_a_value_wrongly",
        under="schemas/evolution",
    ),
    "proto-oneof-clears": Plant(
        "Values",
        "two fields that are set together may move into one oneof, and the one read last clears the other",
        "_oneofs",
        swap("if len(together) > 1:", "if False:"),
        RULES + "test_a_change_that_reads_a_value_wrongly",
        under="schemas/evolution",
    ),
    "proto-class-requires": Plant(
        "Values",
        "a message class gets a field that it requires, and each older message of it is a dead letter",
        "_is_required",
        instead('return field.label == "required"\n'),
        RULES + "test_a_class_refuses_a_message_without_a_field_that_it_requires",
        under="schemas/evolution",
    ),
    "proto-name-as-text": Plant(
        "Values",
        "a name in a foreign descriptor becomes a declaration in the text that others read",
        "ProtobufText.parse",
        swap("if canonical(parse(found, references)) != file:", "if False:"),
        TEXTS + "test_a_hostile_descriptor_is_refused",
    ),
    "proto-order-of-messages": Plant(
        "Values",
        "messages are sorted by name, so the index in a frame names another message",
        "canonical",
        swap(
            "messages=tuple(_message(each, docs) for each in file.messages)",
            "messages=tuple(sorted((_message(each, docs) for each in file.messages), key=lambda each: each.name))",
        ),
        TEXTS + "test_the_order_of_messages_is_kept",
        under="schemas/protobuf",
    ),
}

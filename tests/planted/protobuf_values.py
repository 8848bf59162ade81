"""Bugs by which a value in Protobuf is read as another one, or a number is given twice."""

from __future__ import annotations

from tests.planted.planting import Plant, instead, swap

CODEC = "tests/unit/codec/test_protobuf.py::"
WRITERS = "tests/unit/codec/test_protobuf_writers.py::"
LOCK = "tests/unit/schemas/protobuf/test_lock.py::"

PROTOBUF_VALUES = {
    "protobuf-number-twice": Plant(
        "Values",
        "two branches give one number to two fields, and the lock is taken",
        "check_table",
        swap("if other != name:", "if False:"),
        LOCK + "test_a_merge_that_went_wrong_is_refused",
    ),
    "protobuf-numbers-of-its-own": Plant(
        "Values",
        "a process without the lock numbers the fields itself",
        "check_numbers",
        instead("return None\n"),
        CODEC + "test_a_message_without_numbers_is_refused_when_the_app_starts",
    ),
    "protobuf-fields-swapped": Plant(
        "Values",
        "the file of a writer that numbers its fields otherwise is not compared",
        "disagreement",
        instead('return ""\n'),
        WRITERS + "test_a_writer_whose_numbers_mean_other_fields_is_refused",
    ),
    "protobuf-zero-as-default": Plant(
        "Values",
        "a 0 that a writer without presence leaves out is read as the reader's default",
        "without_presence",
        instead("return frozenset()\n"),
        WRITERS + "test_a_field_that_its_writer_declares_without_presence_is_zero_when_it_is_absent",
    ),
    "protobuf-type-passed-over": Plant(
        "Values",
        "a field in another wire type, or a union's unknown member, is passed over as the decoder does",
        "ProtobufCodec.decode",
        swap("if message.ByteSize() != size:", "if False:"),
        CODEC + "test_bytes_that_are_no_value_or_may_be_another_are_malformed",
    ),
    "protobuf-not-weighed": Plant(
        "Values",
        "two bytes for each of half a million records are decoded before they are counted",
        "ProtobufGauge.is_light",
        instead("return True\n"),
        CODEC + "test_small_records_that_unfold_to_gigabytes_are_refused_before_they_are_decoded",
    ),
    "protobuf-depth-of-a-map": Plant(
        "Values",
        "a sender counts a level for a map, of which the decoder counts three",
        "ProtobufCodec._check_unfolded",
        swap("if known.is_recursive and len(data) > _DEEP_BYTES:", "if False:"),
        CODEC + "test_a_value_too_deep_within_itself_is_refused",
    ),
}

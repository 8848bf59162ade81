"""Bugs by which a value in JSON, or a message of another language, is read as another one."""

from __future__ import annotations

from tests.planted.planting import Plant, instead, swap

JSON = "tests/unit/codec/test_json.py::"
CODECS = "tests/conformance/test_codecs.py::"
MARKS = "tests/unit/schemas/test_marks.py::"

JSON_VALUES = {
    "json-key-twice": Plant(
        "Values",
        "a key that is there twice is read as the last one, and by another reader as the first",
        "_once",
        instead("return None\n"),
        JSON + "test_bytes_that_are_no_value_or_may_be_two_are_malformed",
        under="codec/json",
    ),
    "json-number-beyond-others": Plant(
        "Values",
        "a whole number beyond 2^53 is sent, which JavaScript reads as another",
        "_whole",
        instead("return value\n"),
        JSON + "test_a_value_that_json_cannot_say_exactly_is_refused_where_it_is_sent",
        under="schemas/json_schema/wire_form",
    ),
    "json-float-as-null": Plant(
        "Values",
        "infinity is sent as null",
        "_real",
        instead("return value\n"),
        JSON + "test_a_value_that_json_cannot_say_exactly_is_refused_where_it_is_sent",
        under="schemas/json_schema/wire_form",
    ),
    "json-default-left-out": Plant(
        "Values",
        "a field that its class leaves out is not written: a default that changes later changes what was sent",
        "_Compiler.record",
        swap("held = default\n", "continue\n"),
        JSON + "test_a_record_that_leaves_out_defaults_or_has_a_tag_is_written_with_its_fields_alone",
        under="schemas/json_schema/wire_form",
    ),
    "json-depth-not-bounded": Plant(
        "Values",
        "a document may lie within itself as deep as the parser goes",
        "_checked",
        swap("if is_too_deep(document):", "if False:"),
        JSON + "test_bytes_that_are_no_value_or_may_be_two_are_malformed",
        under="codec/json",
    ),
    "json-defaults-not-weighed": Plant(
        "Values",
        "what the reader's defaults add to each object is not counted",
        "JsonGauge.is_light",
        instead("return True\n"),
        JSON + "test_small_objects_that_unfold_to_gigabytes_of_defaults_are_refused",
    ),
    "json-schema-from-outside": Plant(
        "Values",
        "a schema that refers to a file or an address is taken",
        "_check_schema",
        swap('not each["$ref"].startswith("#")', "False"),
        JSON + "test_a_schema_that_leads_outside_or_has_no_end_is_refused",
    ),
    "language-of-today": Plant(
        "Values",
        "a message is read in the language of its class, and not in that of its writer",
        "DispatchingCodec.decode",
        swap(
            "codec = self._of(fingerprint) if MARK in fingerprint else self._default",
            "codec = self._of_language(shape.language)",
        ),
        CODECS + "test_a_message_that_changed_its_language_is_read_from_the_log",
    ),
    "old-name-forgotten": Plant(
        "Values",
        "a field that was renamed has its default when older JSON is read",
        "rename_of",
        instead("return None\n"),
        CODECS + "test_a_codec[a_renamed_field_is_read_under_its_earlier_name-JsonCodec-json]",
    ),
    "default-in-any-branch": Plant(
        "Values",
        "the default of a union is not in its first branch, where older readers of Avro look for it",
        "with_first",
        instead("return branches\n"),
        MARKS + "test_the_branch_of_the_default_is_the_first_of_its_union",
    ),
    "marks-in-the-fingerprint": Plant(
        "Values",
        "a field that is marked as personal gets another schema, which each reader fetches",
        "_FOR_PEOPLE",
        swap('("doc", "aliases", "pii", "subject")', '("doc", "aliases")'),
        MARKS + "test_marks_aliases_and_docstrings_change_no_fingerprint",
        under="schemas/avro",
    ),
}

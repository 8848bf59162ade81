"""The name of a schema in the frame of another program, as an envelope keeps it."""

from __future__ import annotations

import pytest

from partita.schemas.confluent.framing import SchemaId
from partita.schemas.confluent.registered_name import broken_frame, registered_id, registered_name, unframed_name

GUID = "89791762-2336-4186-9674-299b90a802e2"


@pytest.mark.parametrize("schema", [SchemaId(id=0), SchemaId(id=2**31 - 1), SchemaId(guid=GUID)])
@pytest.mark.parametrize("language", ["avro", "json", "protobuf"])
def test_a_name_leads_back_to_the_id(language: str, schema: SchemaId) -> None:
    assert registered_id(registered_name(language, schema)) == schema


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0123456789abcdef",
        "json:0123456789abcdef",
        "avro:id:",
        "avro:id:-1",
        "avro:id:1\n",
        "avro:guid:x",
        "id:1",
        "avro:id:٣",
    ],
)
def test_other_texts_are_no_names(text: str) -> None:
    """The registry is asked for nothing that it would refuse."""
    assert registered_id(text) is None


@pytest.mark.parametrize(
    ("header", "value", "said"),
    [
        (None, b"", "An empty value has no frame"),
        (None, b'{"a": 1}', "The first byte 0x7b begins no frame"),
        (None, b"\x00\x00\x01", "ends after 3 of 5 bytes"),
        (None, b"\x01" + b"g" * 15, "ends after 16 of 17 bytes"),
        (None, b"\x00\xff\xff\xff\xff1", "ids end at"),
        (b"", b"\x00", "An empty value has no frame"),
        (b"\x00\x00\x00\x00\x01\x09", b"value", "has 1 bytes more than an id"),
        (b"7", b"value", "The first byte 0x37"),
    ],
)
def test_a_broken_frame_says_its_reason(header: bytes | None, value: bytes, said: str) -> None:
    error = broken_frame(unframed_name(header), value)
    assert said in error.what and "JSON a content type" in error.what


@pytest.mark.parametrize("name", ["unframed:header:zz", "unframed:header:0000000001"])
def test_a_name_that_another_program_made_up_is_refused_too(name: str) -> None:
    """The attribute `partitaschema` may hold any text."""
    assert "names no schema" in broken_frame(name, b"").what

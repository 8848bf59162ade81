"""Frames say which schema a value has, byte for byte as other clients write them."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies

from partita.errors import Malformed
from partita.schemas.confluent.framing import (
    ID_MAX,
    Framed,
    Indexed,
    SchemaId,
    frame_of,
    framed,
    indexed,
    message_of_header,
    schema_of_header,
    unframed,
    unindexed,
)

GUID = "89791762-2336-4186-9674-299b90a802e2"
IDS = strategies.integers(0, ID_MAX)
PATHS = strategies.lists(strategies.integers(0, 2**31 - 1), min_size=1, max_size=100)


@pytest.mark.parametrize(
    ("schema", "frame"),
    [
        (SchemaId(id=1), "0000000001"),
        (SchemaId(id=0), "0000000000"),
        (SchemaId(id=258), "0000000102"),
        (SchemaId(id=ID_MAX), "007fffffff"),
        (SchemaId(guid=GUID), "0189791762233641869674299b90a802e2"),
    ],
)
def test_frames_are_the_protocols(schema: SchemaId, frame: str) -> None:
    assert frame_of(schema).hex() == frame
    assert unframed(bytes.fromhex(frame) + b"\x00value") == Framed(schema, b"\x00value")
    assert schema_of_header(bytes.fromhex(frame)) == schema


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ([0], "00"),
        ([1], "0202"),  # the second message
        ([1, 0], "040200"),  # the first one within the second one: outer first
        ([0, 1], "040002"),
        ([2, 0, 1], "06040002"),
        ([0, 0], "040000"),
        ([64], "028001"),
        ([2**31 - 1], "02feffffff0f"),
    ],
)
def test_index_paths_are_the_protocols(path: list[int], written: str) -> None:
    """As Confluent's serializer was seen to write them."""
    assert indexed(path, b"value") == bytes.fromhex(written) + b"value"
    assert unindexed(bytes.fromhex(written) + b"value") == Indexed(tuple(path), b"value")


def test_the_long_form_of_the_first_message_is_read() -> None:
    """A serializer that does not shorten it writes a count of one and the index."""
    assert unindexed(b"\x02\x00value") == Indexed((0,), b"value")


@given(IDS, strategies.binary())
def test_a_framed_value_comes_back(number: int, payload: bytes) -> None:
    assert unframed(framed(number, payload)) == Framed(SchemaId(id=number), payload)


@given(PATHS, strategies.binary())
def test_an_index_path_comes_back(path: list[int], payload: bytes) -> None:
    assert unindexed(indexed(path, payload)) == Indexed(tuple(path), payload)


@given(strategies.binary(max_size=40))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """A record of another program: no byte of it may end a consumer."""
    for read in (unframed, schema_of_header, unindexed):
        try:
            read(data)
        except Malformed as error:
            assert error.what


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"\x00\x00\x00\x01", "4 of 5"),
        (b"\x01" + bytes(15), "16 of 17"),
        (b"\x02" + bytes(20), "0x02"),
        (b"{}", "0x7b"),
        (b"\x00\x80\x00\x00\x00", "2147483648"),
    ],
)
def test_a_broken_frame_is_refused_with_its_reason(data: bytes, said: str) -> None:
    with pytest.raises(Malformed, match=said):
        unframed(data)


@pytest.mark.parametrize(
    "data", [b"", b"\x80", b"\x02", b"\x02\x01", b"\x01", b"\x04\x00", b"\xff\xff\xff\xff\x0f", b"\x80" * 6, b"\xca\x01" + bytes(101)]
)  # fmt: skip
def test_a_broken_index_path_is_refused(data: bytes) -> None:
    """Also one that claims a million parts in three bytes."""
    with pytest.raises(Malformed, match="index path"):
        unindexed(data)


def test_a_header_is_an_id_and_nothing_else() -> None:
    with pytest.raises(Malformed, match="1 bytes more"):
        schema_of_header(frame_of(SchemaId(id=1)) + b"\x00")


@pytest.mark.parametrize("schema", [SchemaId(), SchemaId(id=-1), SchemaId(id=2**31), SchemaId(guid="none")])
def test_an_id_that_can_be_none_is_not_written(schema: SchemaId) -> None:
    with pytest.raises(ValueError):
        frame_of(schema)


@pytest.mark.parametrize("path", [[], [-1], [2**31], [0] * 101])
def test_a_path_that_can_be_none_is_not_written(path: list[int]) -> None:
    with pytest.raises(ValueError):
        indexed(path, b"")


def test_a_header_of_protobuf_has_the_index_path_too() -> None:
    """There the value has none."""
    assert message_of_header(bytes.fromhex("000000000700")) == (SchemaId(id=7), (0,))
    assert message_of_header(bytes.fromhex("0000000007040200")) == (SchemaId(id=7), (1, 0))
    for broken in ("0000000007", "00000000070000", "000000000704", "0700"):
        with pytest.raises(Malformed):
            message_of_header(bytes.fromhex(broken))

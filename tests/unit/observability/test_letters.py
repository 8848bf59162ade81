"""A dead letter as people read it, before and after it is mended."""

from __future__ import annotations

from partita import Event, Key, Service
from partita.catalog.contract import contract_of
from partita.codec.connect import connect_codec
from partita.message import Envelope, envelope_to_bytes
from partita.observability.letters import HEX_BYTES_MAX, View, difference, view
from partita.store.dead_letters import DeadLetter
from partita.testing.conformance.rows import dead_letter

service = Service("desk", namespace="editing.desk")


class Noted(Event, of=service):
    key: Key[str]
    cents: int


def letter_of(message: Noted) -> tuple[DeadLetter, View]:
    """The dead letter of a message, and its view by the codec that wrote it."""
    codec, contract = connect_codec(), contract_of(Noted)
    schema, value = codec.encode(contract.shape, message)
    envelope = Envelope("m1", "desk/1", contract.full_name, 1, "c", "event", schema=schema)
    letter = dead_letter(1)._replace(headers=envelope_to_bytes(envelope), value=value)
    return letter, view(letter, codec)


def test_a_value_is_shown_by_its_fields_and_its_bytes() -> None:
    letter, seen = letter_of(Noted(key="ann", cents=5))
    assert seen.fields == {"key": "ann", "cents": 5} and not seen.problem
    assert bytes.fromhex(seen.value_hex) == letter.value and bytes.fromhex(seen.headers_hex) == letter.headers


def test_headers_that_are_no_envelope_are_shown_as_bytes_and_few_of_them() -> None:
    """A letter may be a megabyte; a person looks at its beginning."""
    seen = view(dead_letter(1)._replace(headers=b"\xff", value=b"\x01" * 10_000), connect_codec())
    assert seen.fields is None and "not an envelope" in seen.problem
    assert seen.headers_hex == "ff" and len(bytes.fromhex(seen.value_hex)) == HEX_BYTES_MAX


def test_an_unknown_schema_is_the_problem() -> None:
    letter, _ = letter_of(Noted(key="ann", cents=5))
    seen = view(letter, connect_codec())  # a codec that has seen no schema yet
    assert seen.fields is None and seen.problem and seen.value_hex


def test_the_difference_names_changed_removed_and_added_fields() -> None:
    """Equal fields are left out: an operator reads the effect of the edit."""
    before = View({"key": "ann", "cents": 5, "gone": True}, "", "", "")
    after = View({"key": "ann", "cents": 6, "note": "by hand"}, "", "", "")
    assert difference(before, after) == [("cents", "5", "6"), ("gone", "true", ""), ("note", "", "by hand")]
    assert difference(before, before) == []

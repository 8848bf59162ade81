"""A dead letter keeps its record unchanged, under a name that no other record has."""

from __future__ import annotations

from partita.bus.port import Record
from partita.dead_letters.dead_letter import dead_letter, envelope_or_none, failure, name_of

UNREADABLE = Record("topic", 3, 7, "ann", b"no envelope", b"\x00\xff", 1)


def test_an_unreadable_record_is_kept_with_its_bytes() -> None:
    """The bytes are all that an operator has to find out the sender's meaning."""
    letter = dead_letter(UNREADABLE, "audit", ValueError("no"), 4, "letter-1", 99)

    assert envelope_or_none(UNREADABLE) is None
    assert (letter.headers, letter.value, letter.key) == (b"no envelope", b"\x00\xff", "ann")
    assert (letter.topic, letter.partition, letter.offset) == ("topic", 3, 7)
    assert (letter.type, letter.message_id) == ("", name_of(UNREADABLE))


def test_a_record_without_an_id_is_named_by_its_place_and_its_bytes() -> None:
    """A new log gives the same places to other records: they are other letters."""
    others = [
        UNREADABLE._replace(offset=8),
        UNREADABLE._replace(partition=4),
        UNREADABLE._replace(value=b"\x00\xfe"),
        UNREADABLE._replace(headers=b"no envelopf"),
    ]

    assert name_of(UNREADABLE) == name_of(UNREADABLE._replace(appended_us=2))
    assert len({name_of(record) for record in [UNREADABLE, *others]}) == 5


def test_a_letter_and_its_failures_have_one_fingerprint() -> None:
    """Letters are grouped by it, and an operator looks for the failures of a group."""
    error = ValueError("order 12 is closed")

    letter = dead_letter(UNREADABLE, "audit", error, 4, "letter-1", 99)
    stage = failure("audit", letter.message_id, "in place", 4, ValueError("order 13 is closed"), 98)

    assert letter.fingerprint == stage.fingerprint
    assert (letter.cause_type, letter.cause) == ("ValueError", "order 12 is closed")

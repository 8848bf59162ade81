"""Failures of one cause have one fingerprint, whatever numbers, ids and names their texts show."""

from __future__ import annotations

from partita.texts.cause import fingerprint


def charge(text: str) -> BaseException:
    """The error of a call that fails with this text."""
    try:
        raise ValueError(text)
    except ValueError as error:
        return error


def refund(text: str) -> BaseException:
    """The same, of another function."""
    try:
        raise ValueError(text)
    except ValueError as error:
        return error


def test_numbers_ids_and_quoted_words_make_no_difference() -> None:
    """A thousand letters of one cause are shown as one line with a count."""
    one = charge("order 0190f3c2-7d1e-7abc-8def-0123456789ab of 'ann' lacks 12.50 at 0x7f3a")
    other = charge("order 0190f3c2-0000-7abc-8def-ba9876543210 of 'bob' lacks 3 at 0xdead")
    assert fingerprint(one) == fingerprint(other)
    assert len(fingerprint(one)) == 12 and int(fingerprint(one), 16) >= 0


def test_another_text_another_type_and_another_place_are_other_causes() -> None:
    """One of them mended, the others' letters must not be replayed with its own."""
    try:
        raise KeyError("declined")
    except KeyError as error:
        key_error = error
    found = [fingerprint(each) for each in (charge("declined"), charge("closed"), refund("declined"), key_error)]
    assert len(set(found)) == len(found)


def test_an_error_without_a_stack_and_of_half_a_character_has_one_too() -> None:
    assert len(fingerprint(ValueError("half a character: \ud800"))) == 12

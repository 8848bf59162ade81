"""An entry of the audit is sealed with all entries before it: the seal of a changed entry no longer fits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from partita.operators.audit import actor, in_words, seal
from partita.store.dead_letters import LetterFilter
from partita.store.operations import AuditEntry

ENTRY = AuditEntry(7, 1_000_000, "ann", "dlq discard", "letter-1", "status=open", "test orders", "")
CHANGES: dict[str, Any] = {
    "at_us": 1_000_001,
    "actor": "bob",
    "verb": "dlq edit",
    "target": "letter-2",
    "detail": "",
    "reason": "real orders",
}


def changed(**fields: Any) -> AuditEntry:
    """The entry with these fields."""
    return ENTRY._replace(**fields)


@pytest.mark.parametrize("field", CHANGES)
def test_a_changed_field_breaks_the_seal(field: str) -> None:
    """An operator's action cannot be rewritten afterwards."""
    assert seal("before", changed(**{field: CHANGES[field]})) != seal("before", ENTRY)


def test_every_field_that_says_something_is_sealed() -> None:
    """The number is the entry's place in the chain, and the seal itself cannot be in it."""
    assert {*CHANGES, "seq", "hash"} == set(AuditEntry._fields)


def test_an_entry_behind_another_has_another_seal() -> None:
    """Otherwise an entry could be removed from the middle."""
    assert seal("before", ENTRY) != seal("", ENTRY)


def test_text_that_moves_from_one_field_to_the_next_breaks_the_seal() -> None:
    """Fields that are only joined would read the same."""
    assert seal("", changed(verb="dlq", target="discard x")) != seal("", changed(verb="dlq discard", target=" x"))


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ({}, "status=open"),
        ({"ids": ("01a2", "01a3")}, "status=open ids=01a2,01a3"),
        ({"status": ""}, ""),
    ],
    ids=["all open", "by id", "all"],
)
def test_a_filter_is_written_as_its_command_names_it(where: Mapping[str, Any], words: str) -> None:
    assert sorted(in_words(LetterFilter(**where)).split()) == sorted(words.split())


def test_the_actor_is_named_by_the_environment_else_by_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARTITA_ACTOR", "ann@desk")
    assert actor() == "ann@desk"
    monkeypatch.delenv("PARTITA_ACTOR")
    assert actor() not in ("", "ann@desk")

"""Frequent queries cost the same with a million rows of history: their plans scan no table of history."""

from __future__ import annotations

import sqlite3

import pytest

from partita.store.sqlite import dead_letters, inbox, key_rows, outbox, sagas, schema, tombstones, trail

HISTORY = {
    "dead_letter",
    "failure",
    "inbox",
    "key_numbers",
    "outbox",
    "saga",
    "saga_history",
    "tombstone",
}
STATEMENTS = {
    "dead_letters.OLD": (dead_letters.OLD, 2),
    "dead_letters.NEXT_FAILURES": (dead_letters.NEXT_FAILURES, 2),
    "dead_letters.FORGET_FAILURES": (dead_letters.FORGET_FAILURES, 3),
    "inbox.SEEN": (inbox.SEEN, 2),
    "inbox.RESOLVE": (inbox.RESOLVE, 4),
    "key_rows.READ": (key_rows.READ, 1),
    "outbox.UNSENT": (outbox.UNSENT, 2),
    "outbox.UNSENT_BESIDE_PARKED": (outbox.UNSENT_BESIDE_PARKED, 2),
    "outbox.STATUS": (outbox.STATUS, 0),
    "sagas.LOAD": (sagas.LOAD, 2),
    "sagas.UPDATE": (sagas.UPDATE, 12),
    "sagas.SPILL": (sagas.SPILL, 2),
    "sagas.DUE": (sagas.DUE, 3),
    "sagas.REARM": (sagas.REARM, 2),
    "sagas.FIND_OPEN": (sagas.FIND_OPEN, 3),
    "sagas.IN_FLIGHT": (sagas.IN_FLIGHT, 0),
    "tombstones.FIND": (tombstones.FIND, 1),
    "trail.BY_KEY": (trail.BY_KEY, 1),
    "trail.MESSAGES": (trail.MESSAGES, 1),
    "trail.MARKS": (trail.MARKS, 1),
    "trail.EDITS": (trail.EDITS, 1),
}


def scanned(sql: str, parameters: int) -> set[str]:
    """The tables of history that SQLite would read from end to end."""
    db = sqlite3.connect(":memory:")
    db.executescript(schema.MIGRATIONS[0])
    plan = [row[3].split() for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", ["[]"] * parameters)]
    db.close()
    return {words[1] for words in plan if words[0] == "SCAN"} & HISTORY


@pytest.mark.parametrize("name", STATEMENTS)
def test_the_statement_scans_no_history(name: str) -> None:
    """The outbox status once scanned it, for a count that need not be exact, and every query of `settled` paid for
    it."""
    assert not scanned(*STATEMENTS[name])


def test_a_scan_would_be_seen() -> None:
    """The shape of that mistake: two aggregates in one SELECT."""
    assert scanned("SELECT max(seq) - min(seq) FROM outbox", 0) == {"outbox"}

"""Mending while servers are killed: a command that gave no answer is asked again, or has happened."""

from __future__ import annotations

from pathlib import Path

from partita import Settings
from partita.errors import BusUnavailable
from partita.examples.proof.ground import Ground
from partita.examples.proof.mend import FIND, TRIES_MAX, Mended, Mending
from partita.examples.proof.reading import DatabaseFiles, LogFile, Loop, Rows

EDIT = 1


class OpenLetter(DatabaseFiles):
    """Databases that hold one open dead letter."""

    letter = "letter-1"

    def query(self, service: str, sql: str, **params: object) -> Rows:
        """The letter."""
        return [(self.letter,)] if sql == FIND else []


def test_a_command_without_an_answer_is_no_failed_try_and_may_have_happened(tmp_path: Path) -> None:
    """An edit commits and its server is killed before it can answer. The second edit is refused, since another letter
    is in its place: the demo takes that letter."""
    loop, databases, told = Loop(), OpenLetter(tmp_path), list[str]()
    mending = Mending(Ground(Settings(data=tmp_path), databases, LogFile(tmp_path), loop), 7, told.append)
    mending._now, mending._step = Mended("ord_7_000001", "letter-1", "Norway"), EDIT

    for _ in range(TRIES_MAX + 1):
        mending._end(BusUnavailable.exit_code, "", "No broker answers.")
    assert not mending.failed and mending._step == EDIT

    databases.letter = "letter-2"
    mending._end(BusUnavailable.exit_code, "", "The database is away.")
    assert mending._now.letter == "letter-2" and mending._step == EDIT + 1

    for _ in range(TRIES_MAX):
        mending._end(1, "", "it cannot be")
    assert "it cannot be" in mending.failed
    loop.close()

"""The summary line of the long proof says what broke."""

from __future__ import annotations

from pathlib import Path

import pytest
from servers.prove import Progress, summary

from partita import Settings
from partita.examples.proof.demo import Demo, DemoOptions, Numbers, Outcome
from partita.examples.proof.ground import Ground
from partita.examples.proof.ledger import CHECKS, Invariant
from partita.examples.proof.reading import DatabaseFiles, LogFile, Loop


def outcome(broken: dict[str, str], unmended: str = "", crashed: tuple[str, ...] = ()) -> Outcome:
    """The findings of a run: these invariants violated once each."""
    found = [Invariant(name, text, 10, [broken[name]] if name in broken else []) for name, text, _ in CHECKS]
    kills = {"kafka": 4, "relay-1": 3}
    return Outcome(Numbers(orders=900, kills=7), found, [], 60.0, kills, 1.0, "", {}, [], unmended, list(crashed))


def test_a_run_that_holds_says_how_often_the_servers_died() -> None:
    """A proof in which nothing was killed proves nothing: the reader must see it."""
    line = summary("run 1", outcome({}))
    assert "900 orders, 7 kills (kafka 4x, postgresql 0x)" in line
    assert "0 lost, 0 ghost, 0 twice, 0 inversions" in line and line.endswith("holds")


def test_what_broke_is_counted_and_shown() -> None:
    """Each kind by its own name, with an example."""
    said = {"I1": "ord_1 was accepted and is (missing)", "I5": "never committed", "I4": "two mails", "I7": "2 after 3"}
    line = summary("run 1", outcome(said, "not edited"))
    assert "1 lost, 1 ghost, 1 twice, 1 inversions" in line and "BROKEN" in line
    assert all(text in line for text in said.values()) and "not edited" in line


def test_a_process_that_crashed_breaks_the_run() -> None:
    """Whatever the invariants say: it was started again as if it had been killed."""
    line = summary("run 1", outcome({}, crashed=("relay-1 died by signal 6",)))
    assert "BROKEN" in line and "relay-1 died by signal 6" in line


def test_a_database_that_is_away_is_not_shown_as_empty(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A line of 0 orders in the middle of a run frightens its reader."""
    loop = Loop()
    running = Demo(
        DemoOptions(data=tmp_path), Ground(Settings(), DatabaseFiles(tmp_path), LogFile(tmp_path), loop), str
    )
    Progress("run 1")(running, Numbers(unread=5, kills=3), 0.0)
    Progress("run 1")(running, Numbers(orders=1_200, behind=7), 0.0)
    away, back = capsys.readouterr().out.splitlines()
    assert "the database does not answer  3 kills  draining, the log does not answer" in away
    assert "1,200 orders" in back and back.endswith("draining, 7 to handle")
    loop.close()

"""A user's program that is killed, and one that writes keys that handlers in other processes write, too."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.integration.foreign_hands import HANDS
from tests.integration.outbox.test_foreign_outbox import Place, place, trail
from tests.processes.test_processes import ROOT, process, send

from partita.message import envelope_from_bytes

__all__ = ["place"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
KEYS, NUMBERS = 5, 20


@contextmanager
def program(place: Place, what: str) -> Iterator[subprocess.Popen[bytes]]:
    """A user's program in a process of its own; killed at the end."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.foreign_hands", place.name, place.url, what, str(KEYS), str(NUMBERS)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert child.stdout is not None and child.stdin is not None
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()


def test_a_program_killed_between_commit_and_relay_has_sent_what_it_committed_and_no_more(place: Place) -> None:
    """SIGKILL, with one transaction committed, one open, and no relay running; a relay that starts later sends the
    one message."""
    with program(place, "die") as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"committed\n"
    assert place.own_rows() == [("kept", 1)]
    assert place.arrived() == [("kept", 1)]
    assert place.arrived() == [("kept", 1)], "a relay that starts again sends nothing twice"


def test_handlers_and_a_program_write_the_same_keys(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers are dense and rows are in their order, whichever program wrote them. With a gap or a double number a
    receiver that keeps the order of keys would wait or drop."""
    if HANDS[place.name][0] == "postgresql":
        monkeypatch.setenv("PARTITA_STORE", place.url)
    data = place.app.settings.data
    with process(data, "source", "relay"), program(place, "write") as child:
        asyncio.run(send(data, KEYS, range(NUMBERS)))
        assert child.wait(120) == 0
    numbers: dict[str, list[int]] = {}
    for row in asyncio.run(trail(place.app)):
        numbers.setdefault(str(row.key), []).append(envelope_from_bytes(row.headers).key_sequence)
    assert numbers == {f"k{key}": list(range(1, 3 * NUMBERS + 1)) for key in range(KEYS)}
    rows = place.arrived()
    assert len(rows) == len(set(rows)) + KEYS * NUMBERS, "handlers and the program send the same numbers 0 to 19"
    assert len(rows) == 3 * KEYS * NUMBERS

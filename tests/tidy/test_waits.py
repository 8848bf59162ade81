"""Tests wait for states and use the ports: the places that let real time pass or patch the code stay below their limits."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.tidy.waits import patches, sleeps

ROOT = Path(__file__).resolve().parents[2]
# Lowered with each that goes; none is ever raised. A sleep that remains is itself the subject (a slow provider, a process
# that is killed after so long); a patch that remains is a fault in a place that no port reaches.
SLEEPS_MAX = 25
PATCHES_MAX = 25

SLEEPING = {
    "asyncio": "async def test_it() -> None:\n    await asyncio.sleep(0.1)\n",
    "time": "def test_it() -> None:\n    time.sleep(seconds)\n",
    "a clock": "async def test_it() -> None:\n    await app.system.clock.sleep(1)\n",
    "imported": "async def test_it() -> None:\n    await sleep(1)\n",
}
PATCHING = {
    "monkeypatch": "def test_it(monkeypatch) -> None:\n    monkeypatch.setattr(bus, 'append', fails)\n",
    "a context": "def test_it(patched) -> None:\n    patched.delattr(bus, 'append')\n",
    "mock": "from unittest import mock\n\n\n@mock.patch('partita.bus')\ndef test_it() -> None: ...\n",
    "assigned": "from partita.runtime.background import timers\n\ntimers.LOOK_S = 0.1\n",
    "assigned deep": "import partita.bus\n\npartita.bus.kafka.POLL_S += 1\n",
    "setattr": "from partita.bus.log.bus import LogBus\n\nsetattr(LogBus, 'lag', None)\n",
}
ALLOWED = {
    "a turn of the loop": "async def test_it() -> None:\n    await asyncio.sleep(0)\n",
    "virtual time": "@virtually\nasync def test_it() -> None:\n    await asyncio.sleep(60)\n",
    "within virtual time": "@virtually\nasync def test_it() -> None:\n    async def wait():\n        await clock.sleep(60)\n",
    "a setting": "def test_it(monkeypatch) -> None:\n    monkeypatch.setenv('PARTITA_DATA', 'x')\n",
    "its own object": "def test_it() -> None:\n    bank = Bank()\n    bank.on_deposit = fails\n    setattr(bank, 'x', 1)\n",
}


def test_no_more_places_let_time_pass() -> None:
    """A test that sleeps is slow on each machine, and red on a busy one: `tests.waiting.until`, or `@virtually`."""
    found = sleeps(ROOT)
    assert len(found) <= SLEEPS_MAX, "\n" + "\n".join(found)


def test_no_more_places_are_patched() -> None:
    """A patch holds a name inside the code fast: a wrapper of a port (`App.connect_bus`, `App.connect_store`), a
    provider (`app.replace`) or a machine (`App(machine=...)`) does not."""
    found = patches(ROOT)
    assert len(found) <= PATCHES_MAX, "\n" + "\n".join(found)


@pytest.mark.parametrize("case", SLEEPING)
def test_a_planted_sleep_is_counted(case: str, tmp_path: Path) -> None:
    assert len(sleeps(_tree(tmp_path, SLEEPING[case]))) == 1


@pytest.mark.parametrize("case", PATCHING)
def test_a_planted_patch_is_counted(case: str, tmp_path: Path) -> None:
    assert len(patches(_tree(tmp_path, PATCHING[case]))) == 1


@pytest.mark.parametrize("case", ALLOWED)
def test_what_is_allowed_is_not_counted(case: str, tmp_path: Path) -> None:
    found = _tree(tmp_path, ALLOWED[case])
    assert (sleeps(found), patches(found)) == ([], [])


def _tree(root: Path, source: str) -> Path:
    path = root / "tests/unit/test_noun.py"
    path.parent.mkdir(parents=True)
    path.write_text(source, encoding="utf-8")
    return root

"""The time of an embedded system: it counts elapsed time, also while the machine slept, and no step of the wall
clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from partita.clock import US, SystemClock
from partita.machine.system import this_machine
from partita.machine.time_base import FILE, Reading, TimeBase, agreed, read_clocks, time_base

DAY_US = 86_400 * US
STARTED = Reading("boot", 5_000, 1_000 * US)
BASE = agreed(None, STARTED)


def test_the_wall_clock_is_read_once_a_boot() -> None:
    assert TimeBase("boot", 5_000, 1_000 * US) == BASE
    stepped = Reading("boot", 6_000, 1_000 * US + 11 * 60 * US)
    assert agreed(BASE, stepped) == BASE, "a process that starts after a step goes by what the others go by"


@pytest.mark.parametrize(
    "now",
    [
        Reading("next boot", 100, 1_000 * US + DAY_US),
        Reading("boot", 4_999, 1_000 * US + DAY_US),
        Reading("", 9_000, 1_000 * US + DAY_US),
    ],
    ids=["another boot", "less time since boot than was kept", "a system that names no boot"],
)
def test_after_a_boot_only_the_wall_knows_how_long_the_machine_was_off(now: Reading) -> None:
    assert agreed(BASE, now) == TimeBase(now.boot, now.boot_ns, now.wall_us)
    assert agreed(TimeBase("", 0, 7), now).us == now.wall_us


def test_the_clock_goes_on_by_what_elapsed_alone() -> None:
    """Sleep counts as elapsed time, and the wall clock is not even read."""
    elapsed = 5_000
    clock = SystemClock(1_000 * US, 5_000, lambda: elapsed)
    assert clock.now_us() == 1_000 * US
    elapsed += 8 * 3_600 * 10**9
    assert clock.now_us() == 1_000 * US + 8 * 3_600 * US


def test_it_never_begins_before_what_is_stored() -> None:
    """A machine that boots without a battery reports 1970: no timer would fire for 50 years."""
    elapsed = 0
    clock = SystemClock(10, 0, lambda: elapsed)
    clock.not_before(1_000)
    assert clock.now_us() == 1_000
    clock.not_before(500)
    elapsed = 2_000
    assert clock.now_us() == 1_002


def test_processes_of_a_folder_agree(tmp_path: Path) -> None:
    """Also a process that starts after the wall clock was set 11 minutes forward, and one that only reads."""
    now = read_clocks()
    first = time_base(tmp_path, now, keep=True)
    later = now._replace(wall_us=now.wall_us + 11 * 60 * US)
    assert time_base(tmp_path, later, keep=True) == time_base(tmp_path, later, keep=False) == first
    assert time_base(None, later, keep=False).us == later.wall_us


def test_a_machine_goes_by_what_its_folder_has_agreed_on(tmp_path: Path) -> None:
    now = read_clocks()
    time_base(tmp_path, now._replace(wall_us=now.wall_us - DAY_US), keep=True)
    apart = this_machine(folder=tmp_path).clock.now_us() - this_machine().clock.now_us()
    assert apart == pytest.approx(-DAY_US, abs=5 * US)


@pytest.mark.parametrize("content", ["", "nonsense", "boot 1", "boot x 2", "boot 1 2 3"])
def test_a_file_that_cannot_be_read_is_written_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    base = time_base(tmp_path, read_clocks(), keep=True)
    assert abs(base.us - read_clocks().wall_us) < 60 * US
    assert time_base(tmp_path, read_clocks(), keep=False) == base


def test_a_look_leaves_nothing_behind(tmp_path: Path) -> None:
    time_base(tmp_path / "data", read_clocks(), keep=False)
    assert not (tmp_path / "data").exists()

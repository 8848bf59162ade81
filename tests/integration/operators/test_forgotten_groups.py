"""An operator forgets a group that no longer exists: the log keeps records until its groups have read them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from click.testing import CliRunner, Result

from partita.bus.connect import connect_bus
from partita.bus.port import Outgoing
from partita.cli.consumers import consumers
from partita.errors import Conflict, NotFound
from partita.machine.system import this_machine
from partita.machine.wake import SocketWake


def forget(data: Path, *words: str) -> Result:
    return CliRunner().invoke(consumers, ["forget", *words, "--data", str(data)])


def groups(data: Path, *, leave_behind: str = "") -> set[str]:
    """The groups that the log knows, after one group has read and left."""

    async def run() -> set[str]:
        bus = connect_bus(data / "log.db", this_machine(), SocketWake(data / "wake")).bus
        await bus.open()
        if leave_behind:
            await bus.append([Outgoing("t", "k", b"h", b"v", "1")])
            subscription = bus.subscribe(leave_behind, ["t"], "a")
            subscription.done((await subscription.poll(10)).records)
            await subscription.close()
        found = {lag.group for lag in await bus.lag()}
        await bus.close()
        return found

    return asyncio.run(run())


def test_a_group_that_left_is_forgotten_when_a_person_says_so(tmp_path: Path) -> None:
    assert groups(tmp_path, leave_behind="reports") == {"reports"}
    shown = forget(tmp_path, "reports", "--dry-run")
    assert shown.exit_code == 0 and "would be forgotten in 4 partitions" in shown.output
    assert groups(tmp_path) == {"reports"}
    done = forget(tmp_path, "reports", "--yes", "--reason", "the job is gone")
    assert done.exit_code == 0 and "reports is forgotten" in done.output
    assert groups(tmp_path) == set()
    again = forget(tmp_path, "reports", "--yes")
    assert isinstance(again.exception, NotFound) and "no group reports" in str(again.exception)


def test_a_group_of_the_app_is_not(tmp_path: Path) -> None:
    """Its service would begin at the oldest record again: `reset` is for that."""
    groups(tmp_path, leave_behind="payment-service")
    done = forget(tmp_path, "payment-service", "--yes")
    assert isinstance(done.exception, Conflict) and "is a group of this app" in str(done.exception)
    assert groups(tmp_path) == {"payment-service"}

"""A partition that comes back to who held it, as after a restart of the broker: nobody died of what was in his hands."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from partita.bus.port import Polled, Record
from partita.runtime.consumer import Consumer
from partita.runtime.lanes import Place
from partita.runtime.system import System


class Script:
    """A subscription that says what it is told to."""

    def __init__(self, *polls: Polled) -> None:
        self.on_wake = lambda: None
        self.polls = deque(polls)

    async def poll(self, count: int) -> Polled:
        """The next of the script."""
        return self.polls.popleft()

    def done(self, records: Sequence[Record]) -> None:
        """Nothing is written."""

    async def release(self, partitions: Sequence[tuple[str, int]]) -> None:
        """Nobody waits for them."""

    async def close(self) -> None:
        """Nothing is held."""


async def eight_records(bank: Any, system: System) -> tuple[Sequence[Record], list[Place]]:
    """What eight deposits leave on the log, and the partitions it lies in."""
    for name in "abcdefgh":
        await bank.app.send(bank.Deposit(name=name, cents=1))
    while system.relays["bank"].relayed < 8:
        await system.clock.sleep(0.01)
    probe = system.bus.subscribe("probe", ["test.bank.events"], "probe")
    records = (await probe.poll(100)).records
    await probe.close()
    return records, sorted({record.at for record in records})


async def test_what_was_in_hand_is_suspect_only_to_a_successor(bank: Any) -> None:
    """Suspects go one at a time, each counted first: after a broker's restart a thousand innocent ones would."""
    async with bank.app.running(services=["bank", "audit"], roles=("relay",)) as system:
        records, places = await eight_records(bank, system)

        def consumer(member: str, *polls: Polled) -> Consumer:
            return Consumer(system.pipelines["audit"], lambda: Script(*polls), member)

        one = consumer("one", Polled(records, places, ()), Polled(records, places, places))
        two = consumer("two", Polled(records, places, ()))

        await one.step(0.0)
        await one.step(1.0)
        assert not len(one.lanes), "they came back to these very hands"

        await two.step(2.0)
        assert len(two.lanes) == 8, "who had them in hand may have died of one"
        await two.stop()
        await one.stop()
    assert sorted(bank.calls) == list("abcdefgh")


async def test_what_was_suspect_before_stays_so(bank: Any) -> None:
    """The broker's restart between must not wash a message clean that kills the process."""
    async with bank.app.running(services=["bank", "audit"], roles=("relay",)) as system:
        records, places = await eight_records(bank, system)
        dead = Consumer(system.pipelines["audit"], lambda: Script(Polled(records, places, ())), "dead")
        again = Script(Polled((), places, ()), Polled((), (), places), Polled(records, places, ()))
        heir = Consumer(system.pipelines["audit"], lambda: again, "heir")

        await dead.step(0.0)
        for now in (1.0, 2.0, 3.0):
            await heir.step(now)
        assert len(heir.lanes) == 8
        await heir.stop()
        await dead.stop()

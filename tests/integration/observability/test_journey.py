"""A journey of a message that failed: its copies and its edits are shown as such, not as messages of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.waiting import until

from partita import App, Command, Event, Key, Retry, Service, Settings
from partita.cli.journey import drawing
from partita.observability.journey import journey
from partita.observability.letters import letters
from partita.operators.editing import propose, supersede
from partita.operators.replaying import Pace, Replay
from partita.store.dead_letters import LetterFilter


class Bank:
    """A bank whose audit accepts only round sums, and publishes an event for each."""

    def __init__(self, data: Path, store: str) -> None:
        bank = Service("bank", namespace="journey.bank")
        retry = Retry(in_place=0, delays=(0.02, 0.05), storm=10**9)
        audit = self.audit = Service("audit", namespace="journey.audit", retry=retry)

        class Deposited(Event, of=bank):
            name: Key[str]
            cents: int

        class Deposit(Command[Deposited], of=bank):
            name: Key[str]
            cents: int

        class Noted(Event, of=audit):
            name: Key[str]

        self.Deposit: Any = Deposit

        @bank.handles(Deposit)
        async def deposit(cmd: Deposit) -> Deposited:
            return Deposited(name=cmd.name, cents=cmd.cents)

        @audit.on
        async def note(event: Deposited) -> Noted:
            if event.cents % 100:
                raise ValueError("no round sum")
            return Noted(name=event.name)

        self.app = App(bank, audit, settings=Settings(data=data, store=store))

    async def dead(self) -> str:
        """The id of the only open letter, once there is one."""

        async def found() -> list[str]:
            return [letter.id for letter in await letters(self.app.system.stores, LetterFilter())]

        (only,) = await until(found)
        return only

    async def edit(self, cents: int) -> None:
        """Edit the letter, and replay the copy."""
        system = self.app.system
        plan = await propose(
            system.stores, system.pipelines, system.ids, await self.dead(), {"cents": cents}, whole=False
        )
        await supersede(system.pipelines["audit"], plan.letter, plan.copy, actor="ann", reason="")
        job = Replay(self.audit, system.stores["audit"], system.clock, system.ids, "ann")
        await job.run((await job.begin(LetterFilter(), Pace(), "")).id)


async def test_copies_and_edits_of_a_message_are_shown_as_such(tmp_path: Path, store: str) -> None:
    """Each retry looked like a new message without a handler, and the edited one like a discarded one."""
    bank = Bank(tmp_path, store)
    async with bank.app.running() as system:
        await bank.app.send(bank.Deposit(name="ann", cents=1))
        await bank.dead()
        await bank.edit(2)
        await bank.edit(300)
        await bank.app.settled(dead_letters=True)
        hops = await journey(system.stores, "ann")

    told = [(hop.name, hop.depth, bool(hop.edit_of), [(x.by, x.outcome) for x in hop.handled]) for hop in hops]
    assert [each for each in told if each[0] != "Fault"] == [
        ("Deposit", 0, False, [("bank", "handled")]),
        ("Deposited", 1, False, [("audit", "edited")]),
        ("Deposited", 2, True, [("audit", "edited")]),
        ("Deposited", 3, True, [("audit", "handled")]),
        ("Noted", 4, False, []),
    ]
    assert [[(copy.by, copy.to) for copy in hop.copies] for hop in hops if hop.name == "Deposited"] == [
        [("audit", "retry-20ms"), ("audit", "retry-50ms"), ("audit", "dlq")],
        [("audit", "dlq")],
        [],
    ]
    text = "\n".join(drawing("ann", hops))
    assert text.count("audit: waits in retry-20ms") == 1 and text.count("audit: dead letter") == 2
    assert text.count("dlq edit -> audit (edited)") == 1 and text.count("dlq edit -> audit\n") == 1

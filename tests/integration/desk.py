"""A service that handles commands, events of another service and its own; a test writes raw records to its topics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.virtual_time import machine_here
from tests.waiting import until

from partita import App, Command, Event, Key, Retry, Service, Settings, Tx
from partita.bus.port import Outgoing
from partita.catalog.contract import contract_of
from partita.catalog.retry import Discard
from partita.message import Envelope, SagaAddress, envelope_to_bytes
from partita.operators.discarding import begin_discard, run_discard
from partita.store.dead_letters import LetterFilter

TABLES = """
CREATE TABLE IF NOT EXISTS done (at BIGINT NOT NULL, what TEXT NOT NULL, number BIGINT NOT NULL);
"""
DONE = "INSERT INTO done SELECT count(*), :what, :number FROM done"


def _policy(error: BaseException, counters: Any, message: Any) -> Any:
    return Discard("not worth it") if getattr(message, "fate", "") == "discarded" else None


class Desk:
    """`fate` says how a message ends: "fails", "discarded", or well. Handled messages are in `done`."""

    def __init__(self, data: Path, store: str = "", *, retry: Retry | None = None, **settings: Any) -> None:
        retry = retry or Retry(in_place=0, delays=(), policy=_policy)
        desk = self.desk = Service("desk", namespace="test.desk", tables=TABLES, retry=retry)
        yard = Service("yard", namespace="test.yard")

        class Moved(Event, of=yard):
            key: Key[str]
            number: int
            fate: str = ""

        class Shipped(Event, of=yard):
            key: Key[str]
            number: int
            parcel: str
            fate: str = ""

        class Ignored(Event, of=yard):
            key: Key[str]

        class Noted(Event, of=desk):
            key: Key[str]
            number: int
            fate: str = ""

        class Worked(Event, of=desk):
            key: Key[str]

        class Work(Command[Worked], of=desk):
            key: Key[str]
            number: int
            fate: str = ""

        class Unwork(Command[Worked], of=desk):
            key: Key[str]
            number: int
            fate: str = ""

        async def done(message: Any, tx: Any) -> None:
            if message.fate in ("fails", "discarded") and message.number not in self.healed:
                raise ValueError(f"{message.number} cannot be")
            await tx.execute(DONE, what=type(message).__name__, number=message.number)

        @desk.handles(Work)
        async def work(cmd: Work, tx: Tx) -> Worked:
            await done(cmd, tx)
            return Worked(key=cmd.key)

        @desk.handles(Unwork)
        async def unwork(cmd: Unwork, tx: Tx) -> Worked:
            await done(cmd, tx)
            return Worked(key=cmd.key)

        @desk.on
        async def moved(event: Moved, tx: Tx) -> None:
            await done(event, tx)

        @desk.on
        async def noted(event: Noted, tx: Tx) -> None:
            await done(event, tx)

        @desk.on(dedupe_by="parcel")
        async def shipped(event: Shipped, tx: Tx) -> None:
            await done(event, tx)

        self.healed: set[int] = set()
        self.Moved, self.Shipped, self.Ignored, self.Noted = Moved, Shipped, Ignored, Noted
        self.Work, self.Unwork, self.Worked = Work, Unwork, Worked
        self.app = App(desk, yard, settings=Settings(data=data, store=store, **settings), machine=machine_here())

    def record(self, message: Any, number: int, message_id: str = "", **envelope: Any) -> Outgoing:
        """A message with number `number` of its key, as another program has written it to the bus."""
        contract = contract_of(type(message))
        fingerprint, value = self.app.system.codec.encode(contract.shape, message)
        message_id = message_id or f"{contract.name}-{message.key}-{number}"
        kind = "command" if contract.kind == "command" else "event"
        written = Envelope(
            message_id, "elsewhere/1", contract.full_name, 1, "c", kind, schema=fingerprint, key_sequence=number
        )
        for name, given in envelope.items():
            setattr(written, name, given)
        return Outgoing(contract.topic, message.key, envelope_to_bytes(written), value, message_id)

    def step(self, message: Any, number: int, kind: str) -> Outgoing:
        """A command of a saga's step."""
        return self.record(message, number, saga=SagaAddress("Checkout", "s1", "work", 1, kind))

    async def append(self, *records: Outgoing) -> None:
        """Append each by itself, in this order."""
        for record in records:
            await self.app.bus.append([record])

    async def done(self) -> list[int]:
        """The numbers of the handled messages, in order; those of 50 and more are of other keys."""
        async with self.app.store("desk").reading() as session:
            rows = await session.fetch("SELECT number FROM done WHERE number < 50 ORDER BY at", {})
        return [row["number"] for row in rows]

    async def until_done(self, *numbers: int) -> None:
        """Wait until these messages are handled, in this order."""

        async def all_done() -> bool:
            return len(await self.done()) >= len(numbers)

        await until(all_done, why=self.why)
        found = await self.done()
        assert found == list(numbers), f"{found}, not {list(numbers)}"

    async def until_parked(self, **counts: int) -> None:
        """Wait until this many messages are parked in each state."""

        async def are() -> bool:
            async with self.app.store("desk").reading() as session:
                status = await session.parking.status("desk")
            return all(getattr(status, state) == count for state, count in counts.items())

        await until(are, why=self.why)

    async def letters(self, status: str = "open") -> Sequence[Any]:
        """The dead letters, oldest first."""
        async with self.app.store("desk").reading() as session:
            return await session.dead_letters.find("desk", 1_000, LetterFilter(status=status))

    async def until_letters(self, count: int) -> Sequence[Any]:
        """Wait for `count` open letters."""

        async def are() -> bool:
            return len(await self.letters()) >= count

        await until(are, why=self.why)
        found = await self.letters()
        assert len(found) == count
        return found

    async def discard(self) -> None:
        """Discard the open letters as an operator does, once there is one."""
        await self.until_letters(1)
        store = self.app.store("desk")
        row = await begin_discard(store, self.desk, LetterFilter(), self.app.system.ids, reason="seen", by="ann")
        await run_discard(store, self.desk, row.id)

    async def why(self) -> str:
        """The parked messages, for the report of a failed test."""
        async with self.app.store("desk").reading() as session:
            keys = await session.parking.keys("desk", 10)
            rows = [row for topic, key in keys for row in await session.parking.of_key("desk", topic, key, 100)]
        letters = [(letter.message_id, letter.cause) for letter in await self.letters("")]
        return f"done {await self.done()}, parked {[(r.message_id, r.state) for r in rows]}, letters {letters}"

"""An undo and its command in two transactions at once, as two processes run them: the second sees the effect of the
first."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from partita import App, Command, Event, Key, Service, Settings, Tx
from partita.catalog.contract import contract_of
from partita.message import Envelope, SagaAddress
from partita.runtime.path.delivery import Delivery


class Till:
    """A service that charges, and refunds."""

    def __init__(self, data: Path, url: str) -> None:
        till = Service("till", namespace="test.till", tables="CREATE TABLE IF NOT EXISTS charge (n INT);")
        self.charged, self.go_on = asyncio.Event(), asyncio.Event()
        self.given_back: list[int] = []

        class Charged(Event, of=till):
            name: Key[str]

        class Refunded(Event, of=till):
            name: Key[str]

        class Charge(Command[Charged], of=till):
            name: Key[str]

        class Refund(Command[Refunded], of=till):
            name: Key[str]

        self.Charge, self.Refund = Charge, Refund

        @till.handles(Charge)
        async def charge(cmd: Charge, tx: Tx) -> Charged:
            await tx.execute("INSERT INTO charge VALUES (1)")
            self.charged.set()
            await self.go_on.wait()
            return Charged(name=cmd.name)

        @till.handles(Refund)
        async def refund(cmd: Refund, tx: Tx) -> Refunded:
            self.given_back.append(len(await tx.fetch_all("SELECT n FROM charge")))
            return Refunded(name=cmd.name)

        self.app = App(till, settings=Settings(data=data, store=url))

    def delivery(self, command: Any, kind: str) -> Delivery:
        """A command as a saga sends it."""
        system, contract = self.app.system, contract_of(type(command))
        fingerprint, value = system.codec.encode(contract.shape, command)
        message_id = system.ids.new()
        envelope = Envelope(
            message_id,
            "elsewhere",
            contract.full_name,
            1,
            message_id,
            "command",
            schema=fingerprint,
            saga=SagaAddress("Checkout", "s1", "pay", 1, kind),
        )
        interest = system.pipelines["till"].interests[contract.full_name]
        return Delivery(envelope, contract.topic, command.name, value, interest=interest, message=command)


async def test_an_undo_finds_what_its_command_did_meanwhile(database: str, tmp_path: Path) -> None:
    """Otherwise both would be acknowledged: charged, and shown as undone."""
    till = Till(tmp_path / "data", database)
    async with till.app.running(roles=()) as system:
        pipeline = system.pipelines["till"]
        charging = asyncio.ensure_future(pipeline.run([till.delivery(till.Charge(name="a"), "do")], ()))
        await asyncio.wait_for(till.charged.wait(), 10)
        undoing = asyncio.ensure_future(pipeline.run([till.delivery(till.Refund(name="b"), "undo")], ()))
        await asyncio.wait([undoing], timeout=0.3)
        till.go_on.set()
        await asyncio.gather(charging, undoing)
    assert till.given_back == [1]

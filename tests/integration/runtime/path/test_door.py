"""A sender in this process gets an answer, whatever happens to the transaction of its command."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import Bank

from partita import App, Command, Event, Key, Service, Settings
from partita.errors import PartitaError, StoreContended
from partita.runtime.path import door
from partita.runtime.path.pipeline import Pipeline


def instead(monkeypatch: pytest.MonkeyPatch, trouble: Callable[[], Any]) -> None:
    """An event in place of a batch at the door of the bank."""
    run = Pipeline.run

    async def trouble_first(self: Any, deliveries: Any, held: Any, **options: Any) -> Any:
        if not held and self.service.name == "bank":
            await trouble()
        return await run(self, deliveries, held, **options)

    monkeypatch.setattr(Pipeline, "run", trouble_first)


async def test_a_defect_is_told_to_all_who_wait(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """They have left the queue already, and would wait for ever."""

    async def defect() -> None:
        raise RuntimeError("a defect")

    instead(monkeypatch, defect)
    async with bank.app.running(), asyncio.timeout(10):
        sends = (bank.app.send(bank.Deposit(name=f"n{n}", cents=1)) for n in range(20))
        told = await asyncio.gather(*sends, return_exceptions=True)
    assert [str(each) for each in told] == ["a defect"] * 20


async def test_who_waits_when_the_process_ends_is_told_that_it_may_be_handled(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The transaction takes longer than the grace, and is cut off."""
    begun = asyncio.Event()

    async def stand_still() -> None:
        begun.set()
        await asyncio.Event().wait()

    instead(monkeypatch, stand_still)
    async with bank.app.running() as system:
        system.settings = Settings(data=system.settings.data, grace_s=0.1)
        send = asyncio.create_task(bank.app.send(bank.Deposit(name="n", cents=1)))
        await begun.wait()
    with pytest.raises(PartitaError, match="may be handled"):
        await asyncio.wait_for(send, 60)


async def test_a_send_that_calls_outside_runs_again_where_another_was_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two sends with one key are in each other's way in the same manner: the sender need not care."""
    app, pay = outside(tmp_path)
    run, left = door.run_outside, [2]

    async def in_the_way(*given: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise StoreContended("another was in the way")
        return await run(*given)

    monkeypatch.setattr(door, "run_outside", in_the_way)
    async with app.running(), asyncio.timeout(10):
        assert (await app.send(pay(id="p1"))).id == "p1"
    assert left == [0]


def outside(data: Path) -> tuple[App, Any]:
    """An app with one command whose handler calls outside."""
    payments = Service("payments", namespace="door.pay")

    class Paid(Event, of=payments):
        id: Key[str]

    class Pay(Command[Paid], of=payments):
        id: Key[str]

    @payments.handles(Pay, concurrency=4)
    async def pay(cmd: Pay) -> Paid:
        return Paid(id=cmd.id)

    return App(payments, settings=Settings(data=data)), Pay

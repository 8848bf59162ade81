"""A hook of a saga is the user's code: when it raises, one message or one instance has failed, and no other one waits
for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.integration.sagas.test_saga_runs import Shop
from tests.virtual_time import virtually
from tests.waiting import until

from partita.operators.steering import act_on_saga


class Trouble:
    """Raises an error in one hook for one order."""

    def __init__(self, hook: str, error: type[BaseException] = KeyError) -> None:
        self.hook = hook
        self.error = error

    def __call__(self, hook: str, key: str) -> None:
        if (hook, key) == (self.hook, "bad"):
            raise self.error("no such tariff")


@pytest.mark.parametrize("hook", ["command", "then"])
@virtually
async def test_a_message_whose_hook_raises_is_set_aside_and_the_others_go_on(tmp_path: Path, hook: str) -> None:
    """Also for the sender: its command is done, and it gets the reply, although the saga that it starts fails."""
    shop = Shop(tmp_path, hook=Trouble(hook))
    async with shop.app.running():
        async with asyncio.timeout(20):
            await asyncio.gather(*(shop.app.send(shop.Place(id=key)) for key in ("o1", "bad", "o2")))

        async def decided() -> bool:
            return [await shop.saga_status(key) for key in ("o1", "o2")] == ["completed", "completed"]

        await until(decided, 20)

        async def set_aside() -> bool:
            causes = await shop.fetch("orders", "SELECT DISTINCT cause FROM failure")
            return len(causes) == 1 and "no such tariff" in causes[0][0]

        await until(set_aside, 20)
        async with shop.app.store("orders").reading() as session:
            assert (await session.parking.status("orders")).waiting >= 1


@pytest.mark.parametrize("error", [KeyError, asyncio.CancelledError, SystemExit, StopIteration])
@virtually
async def test_a_timer_whose_hook_raises_waits_for_a_person_and_holds_up_nobody(
    tmp_path: Path, error: type[BaseException]
) -> None:
    """A step that timed out needs its undo. If the undo cannot be filled, this instance needs attention; when the
    code is corrected, an operator resumes it."""
    trouble = Trouble("undo", error)
    shop = Shop(tmp_path, hook=trouble, reserve_timeout=20.0, charge_timeout=200.0)
    async with shop.app.running(services=["orders"]) as system:
        for key in ("o1", "bad", "o2"):
            await shop.app.send(shop.Place(id=key))

        async def told() -> bool:
            states = [await shop.saga_status(key) for key in ("o1", "bad", "o2")]
            return states == ["compensating", "needs_attention", "compensating"]

        await until(told, 20)
        row = await shop.saga("bad")
        assert (
            f"its timer failed: {error.__name__}: " in row.last_error
            and "no such tariff" in row.last_error
            and row.due_us is None
        )
        trouble.hook = "none"
        await act_on_saga(
            system.pipelines["orders"], "Checkout", "bad", "resume", reason="the tariff is there", by="ann"
        )
    async with shop.app.running():

        async def over() -> bool:
            states = [await shop.saga_status(key) for key in ("o1", "bad", "o2")]
            return states[::2] == ["undone"] * 2 and states[1] in ("undone", "completed")

        await until(over, 20)

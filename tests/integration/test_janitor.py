"""What is past its time is forgotten, however it ended."""

from __future__ import annotations

from typing import Any

from partita.runtime.janitor import Janitor
from partita.store.trouble import Failure


async def test_a_failure_of_long_ago_is_forgotten(bank: Any) -> None:
    """Its message went well in the end: no letter takes it along."""
    async with bank.app.running(roles=()):
        store = bank.app.store("audit")
        now_us = await store.now_us()
        async with store.transaction() as session:
            await session.dead_letters.failed(
                [Failure("audit", f"m{at_us}", at_us, "in place", 1, "E", "e", "f") for at_us in (1, now_us)]
            )
        await Janitor(bank.audit, store).step(0.0)
        async with store.reading() as session:
            left = [await session.dead_letters.failures("audit", f"m{at_us}") for at_us in (1, now_us)]
    assert [len(each) for each in left] == [0, 1]

"""Python's garbage collection is tuned for batches, unless the user has set it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import pytest

from partita.runtime.system import COLLECT_EVERY


@pytest.fixture(autouse=True)
def kept() -> Iterator[None]:
    """Restore the thresholds of the process after the test."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


async def test_collection_is_set_for_batches(bank: Any) -> None:
    """Python's own setting costs a tenth of the throughput."""
    gc.set_threshold(700, 10, 10)
    async with bank.app.running():
        assert gc.get_threshold() == COLLECT_EVERY


async def test_no_search_for_cycles_in_the_middle_of_a_batch(bank: Any) -> None:
    """It would look at all objects of the batch and free none of them."""
    searches: list[str] = []
    async with bank.app.running():
        gc.collect()
        gc.callbacks.append(lambda phase, _: searches.append(phase))
        try:
            await asyncio.gather(*[bank.app.send(bank.Deposit(name=f"a{n}", cents=1)) for n in range(1_000)])
        finally:
            gc.callbacks.pop()
    assert not searches


async def test_who_has_set_it_keeps_his_own(bank: Any) -> None:
    """It is the user's process."""
    gc.set_threshold(5_000, 7, 7)
    async with bank.app.running():
        assert gc.get_threshold() == (5_000, 7, 7)

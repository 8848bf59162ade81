"""Python's garbage collection is tuned for batches, unless the user has set it."""

from __future__ import annotations

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


async def test_who_has_set_it_keeps_his_own(bank: Any) -> None:
    """It is the user's process."""
    gc.set_threshold(5_000, 7, 7)
    async with bank.app.running():
        assert gc.get_threshold() == (5_000, 7, 7)

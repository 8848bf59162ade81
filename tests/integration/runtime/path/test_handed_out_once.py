"""The bus returns each record once: a failure between that and its handling must not lose a record until the next
start."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.integration.conftest import Bank

PATIENCE_S = 20.0


def failing_once(inner: Callable[..., Any], error: BaseException) -> Callable[..., Any]:
    """As `inner`, except that the first call fails."""
    left = [error]

    def call(*args: Any, **kwargs: Any) -> Any:
        if left:
            raise left.pop()
        return inner(*args, **kwargs)

    return call


async def deposited(bank: Bank) -> list[int]:
    """Deposits that fail once each, and their results."""
    failed: set[str] = set()

    def fails_once(event: Any) -> None:
        if event.name not in failed:
            failed.add(event.name)
            raise ValueError("not yet")

    bank.on_deposit = fails_once
    for number in range(3):
        await bank.app.send(bank.Deposit(name=f"a{number}", cents=number))
    await bank.app.settled(PATIENCE_S)
    return sorted(row["cents"] for row in await bank.rows("audit", "SELECT cents FROM entry"))


async def test_memory_that_runs_out_while_records_are_decoded_loses_none(bank: Bank) -> None:
    async with bank.app.running() as system:
        pipeline: Any = system.pipelines["audit"]
        decoded = failing_once(type(pipeline).decoded, MemoryError())
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(type(pipeline), "decoded", decoded)
            assert await deposited(bank) == [0, 1, 2]


@pytest.mark.parametrize("error", [RuntimeError("cut off"), asyncio.CancelledError()], ids=["failed", "cancelled"])
async def test_a_failure_that_cannot_be_counted_loses_no_record(bank: Bank, error: BaseException) -> None:
    async with bank.app.running() as system:
        lanes: Any = system.consumers["audit"].lanes
        lanes.count_failure = failing_once(lanes.count_failure, error)
        assert await deposited(bank) == [0, 1, 2]

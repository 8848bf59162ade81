"""Another program holds the write lock of one service's file: that service waits, and no other one."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from partita import App, Command, Event, Key, Service, StoreUnavailable, seconds

left = Service("left", namespace="locked.left")
right = Service("right", namespace="locked.right")


class LeftDone(Event, of=left):
    key: Key[str]


class DoLeft(Command[LeftDone], of=left):
    key: Key[str]


class RightDone(Event, of=right):
    key: Key[str]


class DoRight(Command[RightDone], of=right):
    key: Key[str]


@left.handles(DoLeft)
async def do_left(cmd: DoLeft) -> LeftDone:
    return LeftDone(key=cmd.key)


@right.handles(DoRight)
async def do_right(cmd: DoRight) -> RightDone:
    return RightDone(key=cmd.key)


app = App(left, right)


@contextmanager
def locked(path: Path, how: str) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(f"BEGIN {how}")
        yield
        db.execute("ROLLBACK")


@pytest.mark.parametrize("how", ["IMMEDIATE", "EXCLUSIVE"])
async def test_other_services_go_on_and_the_loop_never_stands(tmp_path: Path, how: str) -> None:
    """Time does not move in this test: code that waited for the lock within the event loop would end before the lock
    does."""
    async with app.testing(data=tmp_path) as t:
        with locked(tmp_path / "left.db", how):
            waiting = asyncio.create_task(t.send(DoLeft(key="a")))
            assert (await t.send(DoRight(key="b"))).key == "b"
            assert not waiting.done()
        await t.advance(seconds(1))
        assert (await waiting).key == "a"
        await t.settled()


async def test_the_wait_has_an_end_that_says_why(tmp_path: Path) -> None:
    async with app.testing(data=tmp_path) as t:
        with locked(tmp_path / "left.db", "IMMEDIATE"):
            waiting = asyncio.create_task(t.send(DoLeft(key="a"), idempotency_key="1"))
            await t.advance(seconds(5))
            with pytest.raises(StoreUnavailable, match="another program holds its write lock"):
                await waiting
        again = asyncio.create_task(t.send(DoLeft(key="a"), idempotency_key="1"))
        await t.advance(seconds(5))
        assert (await again).key == "a"
        await t.settled()

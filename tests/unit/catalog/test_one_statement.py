"""Which handlers run side by side is read from their code: begun as part of a wave and then begun again alone, one would
call outside twice."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from partita import Rejection, Tx
from partita.catalog.one_statement import is_one_statement

SQL = "UPDATE t SET n = n + 1 WHERE id = :id RETURNING n"
LOCK = threading.Lock()


class Refused(Rejection):
    """A business no."""


def check(row: Any) -> None:
    """May raise anything."""


async def only_returns(event: Any) -> Any:
    return [event for _ in range(2)]


async def one(event: Any, tx: Tx) -> None:
    await tx.execute(SQL, id=event.id)


async def one_after_work(event: Any, tx: Tx) -> Any:
    total = sum(line.n for line in event.lines if line.n)
    for each in event.lines:
        tx.publish(each)
        tx.send(each)
    if total:
        row = await tx.fetch_one(SQL, id=event.id, total=[t for t in event.lines])
        if row is None:
            raise LookupError("no such row")
    return event


async def refuses_before(cmd: Any, tx: Tx) -> Any:
    if not cmd.lines:
        raise Refused()
    return await tx.fetch_all(SQL, id=cmd.id)


async def refuses_when_nothing_changed(cmd: Any, tx: Tx) -> Any:
    if not await tx.execute(SQL, id=cmd.id):
        raise Refused()


async def refuses_when_nothing_was_found(cmd: Any, tx: Tx) -> Any:
    row = await tx.fetch_one(SQL, id=cmd.id)
    if row is None and cmd.id:
        raise Refused()
    return row


async def refuses_what_it_named(cmd: Any, tx: Tx) -> Any:
    if (changed := await tx.execute(SQL, id=cmd.id)) == 0:
        raise Refused()
    return changed


async def fails_after(cmd: Any, tx: Tx) -> Any:
    row = await tx.fetch_one(SQL, id=cmd.id)
    if row is None or row["n"] < 0:
        raise LookupError("that is not a refusal")


FIT = [
    only_returns,
    one,
    one_after_work,
    refuses_before,
    refuses_when_nothing_changed,
    refuses_when_nothing_was_found,
    refuses_what_it_named,
    fails_after,
]


async def two(event: Any, tx: Tx) -> None:
    await tx.execute(SQL, id=event.id)
    await tx.execute(SQL, id=event.id)


async def outside(event: Any) -> None:
    await asyncio.to_thread(print, event)


async def outside_and_inside(event: Any, tx: Tx) -> None:
    await asyncio.sleep(0)
    await tx.execute(SQL)


async def either(event: Any, tx: Tx) -> None:
    await (tx.execute(SQL) if event.id else asyncio.sleep(0))


async def in_a_loop(event: Any, tx: Tx) -> None:
    for line in event.lines:
        await tx.execute(SQL, id=line)


async def while_it_lasts(event: Any, tx: Tx) -> None:
    while await tx.execute(SQL):
        pass


async def in_a_comprehension(event: Any, tx: Tx) -> Any:
    return [await tx.execute(SQL, id=line) for line in event.lines]


async def in_an_async_loop(event: Any, tx: Tx) -> None:
    async for _ in event.lines:
        tx.publish(event)


async def in_an_async_comprehension(event: Any, tx: Tx) -> Any:
    return [line async for line in event.lines]


async def in_a_limit(event: Any, tx: Tx) -> None:
    async with asyncio.timeout(1):
        await tx.execute(SQL)


async def under_a_lock(event: Any, tx: Tx) -> None:
    with LOCK:
        await tx.execute(SQL)


async def expects_its_failure(event: Any, tx: Tx) -> None:
    try:
        await tx.execute(SQL)
    except ValueError:
        tx.publish(event)


async def passes_it_on(event: Any, tx: Tx) -> None:
    await helper(tx)


async def helper(tx: Tx) -> None:
    await tx.execute(SQL)


async def lets_it_out(event: Any, tx: Tx) -> None:
    task = asyncio.create_task(helper(tx))
    await tx.execute(SQL)
    event.tasks.append(task)


async def keeps_it(event: Any, tx: Tx) -> None:
    event.kept = tx
    await tx.execute(SQL)


async def forgets_to_await(event: Any, tx: Tx) -> None:
    event.kept = tx.execute(SQL)


async def awaits_later(event: Any, tx: Tx) -> None:
    statement = tx.execute(SQL)
    await statement


async def gathers(event: Any, tx: Tx) -> None:
    await asyncio.gather(tx.execute(SQL), tx.execute(SQL))


async def publishes_later(event: Any, tx: Tx) -> None:
    event.later = lambda: tx.publish(event)
    await tx.execute(SQL)


async def in_a_function_of_its_own(event: Any, tx: Tx) -> None:
    async def inner() -> None:
        await tx.execute(SQL)

    await inner()


async def of_another(event: Any, tx: Tx) -> None:
    await event.tx.execute(SQL)


async def refuses_after(cmd: Any, tx: Tx) -> Any:
    await tx.execute(SQL)
    if cmd.id:
        raise Refused()


async def refuses_for_two_reasons(cmd: Any, tx: Tx) -> Any:
    row = await tx.fetch_one(SQL, id=cmd.id)
    if row is None or row["n"] < 0:
        raise Refused()


async def refuses_otherwise(cmd: Any, tx: Tx) -> Any:
    if not await tx.execute(SQL):
        pass
    else:
        raise Refused()


async def refuses_by_another_name(cmd: Any, tx: Tx) -> Any:
    row = await tx.fetch_one(SQL, id=cmd.id)
    row = None
    if row is None:
        raise Refused()


def decorated(function: Any) -> Any:
    @functools.wraps(function)
    async def around(*args: Any) -> Any:
        return await function(*args)

    return around


@decorated
async def wrapped(event: Any, tx: Tx) -> None:
    await tx.execute(SQL)


UNFIT = [
    two,
    outside,
    outside_and_inside,
    either,
    in_a_loop,
    while_it_lasts,
    in_a_comprehension,
    in_an_async_loop,
    in_an_async_comprehension,
    in_a_limit,
    under_a_lock,
    expects_its_failure,
    passes_it_on,
    lets_it_out,
    keeps_it,
    forgets_to_await,
    awaits_later,
    gathers,
    publishes_later,
    in_a_function_of_its_own,
    of_another,
    refuses_after,
    refuses_for_two_reasons,
    refuses_otherwise,
    refuses_by_another_name,
    wrapped,
]


def fits(function: Callable[..., Any]) -> bool:
    """As it is asked at import, of a command that may be refused."""
    takes_tx = "tx" in function.__code__.co_varnames or function is wrapped
    return is_one_statement(function, "tx" if takes_tx else None, refuses=True)


@pytest.mark.parametrize("function", FIT, ids=lambda f: f.__name__)
def test_a_handler_of_one_statement_runs_side_by_side(function: Callable[..., Any]) -> None:
    """Most handlers are, and a wave is what makes them cheap."""
    assert fits(function)


@pytest.mark.parametrize("function", UNFIT, ids=lambda f: f.__name__)
def test_whatever_may_be_more_runs_by_itself(function: Callable[..., Any]) -> None:
    """In doubt it is slower, and never begun twice."""
    assert not fits(function)


def test_only_a_refusal_after_the_statement_needs_a_savepoint() -> None:
    """A subscriber refuses nothing: what it raises is a failure, and the batch is rolled back anyway."""
    assert is_one_statement(refuses_after, "tx", refuses=False)


def test_a_method_may_be_one_statement() -> None:
    """The called object is its function."""

    class Handlers:
        async def one(self, event: Any, tx: Tx) -> None:
            await tx.execute(SQL)

        async def two(self, event: Any, tx: Tx) -> None:
            await tx.execute(SQL)
            await tx.execute(SQL)

    assert is_one_statement(Handlers().one, "tx", refuses=True)
    assert not is_one_statement(Handlers().two, "tx", refuses=True)


def test_without_its_source_a_handler_runs_by_itself() -> None:
    """As one that was made by `exec`, typed at a prompt, or is deployed compiled."""
    made: dict[str, Any] = {}
    exec("async def made(event, tx):\n    await tx.execute('x')\n", made)
    assert not is_one_statement(made["made"], "tx", refuses=False)
    assert not is_one_statement(SimpleNamespace(), "tx", refuses=False)  # type: ignore[arg-type]

"""Mistakes a type checker must find: an ignore that is not needed is an error itself, so each line has to be wrong."""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from tests.typing.accepted import OrderId, Placed, Release, Reserve, Reserved, orders, outbox

from partita import App, pivot, retriable, seconds, step

# A message is made with its declared fields, by name. That it must be by name only pyright sees: mypy takes
# msgspec's own description of structs for that of the messages.
Placed(OrderId("o1"))  # pyright: ignore[reportCallIssue]
Placed(order_id=OrderId("o1"), colour="red")  # type: ignore[call-arg]
Placed(order_id=7)  # type: ignore[arg-type]

# What happened does not change; pyright sees it, for the same reason.
placed = Placed(order_id=OrderId("o1"))
placed.total_cents = 7  # pyright: ignore[reportAttributeAccessIssue]


@orders.handles(Reserve)  # type: ignore[arg-type]
async def answers_something_else(command: Reserve) -> Placed:
    """The reply is another event than the command declares."""
    return placed


@orders.on(emits="Placed")  # type: ignore[arg-type]
async def emits_a_text(event: Placed) -> None:
    """The class, and not its name."""


@orders.handles(Reserve)  # type: ignore[arg-type]
async def takes_something_else(command: Placed) -> Reserved:
    """The parameter is another message than the one handled."""
    return Reserved(order_id=command.order_id)


# An undo that can be refused, and a refusable step after the pivot: nothing could be done about the refusal.
step(Reserve, undo=Reserve, timeout=seconds(30))  # type: ignore[arg-type]
pivot(Reserve, undo=Reserve, timeout=seconds(30))  # type: ignore[arg-type]
retriable(Reserve)  # type: ignore[arg-type]
retriable(Release)


async def mixed_up(blocking: Session, awaited: AsyncSession) -> None:
    """An `add` without `await` writes nothing, and one that blocks cannot be awaited."""
    outbox.add(awaited, placed)  # type: ignore[unused-coroutine]
    await outbox.add(blocking, placed)  # type: ignore[misc]
    await outbox.add(awaited, "placed")  # type: ignore[call-overload]


async def in_a_test(app: App) -> None:
    """A stub that answers with something else than the command declares."""
    async with app.testing() as t:
        t.stub(Reserve).replies(placed)  # type: ignore[arg-type]

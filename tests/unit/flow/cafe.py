"""A small app of three services, a saga and two events that services hear by themselves, for the tests of the flow map."""

from __future__ import annotations

from partita import App, Command, Event, Fault, Key, Rejection, Saga, Service, minutes, retriable, seconds, step


def cafe() -> App:
    """The app, declared again, so that a test may declare more on its services."""
    till = Service("till", namespace="cafe.till")
    kitchen = Service("kitchen", namespace="cafe.kitchen")
    board = Service("board", namespace="cafe.board")

    class TeaOrdered(Event, of=till):
        """A guest ordered tea."""

        order_id: Key[str]
        price_cents: int

    class TeaServed(Event, of=till):
        order_id: Key[str]

    class TeaCancelled(Event, of=till):
        order_id: Key[str]

    class OrderTea(Command[TeaOrdered], of=till):
        """Take an order."""

        order_id: Key[str]
        price_cents: int

    class ServeTea(Command[TeaServed], of=till):
        order_id: Key[str]

    class TeaBrewed(Event, of=kitchen):
        order_id: Key[str]

    class TeaPouredAway(Event, of=kitchen):
        order_id: Key[str]

    class OutOfTea(Rejection):
        sort: str

    class BrewTea(Command[TeaBrewed, OutOfTea], of=kitchen):
        order_id: Key[str]

    class PourAway(Command[TeaPouredAway], of=kitchen):
        order_id: Key[str]

    class ServeOrder(Saga, start=TeaOrdered, deadline=minutes(5), undone=TeaCancelled, of=till, why="tea is paid for"):
        brew = step(BrewTea, undo=PourAway, timeout=seconds(60))
        serve = retriable(ServeTea)

    @till.handles(OrderTea)
    async def order(cmd: OrderTea) -> TeaOrdered:
        return TeaOrdered(order_id=cmd.order_id, price_cents=cmd.price_cents)

    @till.handles(ServeTea)
    async def serve(cmd: ServeTea) -> TeaServed:
        return TeaServed(order_id=cmd.order_id)

    @kitchen.handles(BrewTea)
    async def brew(cmd: BrewTea) -> TeaBrewed:
        return TeaBrewed(order_id=cmd.order_id)

    @kitchen.handles(PourAway)
    async def pour(cmd: PourAway) -> TeaPouredAway:
        return TeaPouredAway(order_id=cmd.order_id)

    @board.on(why="no guest waits for the board")
    async def show(event: TeaServed | TeaCancelled) -> None: ...

    @board.on
    async def show_fault(fault: Fault[BrewTea]) -> None: ...

    return App(till, kitchen, board)

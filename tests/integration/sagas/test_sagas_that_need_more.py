"""Sagas in flight keep only the values that commands need: code that needs another one gives a right value or is refused at its start."""

from __future__ import annotations

import types
from typing import Annotated, Any

import msgspec
import pytest
from tests.waiting import until
from tests.written import written

from partita import App, Command, Event, Key, Saga, Service, Settings, Since, minutes, step
from partita.errors import StoreMismatch
from partita.observability.letters import letters
from partita.schemas import Alias
from partita.store.dead_letters import LetterFilter

PLACED = {"total": int, "note": str}
RESERVED = {"shelf": int, "row": int}
NONE: dict[str, Any] = {}


class Deployment:
    """Orders with a saga, and a desk that serves it; a test says which fields are others. `hook` makes the second command by hand."""

    def __init__(
        self,
        settings: Settings,
        *,
        placed: dict[str, Any] = PLACED,
        reserve: dict[str, Any] = NONE,
        charge: dict[str, Any] = NONE,
        undo: dict[str, Any] = NONE,
        ended: dict[str, Any] = NONE,
        amount: str = "total",
        defaults: dict[str, Any] = NONE,
        hook: str = "",
    ) -> None:
        orders = Service("orders", namespace="more.order")
        desk = Service("desk", namespace="more.desk")
        self.served, self.amount = list[Any](), amount
        fields: dict[str, Any] = {"number": Key[str]}

        def declared(name: str, base: Any, of: Service, extra: dict[str, Any]) -> Any:
            values = {each: defaults[f"{name}.{each}"] for each in extra if f"{name}.{each}" in defaults}
            body = {"__annotations__": {**fields, **extra}, "__module__": __name__, **values}
            return types.new_class(name, (base,), {"of": of}, lambda namespace: namespace.update(body))

        money = {amount: placed[amount]}
        OrderPlaced: Any = declared("OrderPlaced", Event, orders, placed)
        Ended: Any = declared("Ended", Event, orders, ended)
        Reserved: Any = declared("Reserved", Event, desk, RESERVED)
        Charged: Any = declared("Charged", Event, desk, {})
        Undone: Any = declared("Undone", Event, desk, {})
        Reserve: Any = declared("Reserve", Command[Reserved], desk, {**money, **reserve})
        Charge: Any = declared("Charge", Command[Charged], desk, {**money, "shelf": int, **charge})
        Undo: Any = declared("Undo", Command[Undone], desk, undo)

        class PlaceOrder(Command[OrderPlaced], of=orders):
            number: Key[str]

        class Checkout(Saga, start=OrderPlaced, deadline=minutes(30), undone=Ended, of=orders):
            reserve = step(Reserve, undo=Undo, timeout=600)
            charge = step(Charge, undo=Undo, timeout=600)
            if hook:

                @charge.command
                def _(self) -> Charge:
                    held: Any = self.start if hook == "start" else self.replies["reserve"]
                    return Charge(number=held.number, shelf=len(getattr(self.start, "note", "")), total=1)

        self.PlaceOrder, self.Charge, self.Placed = PlaceOrder, Charge, OrderPlaced
        self.Reserve = Reserve

        @orders.handles(PlaceOrder)
        async def place(cmd: PlaceOrder) -> OrderPlaced:
            return OrderPlaced(number=cmd.number, note="a gift", **{amount: 1250})

        @desk.handles(Reserve)
        async def take(cmd: Reserve) -> Reserved:
            self.served.append(cmd)
            return Reserved(number=cmd.number, shelf=7, row=3)

        @desk.handles(Charge)
        async def pay(cmd: Charge) -> Charged:
            self.served.append(cmd)
            return Charged(number=cmd.number)

        @desk.handles(Undo)
        async def put_back(cmd: Undo) -> Undone:
            return Undone(number=cmd.number)

        self.app = App(orders, desk, settings=settings)

    async def sent(self, service: str) -> None:
        """Wait until a service has written messages, and has sent all of them."""

        async def is_sent() -> bool:
            if not await written(self.app.store(service)):
                return False
            async with self.app.store(service).reading() as session:
                return (await session.outbox.status()).pending == 0

        await until(is_sent)

    async def step(self) -> tuple[str, str]:
        """The state of the one instance, and its step."""
        async with self.app.store("orders").reading() as session:
            (row,) = await session.sagas.find("Checkout")
            return row.status, row.step


async def reserving(settings: Settings) -> None:
    """An instance whose first command waits on its topic."""
    old = Deployment(settings)
    async with old.app.running(services=["orders"]):
        await old.app.send(old.PlaceOrder(number="a"))
        await old.sent("orders")


async def charging(settings: Settings) -> None:
    """An instance that has the first reply, and whose second command waits in its outbox or on its topic."""
    await reserving(settings)
    old = Deployment(settings)
    async with old.app.running(services=["desk"]):
        await old.sent("desk")
    async with old.app.running(services=["orders"]):

        async def is_charging() -> bool:
            return (await old.step())[1] == "charge"

        await until(is_charging)


async def finished(new: Deployment) -> list[Any]:
    """The commands that the new deployment served until the instance was completed."""
    async with new.app.running():

        async def is_over() -> bool:
            return (await new.step())[0] == "completed"

        await until(is_over)
        await new.app.settled(30)
        assert await letters(new.app.system.stores, LetterFilter()) == []
    return new.served


async def refused(new: Deployment, why: str) -> None:
    """The start is refused, with this in its text."""
    with pytest.raises(StoreMismatch, match=why):
        async with new.app.running():
            pass


@pytest.mark.parametrize(
    "change",
    [
        {"charge": {"note": str}},
        {"undo": {"note": str}},
        {"ended": {"note": str}},
    ],
    ids=["a command", "an undo", "the event of the end"],
)
async def test_a_value_that_the_state_lacks_refuses_the_start(settings: Settings, change: dict[str, Any]) -> None:
    """The event had a note, and nothing kept it. Without the check the message would be refused when its turn comes, hours later."""
    await reserving(settings)
    name = {"charge": "Charge", "undo": "Undo", "ended": "Ended"}[next(iter(change))]
    await refused(
        Deployment(settings, **change),
        rf"(?s)Checkout a is in flight.*{name}\.note is of OrderPlaced\.note.*keeps .*number.*a default",
    )
    assert len(await finished(Deployment(settings))) == 2


async def test_a_field_with_a_default_gets_it(settings: Settings) -> None:
    """As it would have been sent by the deployment that started the instance, which knew no such field."""
    await reserving(settings)
    new = Deployment(settings, charge={"note": str}, defaults={"Charge.note": "none"})
    assert (await finished(new))[1] == new.Charge(number="a", total=1250, shelf=7, note="none")


async def test_a_field_that_arrived_in_the_event_and_in_the_command(settings: Settings) -> None:
    """Both classes get a field with a default: the most frequent change. The instance goes on, and a new one has its value."""
    await reserving(settings)
    gift = {"gift": Annotated[bool, Since(2)]}
    defaults = {"OrderPlaced.gift": False, "Charge.gift": False}
    new = Deployment(settings, placed={**PLACED, **gift}, charge=gift, defaults=defaults)
    assert (await finished(new))[1] == new.Charge(number="a", total=1250, shelf=7, gift=False)


async def test_a_reply_that_has_not_come_is_kept_by_the_new_code(settings: Settings) -> None:
    """A command may need another field of a reply that is still awaited."""
    await reserving(settings)
    new = Deployment(settings, charge={"row": int})
    assert (await finished(new))[1] == new.Charge(number="a", total=1250, shelf=7, row=3)


async def test_a_reply_that_has_come_and_was_not_kept_refuses_the_start(settings: Settings) -> None:
    """The second command may be sent again."""
    await charging(settings)
    await refused(Deployment(settings, charge={"row": int}), r"Charge\.row is of Reserved\.row.*keeps shelf")


async def test_a_command_that_is_answered_needs_nothing_more(settings: Settings) -> None:
    """It is never sent again, so it refuses no start."""
    await charging(settings)
    new = Deployment(settings, reserve={"note": str})
    assert (await finished(new)) == [new.Charge(number="a", total=1250, shelf=7)]


@pytest.mark.parametrize("hook", ["start", "reply"])
async def test_a_hook_that_is_new_sees_no_half_message(settings: Settings, hook: str) -> None:
    """A hook may look at each field. A message of its default values would be a wrong one, so the start is refused."""
    await charging(settings)
    await refused(
        Deployment(settings, hook=hook), r"(?s)hooks of Checkout.*whole messages.*keeps number, total.*version=2"
    )


async def test_an_instance_with_hooks_goes_on_when_its_messages_get_fields(settings: Settings) -> None:
    """Its state keeps whole messages: a field that is new has its default, as in each old message."""
    old = Deployment(settings, hook="start")
    async with old.app.running(services=["orders"]):
        await old.app.send(old.PlaceOrder(number="a"))
        await old.sent("orders")
    new = Deployment(settings, hook="start", placed={**PLACED, "gift": bool}, defaults={"OrderPlaced.gift": False})
    assert (await finished(new))[1] == new.Charge(number="a", total=1, shelf=len("a gift"))


async def test_a_field_that_is_renamed_keeps_its_value(settings: Settings) -> None:
    """The alias by which old bytes are read names the value in the state as well."""
    await reserving(settings)
    renamed = {"amount": Annotated[int, Alias("total")], "note": str}
    new = Deployment(settings, placed=renamed, amount="amount")
    assert await finished(new) == [new.Reserve(number="a", amount=1250), new.Charge(number="a", amount=1250, shelf=7)]


async def test_a_value_that_no_longer_fits_refuses_the_start(settings: Settings) -> None:
    """A narrower type cannot hold it, and the command would be refused when its turn comes."""
    await reserving(settings)
    narrow = {"total": Annotated[int, msgspec.Meta(le=1000)], "note": str}
    await refused(Deployment(settings, placed=narrow), r"OrderPlaced\.total.*1000")

"""Generated values on their way: the receiver, the first answer and the answer to a repeat have the sent value."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from partita import App, Command, Event, Key, Meta, Rejection, Service, Settings
from partita.testing.generators.declarations import message_class
from partita.testing.generators.values import ModestDice, same, struct_of

KINDS = 40
DICE: dict[str, type[Random]] = {"avro": Random, "json": ModestDice}


def _declare(source: Service, sink: Service, number: int, received: dict[str, Any]) -> tuple[Any, Any]:
    """A command, and a value of a generated class as its answer."""
    dice = DICE[source.codec](1_000 + number)
    cls: Any = message_class(source, dice, f"Made{number}")
    value = struct_of(cls, dice)
    space = {"__annotations__": {"id": Key[str]}, "__orig_bases__": (Command[cls],)}
    command: Any = type(Command)(f"Make{number}", (Command,), space, of=source)

    async def make(cmd: Any) -> Any:
        return value

    async def take(event: cls, meta: Meta) -> None:
        received[f"Made{number}"] = event, meta.key

    make.__name__, take.__name__ = f"make{number}", f"take{number}"
    source.handles(command)(make)
    sink.on(take)
    return command(id="k"), value


@pytest.mark.parametrize("codec", DICE)
async def test_a_receiver_and_a_repeated_request_have_the_value_that_was_sent(codec: str, tmp_path: Path) -> None:
    """A kept reply equals the reply, to the microsecond, and another service reads a value that is equal to both."""
    received: dict[str, Any] = {}
    source, sink = Service("source", namespace="travel.source", codec=codec), Service("sink", namespace="travel.sink")
    sent = [_declare(source, sink, number, received) for number in range(KINDS)]
    app = App(source, sink, settings=Settings(data=tmp_path))
    async with app.running():
        for command, value in sent:
            first = await app.send(command, idempotency_key="once")
            again = await app.send(command, idempotency_key="once")
            assert first is value and again is not value and same(again, value)
        await app.settled()
    for _, value in sent:
        event, key = received[type(value).__name__]
        assert same(event, value) and key == value.id


def _shop(codec: str, seen: list[Any]) -> tuple[App, Any, Any]:
    """An app as it is deployed with a codec: the order is written in it, the refusal and the stock's event always in JSON."""
    shop, stock = Service("shop", namespace="mixed.shop", codec=codec), Service("stock", namespace="mixed.stock")

    class Sold(Event, of=shop):
        id: Key[str]
        price: Decimal
        raw: bytes = b"\xff"

    class Taken(Event, of=stock, codec="json"):
        id: Key[str]

    class Gone(Rejection, codec="json"):
        id: str

    class Sell(Command[Sold, Gone], of=shop):
        id: Key[str]

    @shop.handles(Sell)
    async def sell(cmd: Sell) -> Sold:
        if cmd.id == "none":
            raise Gone(id=cmd.id)
        return Sold(id=cmd.id, price=Decimal("19.90"))

    @stock.on
    async def take(sold: Sold) -> Taken:
        seen.append(sold)
        return Taken(id=sold.id)

    @shop.on
    async def see(taken: Taken) -> None:
        seen.append(taken)

    return App(shop, stock), Sell, Gone


async def test_an_app_mixes_languages_and_changes_that_of_a_message(tmp_path: Path) -> None:
    """Replies, refusals and events of both languages arrive. After the change a repeated request has the answer that was kept
    in the other language, and records of the other language that wait in the log are read."""
    for turn, codec in enumerate(("avro", "json", "avro")):
        seen: list[Any] = []
        app, sell, gone = _shop(codec, seen)
        app.settings = Settings(data=tmp_path)
        async with app.running():
            sold = await app.send(sell(id=f"o{turn}"), idempotency_key=f"k{turn}")
            for before in range(turn):
                kept = await app.send(sell(id=f"o{before}"), idempotency_key=f"k{before}")
                assert (kept.id, kept.price, kept.raw) == (f"o{before}", Decimal("19.90"), b"\xff")
            with pytest.raises(gone):
                await app.send(sell(id="none"))
            await app.settled()
        assert sold.price == Decimal("19.90")
        assert [(type(each).__name__, each.id) for each in seen] == [("Sold", f"o{turn}"), ("Taken", f"o{turn}")]


async def test_records_in_the_log_are_read_after_their_message_changed_its_language(tmp_path: Path) -> None:
    """A subscriber that is new reads the whole log: the records of both languages."""
    for codec in ("avro", "json"):
        app, sell, _ = _shop(codec, [])
        app.settings = Settings(data=tmp_path)
        async with app.running():
            await app.send(sell(id=codec))
            await app.settled()
    seen: list[Any] = []
    app, sell, _ = _shop("json", [])
    shop = app.services[0]
    sold = next(cls for name, cls in shop.messages.items() if name.endswith("Sold"))
    late = Service("late", namespace="mixed.late")

    async def look(event: sold) -> None:
        seen.append(event)

    late.on(look)
    app = App(*app.services, late, settings=Settings(data=tmp_path))
    async with app.running():
        await app.settled()
    assert [(each.id, each.price) for each in seen] == [("avro", Decimal("19.90")), ("json", Decimal("19.90"))]

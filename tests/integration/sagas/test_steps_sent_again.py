"""Steps of a saga that are sent again while their service is away: the copies are dropped, and hold up no message."""

from __future__ import annotations

from pathlib import Path

from tests.virtual_time import machine_here, virtually
from tests.waiting import until

from partita import App, Command, Event, Key, Saga, Service, Settings, retriable, seconds

buyer = Service("buyer", namespace="again.buyer")
depot = Service("depot", namespace="again.depot")
SCALE = 0.01


class Bought(Event, of=buyer):
    key: Key[str]


class Packed(Event, of=depot):
    key: Key[str]


class Sent(Event, of=depot):
    key: Key[str]


class Buy(Command[Bought], of=buyer):
    key: Key[str]


class Pack(Command[Packed], of=depot):
    key: Key[str]


class Send(Command[Sent], of=depot):
    key: Key[str]


class Shipment(Saga, start=Bought, deadline=seconds(60_000), of=buyer):
    pack = retriable(Pack, timeout=seconds(30))
    send = retriable(Send, timeout=seconds(30))


@buyer.handles(Buy)
async def buy(cmd: Buy) -> Bought:
    return Bought(key=cmd.key)


@depot.handles(Pack)
async def pack(cmd: Pack) -> Packed:
    return Packed(key=cmd.key)


@depot.handles(Send)
async def send(cmd: Send) -> Sent:
    return Sent(key=cmd.key)


@virtually
async def test_what_is_behind_the_copies_is_handled_when_the_service_is_back(tmp_path: Path) -> None:
    """Each copy has the id of its step and a new number of its key."""
    app = App(buyer, depot, settings=Settings(data=tmp_path / "data", time_scale=SCALE), machine=machine_here())

    async def tries() -> int:
        async with app.store("buyer").reading() as session:
            return len([each for each in await session.sagas.history("Shipment", "k") if each.kind == "resent"])

    async def completed() -> bool:
        async with app.store("buyer").reading() as session:
            return (await session.sagas.load("Shipment", ["k"]))["k"].status == "completed"

    async with app.running(services=["buyer"]):
        await app.send(Buy(key="k"))
        await until(tries, holds=lambda count: count >= 2)
    async with app.running():
        await until(completed)
        await app.settled()
        async with app.store("depot").reading() as session:
            assert (await session.parking.status("depot")).keys == 0

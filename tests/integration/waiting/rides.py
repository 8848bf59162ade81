"""A small system whose drivers answer later: a saga asks one driver, and its participant keeps the offer until then."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.virtual_time import machine_here

from partita import App, Command, Event, Key, Meta, Rejection, Saga, Service, Settings, Tx, hours, retriable, step
from partita.message import envelope_from_bytes
from partita.waiting import Later, later

TABLES = """
CREATE TABLE IF NOT EXISTS offer (ride TEXT PRIMARY KEY, reply_to TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS assigned (ride TEXT PRIMARY KEY, driver TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS undone (ride TEXT NOT NULL, driver TEXT NOT NULL);
"""


def contracts(trips: Service, dispatch: Service) -> Any:  # Any: the messages, declared for each instance
    """The messages of both services."""

    class Asked(Event, of=trips):
        ride: Key[str]

    class Started(Event, of=trips):
        ride: Key[str]
        driver: str

    class CalledOff(Event, of=trips):
        ride: Key[str]
        reason: str

    class Ask(Command[Asked], of=trips):
        ride: Key[str]

    class Start(Command[Started], of=trips):
        ride: Key[str]
        driver: str

    class Accepted(Event, of=dispatch):
        ride: Key[str]
        driver: str

    class Withdrawn(Event, of=dispatch):
        ride: Key[str]

    class Declined(Rejection):
        driver: str

    class Offer(Command[Accepted, Declined], of=dispatch):
        ride: Key[str]

    class Withdraw(Command[Withdrawn], of=dispatch):
        ride: Key[str]

    class Answered(Event, of=dispatch):
        ride: Key[str]

    class Full(Rejection):
        driver: str

    class Accept(Command[Answered, Full], of=dispatch):
        ride: Key[str]
        driver: str
        breaks: str = ""

    return SimpleNamespace(**{name: each for name, each in locals().items() if isinstance(each, type)})


class Rides:
    """`trips` has the saga, `dispatch` the drivers. `calls` are the handlers that ran."""

    def __init__(
        self, data: Path, store: str = "", *, timeout: float = hours(720), secret: str = "", **options: Any
    ) -> None:
        self.calls: list[str] = []
        trips = self.trips = Service("trips", namespace="later.trip")
        dispatch = self.dispatch = Service("dispatch", namespace="later.dispatch", tables=TABLES, **options)

        names = contracts(trips, dispatch)
        for name, each in vars(names).items():
            setattr(self, name, each)

        class Ride(Saga, start=names.Asked, deadline=hours(1440), undone=names.CalledOff, of=trips):
            offer = step(names.Offer, undo=names.Withdraw, timeout=timeout)
            begin = retriable(names.Start)

        @trips.handles(names.Ask)
        async def ask(cmd: names.Ask) -> names.Asked:
            return names.Asked(ride=cmd.ride)

        @trips.handles(names.Start)
        async def start(cmd: names.Start) -> names.Started:
            return names.Started(ride=cmd.ride, driver=cmd.driver)

        @dispatch.handles(names.Offer)
        async def offer(cmd: names.Offer, tx: Tx, meta: Meta) -> names.Accepted | Later:
            self.calls.append("offer")
            await tx.execute("INSERT INTO offer VALUES (:ride, :id)", ride=cmd.ride, id=meta.reply_to)
            return later()

        @dispatch.handles(names.Withdraw)
        async def withdraw(cmd: names.Withdraw, tx: Tx) -> names.Withdrawn:
            self.calls.append("withdraw")
            found = await tx.fetch_one("DELETE FROM assigned WHERE ride = :ride RETURNING driver", ride=cmd.ride)
            if found is not None:
                await tx.execute("INSERT INTO undone VALUES (:r, :d)", r=cmd.ride, d=found["driver"])
            return names.Withdrawn(ride=cmd.ride)

        @dispatch.handles(names.Accept)
        async def accept(cmd: names.Accept, tx: Tx) -> names.Answered:
            self.calls.append("accept")
            await tx.execute("INSERT INTO assigned VALUES (:r, :d) ON CONFLICT DO NOTHING", r=cmd.ride, d=cmd.driver)
            found = await tx.fetch_one("SELECT reply_to FROM offer WHERE ride = :ride", ride=cmd.ride)
            assert found is not None
            await tx.reply(str(found["reply_to"]), names.Accepted(ride=cmd.ride, driver=cmd.driver), by=cmd.driver)
            if cmd.breaks == "refused":
                raise names.Full(driver=cmd.driver)
            if cmd.breaks:
                raise ValueError(cmd.breaks)
            return names.Answered(ride=cmd.ride)

        self.Ride = Ride
        self.app = App(
            trips, dispatch, settings=Settings(data=data, store=store, secret=secret), machine=machine_here()
        )

    def __getattr__(self, name: str) -> Any:  # Any: the messages, declared by each instance
        raise AttributeError(name)

    async def rows(self, service: str, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a service's database."""
        async with self.app.store(service).reading() as session:
            return [tuple(row.values()) for row in await session.fetch(sql, {})]

    async def waiting(self) -> list[str]:
        """The ids of the offers that wait."""
        async with self.app.store("dispatch").reading() as session:
            return [row.reply_to for row in await session.pending.find()]

    async def state_of(self, reply_to: str) -> str:
        """The state of an offer."""
        async with self.app.store("dispatch").reading() as session:
            row = await session.pending.hold(reply_to)
        assert row is not None
        assert envelope_from_bytes(row.headers).id == reply_to
        return row.state

    async def saga(self, ride: str) -> str:
        """The status of a ride's saga; empty where there is none yet."""
        async with self.app.store("trips").reading() as session:
            found = (await session.sagas.load("Ride", [ride])).get(ride)
        return "" if found is None else found.status

    async def answers(self) -> list[str]:
        """The answers to offers that were written to leave."""
        found = await self.rows("dispatch", "SELECT type FROM outbox ORDER BY seq")
        return [name for (name,) in found if name.endswith(("v1.Accepted", "v1.Declined"))]

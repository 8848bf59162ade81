"""Apps for the tests of exports: every kind of declaration, hostile words, generated messages, the starter project."""

from __future__ import annotations

import functools
import importlib
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any, NewType

import msgspec

from partita import (
    App,
    Command,
    Event,
    Fault,
    Key,
    Rejection,
    Retry,
    Saga,
    Service,
    Since,
    minutes,
    retriable,
    seconds,
    step,
)
from partita.cli.new import project_files
from partita.schemas import PII, Alias, Money, Subject
from partita.testing.generators.declarations import message_class
from partita.testing.generators.values import ModestDice
from partita.topics import Cluster, Sizing, TopicPlan

RoomId = NewType("RoomId", str)
GuestId = NewType("GuestId", str)
HOSTILE = '"""\n---\nid: forged\n$ref: "#/x"\n{{7*7}} ${7*7} <script>alert(1)</script> \\" \x1b[31m \u202e \u2028 # \' \\N{BEL} */ --> ]]> 😀'

HALF = "\ud83d"
"""Half a surrogate pair, which is no text."""


class Stay(msgspec.Struct, frozen=True, rename="camel"):
    """The nights of a guest."""

    nights: int
    extra_beds: int = 0
    rooms: tuple[RoomId, ...] = ()


abroad = Service("abroad", namespace="travel.abroad")


class FlightLanded(Event, of=abroad):
    flight: Key[str]


PLAN = TopicPlan(cluster=Cluster(), of={"hotel.desk": Sizing(partitions=3, retention_s=None)})


class Part(msgspec.Struct, frozen=True):
    """A part with parts."""

    name: str
    parts: tuple[Part, ...] = ()


def every_kind() -> App:
    """Events, commands, refusals and faults, in two languages, with a saga, retries, another app's service, a plan of topics."""
    desk = Service("desk", namespace="hotel.desk", team="front", retry=Retry(delays=(1.0, 60.0)))
    keys = Service("keys", namespace="hotel.keys", codec="json")

    class RoomBooked(Event, of=desk, concerns="money"):
        """A guest has a room."""

        room: Annotated[Key[RoomId], msgspec.Meta(description="the room's number")]
        guest: Annotated[GuestId, Subject]
        stay: Stay
        price: Money
        email: Annotated[str | None, PII, Alias("mail")] = None
        floor: Annotated[int, Since(2)] = 0

    class RoomFreed(Event, of=desk, version=2, name="RoomLeft"):
        room: Key[RoomId]

    class RoomFreedV1(Event, of=desk, name="RoomLeft"):
        number: Key[RoomId]

    @desk.upcast
    def newer(old: RoomFreedV1) -> RoomFreed: ...

    class BookRoom(Command[RoomBooked], of=desk):
        room: Key[RoomId]

    class CardMade(Event, of=keys):
        room: Key[RoomId]
        plan: Part
        by_floor: dict[str, Part] = {}

    class CardVoid(Event, of=keys):
        room: Key[RoomId]

    class NoCards(Rejection):
        """The drawer is empty."""

        drawer: str

    class Locked(Rejection):
        until: str

    class MakeCard(Command[CardMade, NoCards | Locked], of=keys):
        room: Key[RoomId]

    class VoidCard(Command[CardVoid], of=keys):
        room: Key[RoomId]

    class Arrival(Saga, start=RoomBooked, deadline=minutes(5), undone=RoomFreed, of=desk):
        card = step(MakeCard, undo=VoidCard, timeout=seconds(30))
        again = retriable(VoidCard)

    @desk.handles(BookRoom, dedupe_by="room")
    async def book(cmd: BookRoom) -> RoomBooked: ...

    @keys.handles(MakeCard)
    async def make(cmd: MakeCard) -> CardMade: ...

    @keys.handles(VoidCard)
    async def void(cmd: VoidCard) -> CardVoid: ...

    @keys.on(sends=BookRoom, retry=Retry(in_place=0, delays=(5.0,)))
    async def landed(event: FlightLanded) -> None: ...

    @desk.on
    async def lost(event: Fault[MakeCard] | RoomFreed) -> None: ...

    return App(desk, keys, topics=PLAN)


def hostile(half: str = HALF) -> App:
    """Words of every kind that would be more than words in YAML, JSON, Markdown, HTML or Python."""
    svc = Service("svc", namespace="hostile.svc", team=HOSTILE)
    other = Service("other", namespace="hostile.other", codec="json")
    for service in (svc, other):

        class Happened(Event, of=service):
            id: Annotated[Key[str], msgspec.Meta(description=HOSTILE)]
            text: Annotated[str, msgspec.Meta(description=HOSTILE, examples=[HOSTILE])] = HOSTILE
            of_all: dict[str, str] = msgspec.field(default_factory=lambda: {HOSTILE: HOSTILE})

        Happened.__doc__ = HOSTILE + half
        _listen(svc, Happened)
    return App(svc, other)


def generated(number: int, codec: str) -> App:
    """Random messages over every type that a field may have."""
    services = []
    for seed in range(number):
        svc = Service(f"svc{seed}", namespace=f"gen.svc{seed}", codec=codec)
        _listen(svc, message_class(svc, ModestDice(seed), f"Made{seed}"))
        services.append(svc)
    return App(*services)


@functools.cache
def starter() -> App:
    """The app that `partita new` makes."""
    with tempfile.TemporaryDirectory() as folder:
        for path, text in project_files("tea-room", "tea_room").items():
            file = Path(folder) / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
        sys.path.insert(0, folder)
        try:
            app: App = importlib.import_module("tea_room.app").app
        finally:
            sys.path.pop(0)
            for name in [name for name in sys.modules if name.partition(".")[0] == "tea_room"]:
                del sys.modules[name]
    return app


def _listen(service: Service, event: Any) -> None:
    async def heard(happened: Any) -> None: ...

    heard.__annotations__["happened"] = event
    service.on(name=f"{event.__module__}.{event.__partita__.service.name}"[:90])(heard)

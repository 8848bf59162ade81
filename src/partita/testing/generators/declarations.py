"""Random message classes over every type that a field may have, and the types that no field may have."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import functools
import typing
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Annotated, Any, Literal, NewType

import msgspec

from partita.catalog.event import Event, Key
from partita.catalog.service import Service
from partita.schemas.fields.marks import Millis
from partita.testing.generators.values import ModestDice, value_of

DEPTH_MAX = 3
Sku = NewType("Sku", str)
Cents = NewType("Cents", int)
SCALARS: tuple[Any, ...] = (
    str,
    int,
    float,
    bool,
    bytes,
    dt.datetime,
    dt.date,
    uuid.UUID,
    decimal.Decimal,
    Sku,
    Cents,
    Literal["new", "used"],
    Literal[1, -7],
    Annotated[int, msgspec.Meta(ge=3, le=9)],
    Annotated[float, msgspec.Meta(ge=-1.5, le=2.5)],
    Annotated[str, msgspec.Meta(min_length=1, max_length=4)],
    dt.time,
    Annotated[dt.datetime, Millis],
)


class Tree(msgspec.Struct, frozen=True):
    """A record that may hold its own type."""

    name: str
    next: Tree | None = None
    children: tuple[Tree, ...] = ()
    by_name: dict[str, Tree | None] = {}


class Flat(msgspec.Struct, omit_defaults=True):
    """A record that leaves out fields with their default when it is written."""

    at: dt.datetime = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    price: decimal.Decimal = decimal.Decimal("1.50")
    raw: bytes = b"\xff"
    day: dt.date | None = dt.date(2026, 1, 1)


class Tagged(msgspec.Struct, tag="tagged", frozen=True):
    """A record with a tag."""

    n: int


class _Dog(msgspec.Struct):
    n: int


class _Cat(msgspec.Struct):
    n: int


class _Bird(msgspec.Struct, tag=True):
    n: int


class _Fish(msgspec.Struct, tag=True):
    n: int


class _Nothing(msgspec.Struct):
    pass


class _Point(msgspec.Struct, array_like=True):
    x: int


class _Letter(enum.Enum):
    A = "a"


class _Dashed(enum.Enum):
    IN_TRANSIT = "in-transit"


class _Mixed(enum.Enum):
    A = 1
    B = "b"


class _Huge(enum.IntEnum):
    A = 2**63


class _Rights(enum.IntFlag):
    READ = 1
    WRITE = 2


class _Empty(enum.Enum):
    pass


T = typing.TypeVar("T")


class _Box(msgspec.Struct, typing.Generic[T]):
    item: T


REFUSED: tuple[Any, ...] = (
    _Dog | _Cat,
    _Bird | _Fish,
    list[_Bird | _Fish],
    str | _Letter,
    str | Literal["a"],
    int | Literal[1],
    dt.date | dt.datetime,
    dt.datetime | int,
    dt.datetime | float,
    str | uuid.UUID,
    decimal.Decimal | float,
    bytes | str,
    int | bytes,
    list[int] | tuple[int, ...],
    list[int] | list[str],
    dict[str, int] | _Dog,
    dict[str, int] | dict[str, str],
    _Letter | int,
    list[_Nothing],
    tuple[_Nothing, ...],
    _Point,
    list[_Point],
    _Dashed,
    _Mixed,
    _Huge,
    _Rights,
    _Empty,
    Literal["in-transit"],
    Literal["a", 1],
    Literal[True],
    Literal[2**63],
    _Box[int],
    T,
    Any,
    object,
    None,
    dict[int, str],
    dict[_Letter, int],
    list,
    dict,
    set[int],
    tuple[int],
    tuple[int, str],
    frozenset[list[int]],
    frozenset[_Dog],
    frozenset[int | None],
    dt.timedelta,
    complex,
    msgspec.Raw,
    msgspec.UnsetType | int,
    Callable[[], int],
    dt.time | str,
    Annotated[dt.datetime, msgspec.Meta(tz=False)],
    Annotated[dt.time, msgspec.Meta(tz=True)],
    Annotated[dt.date, Millis],
    Annotated[str, msgspec.Meta(ge=1)],
)
"""Types whose values do not come back equal, or that Avro cannot express: each is refused at its declaration."""


@dataclass(slots=True)
class Names:
    """Numbers for the types of one message, since Avro knows a type by its name."""

    used: int = 0

    def next(self, what: str) -> str:
        """An unused name."""
        self.used += 1
        return f"{what}{self.used}"


def type_of(dice: Random, names: Names, depth: int = 0) -> Any:
    """A random type that a field may have."""
    simple: list[Callable[[], Any]] = [
        lambda: dice.choice(SCALARS),
        lambda: _enum(dice, names),
        lambda: dice.choice((Tree, Flat, Tagged)),
    ]
    composed: list[Callable[[], Any]] = [
        lambda: list[type_of(dice, names, depth + 1)],  # type: ignore[misc]  # made, not written
        lambda: tuple[type_of(dice, names, depth + 1), ...],  # type: ignore[misc]
        lambda: frozenset[dice.choice(SCALARS[:13])],  # type: ignore[misc]
        lambda: dict[str, type_of(dice, names, depth + 1)],  # type: ignore[misc]
        lambda: Annotated[list[type_of(dice, names, depth + 1)], msgspec.Meta(min_length=1, max_length=3)],  # type: ignore[misc]
        lambda: _struct(dice, names, depth + 1),
        lambda: type_of(dice, names, depth + 1) | None,
        lambda: _union(dice, names, depth + 1),
    ]
    return dice.choice(simple if depth >= DEPTH_MAX else [*simple, *composed, *composed])()


def message_class(service: Service, dice: Random, name: str, *, with_default: float = 0.3) -> type[Event]:
    """A random event of a service: a key and up to eight fields, a share of them with a default."""
    names = Names()
    fields = [(f"field_{n}", type_of(dice, names)) for n in range(dice.randint(1, 8))]
    space: dict[str, Any] = {"__annotations__": {"id": Key[str], **dict(fields)}}
    for field, annotation in fields:
        default = _default(annotation, dice) if dice.random() < with_default else None
        if default is not None:
            space[field] = msgspec.field(default_factory=default)
    return _declared(service, name, space)


def event_with(service: Service, annotation: Any, name: str) -> type[Event]:
    """An event with a key and one field of a type."""
    return _declared(service, name, {"__annotations__": {"id": Key[str], "field": annotation}})


def _declared(service: Service, name: str, space: dict[str, Any]) -> type[Event]:
    make: Any = type(Event)
    made: type[Event] = make(name, (Event,), {"__module__": __name__, **space}, of=service)
    return made


def _default(annotation: Any, dice: Random) -> Callable[[], Any] | None:
    """A default that JSON can express, which knows no infinity; None if no such value is found."""
    for seed in [dice.random() for _ in range(10)]:
        if "inf" not in repr(_made(type(dice), annotation, seed)):
            return functools.partial(_made, type(dice), annotation, seed)
    return None


def _made(make_dice: type[Random], annotation: Any, seed: float) -> Any:
    return value_of(annotation, make_dice(seed), 3)


def _enum(dice: Random, names: Names) -> Any:
    texts = {"RED": "red", "GREEN": "GREEN", "NULL": "null"}
    numbers = {"LOW": 1, "NONE": 0, "MINUS": -7 if isinstance(dice, ModestDice) else -(2**63)}
    make: list[Callable[[str], Any]] = [
        lambda name: enum.Enum(name, texts, module=__name__),
        lambda name: enum.Enum(name, texts, module=__name__, type=str),
        lambda name: enum.StrEnum(name, texts, module=__name__),
        lambda name: enum.IntEnum(name, numbers, module=__name__),
        lambda name: enum.Enum(name, numbers, module=__name__),
    ]
    return dice.choice(make)(names.next("Kind"))


def _struct(dice: Random, names: Names, depth: int) -> Any:
    name = names.next("Part")
    fields: list[Any] = []
    for n in range(dice.randint(1, 4)):
        annotation = type_of(dice, names, depth)
        default = _default(annotation, dice) if dice.random() < 0.3 else None
        given = () if default is None else (msgspec.field(default_factory=default),)
        fields.append((f"f{n}", annotation, *given))
    rename: Any = dice.choice(("camel", None, "pascal"))
    return msgspec.defstruct(
        name, fields, module=__name__, kw_only=True, rename=rename, omit_defaults=dice.random() < 0.3, frozen=True
    )


def _union(dice: Random, names: Names, depth: int) -> Any:
    """A union with at most one type of each kind, in any order."""
    kinds: list[Callable[[], Any]] = [
        lambda: bool,
        lambda: dice.choice((int, Cents)),
        lambda: float,
        lambda: dice.choice((str, Sku)),
        lambda: list[type_of(dice, names, depth + 1)],  # type: ignore[misc]
        lambda: dice.choice((Tree, Flat, dict[str, int])),
        lambda: None,
    ]
    found: Any = None
    for kind in dice.sample(kinds, dice.randint(2, 5)):
        member = kind()
        found = member if found is None else typing.Union[found, member]  # noqa: UP007 - made, not written
    return found if found is not None else int

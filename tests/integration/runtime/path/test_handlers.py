"""The forms a handler may have: plain functions, dependencies, unions, returned events, calls outside."""

from __future__ import annotations

import asyncio
import enum
import threading
import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, NewType

import pytest

from partita import App, Command, DeclarationError, Depends, Event, Key, Meta, Service, Settings, Tx

svc = Service("forms", namespace="forms")
other = Service(
    "forms-other",
    namespace="forms.other",
    tables="CREATE TABLE IF NOT EXISTS seen (what TEXT NOT NULL, id TEXT NOT NULL);",
)
SEEN: list[Any] = []


class Made(Event, of=svc):
    id: Key[str]


class Broken(Event, of=svc):
    id: Key[str]


class Echo(Event, of=other):
    id: Key[str]
    number: int


class Make(Command[Made], of=svc):
    id: Key[str]


@svc.handles(Make)
def make(cmd: Make) -> Made:
    """A plain function runs in a worker thread, so it may block."""
    SEEN.append(("thread", threading.current_thread() is not threading.main_thread()))
    return Made(id=cmd.id)


class Pen:
    def __init__(self) -> None:
        self.capped = False


def pen() -> Iterator[Pen]:
    held = Pen()
    yield held
    held.capped = True
    SEEN.append(("capped", held.capped))


@other.on
async def echo(event: Made | Broken, meta: Meta) -> list[Echo]:
    """The events that a subscriber returns are published with its transaction."""
    SEEN.append(("meta", meta.key, meta.attempt, meta.type))
    return [Echo(id=event.id, number=n) for n in range(2)]


@other.on(concurrency=4)
async def write(event: Echo, tx: Tx, meta: Meta, tool: Annotated[Pen, Depends(pen)]) -> None:
    """Call outside, then write."""
    SEEN.append(("key", meta.idempotency_key, tool.capped))
    await tx.execute("INSERT INTO seen VALUES (:w, :i)", w=str(event.number), i=event.id)


async def test_all_forms_of_handlers_work_together(tmp_path: Path) -> None:
    SEEN.clear()
    app = App(svc, other, settings=Settings(data=tmp_path))
    async with app.running():
        await asyncio.gather(*(app.send(Make(id=f"i{n}")) for n in range(5)))
        await app.settled()
        async with app.store("forms-other").reading() as session:
            rows = await session.fetch("SELECT what, id FROM seen ORDER BY id, what", {})
    assert [(r["id"], r["what"]) for r in rows] == [(f"i{n}", w) for n in range(5) for w in "01"]
    assert SEEN.count(("thread", True)) == 5
    assert SEEN.count(("capped", True)) == 10
    assert {s[1:] for s in SEEN if s[0] == "meta"} == {(f"i{n}", 1, "forms.v1.Made") for n in range(5)}
    keys = [s[1] for s in SEEN if s[0] == "key"]
    assert len(keys) == len(set(keys)) == 10 and not any(s[2] for s in SEEN if s[0] == "key")


async def test_a_dependency_can_be_replaced(tmp_path: Path) -> None:
    SEEN.clear()
    app = App(svc, other, settings=Settings(data=tmp_path))
    app.replace(pen, Pen)
    async with app.running():
        await app.send(Make(id="x"))
        await app.settled()
    assert not [s for s in SEEN if s[0] == "capped"]


def test_what_a_handler_cannot_be_is_refused_at_import() -> None:
    """The error has the line to write."""
    with pytest.raises(DeclarationError, match="nothing can fill parameter 'colour'"):

        @other.on
        async def paints(event: Made, colour: str) -> None: ...

    with pytest.raises(DeclarationError, match="handled already by make"):

        @svc.handles(Make)
        async def again(cmd: Make) -> Made: ...

    with pytest.raises(DeclarationError, match="belongs to forms, not to forms-other"):

        @other.handles(Make)
        async def foreign(cmd: Make) -> Made: ...

    with pytest.raises(DeclarationError, match="Annotate its first parameter with events"):

        @other.on
        async def vague(event: str) -> None: ...

    with pytest.raises(DeclarationError, match="dedupes by 'colour', which Made does not have"):

        @other.on(dedupe_by="colour")
        async def odd(event: Made) -> None: ...

    with pytest.raises(DeclarationError, match="has 2 keys"):

        class TwoKeys(Event, of=svc):
            a: Key[str]
            b: Key[str]

        _ = TwoKeys.__partita__.key_field  # type: ignore[attr-defined]


class Odd(enum.Enum):
    """A class that names a thing and is not the thing."""

    A = "a"


def dedupe_by(annotation: Any) -> None:
    """Declare a handler that dedupes by a field of a type."""
    service: Any = Service("dedupe", namespace="dedupe")

    class Paid(Event, of=service):
        id: Key[str]
        by: annotation

    @service.on(dedupe_by="by")
    async def hear(event: Paid) -> None: ...


@pytest.mark.parametrize("annotation", [float, bool, bytes, Decimal, Odd, list[str], int | str], ids=str)
def test_what_names_no_effect_is_nothing_to_dedupe_by(annotation: Any) -> None:
    """1.0 and 1, or a value of an Enum and its text, would be two effects of one thing."""
    with pytest.raises(DeclarationError, match=r"dedupes by Paid.by, which names no effect") as refused:
        dedupe_by(annotation)
    assert refused.value.hint


@pytest.mark.parametrize("annotation", [str, int, uuid.UUID, NewType("Ref", str), int | None], ids=str)
def test_what_names_an_effect_is_something_to_dedupe_by(annotation: Any) -> None:
    """If it may be None, a message without it is distinguished by its id."""
    dedupe_by(annotation)

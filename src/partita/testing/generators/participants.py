"""The services of generated cases: homes of sagas, and participants with commands to do, undo, ask and finish.

They are declared once: for each place one service that keeps the order of keys, and one that does not. Before each action
a handler asks `script`, which the case provides.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from partita.catalog.event import Command, Event, Key
from partita.catalog.injection import Meta, Tx
from partita.catalog.rejection import Rejection
from partita.catalog.retry import Retry
from partita.catalog.service import Service
from partita.errors import Conflict, NotFound
from partita.testing.generators.answer_judge import ASKED, TAKEN, UNDONE
from partita.testing.generators.sagas import HOME, PLACES, SLOTS
from partita.waiting import Later, later

Does = Literal["do", "undo", "ask"]
TABLES = """
CREATE TABLE IF NOT EXISTS effect (name TEXT NOT NULL, delta INT NOT NULL);
CREATE TABLE IF NOT EXISTS said (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, what TEXT NOT NULL, result TEXT NOT NULL,
    at_us INT NOT NULL);
"""
DO = "INSERT INTO effect (name, delta) VALUES (:name, 1)"
DO_FIRST = """
INSERT INTO effect (name, delta) SELECT :name, 1 WHERE NOT EXISTS (SELECT 1 FROM effect WHERE name = :name AND delta = 1)
"""
SAY = "INSERT INTO said (name, what, result, at_us) VALUES (:name, :what, :result, :at_us)"
FACTS = "SELECT name, what, result, at_us FROM said ORDER BY seq"
UNDO = """
INSERT INTO effect (name, delta) SELECT :name, -1 WHERE (SELECT coalesce(sum(delta), 0) FROM effect WHERE name = :name) > 0
"""
RUNNING = "while its saga ran"
RUNS = "SELECT count(*) AS n FROM saga WHERE saga = 'Child' AND saga_id = :id AND status NOT IN ('completed', 'undone')"
EFFECTS = "SELECT name, sum(delta = 1) AS done, sum(delta) AS there FROM effect GROUP BY name"
IS_DONE = "SELECT coalesce(sum(delta), 0) AS n FROM effect WHERE name = :name"
STEP = re.compile(r"/i(?P<instance>\d+)/s(?P<step>\d+)(/(?P<item>\d+))?/[^/]*$")
RETRY = Retry(in_place=1, first_wait_s=0.01, delays=(60.0,), storm=1_000_000)


class Broken(Exception):
    """A handler fails, because the case says so."""


@dataclass(slots=True)
class Slot:
    """The messages of one command to do."""

    do: type[Any]
    undo: type[Any]
    ask: type[Any]
    surely: type[Any]
    remind: type[Any]
    no: type[Rejection]

    def answer(self, says: str, must: bool, **fields: str) -> Any:
        """The answer to the command: its reply, or its refusal; `must` for the command that is never refused."""
        if says == "no":
            return self.no(why="the answer from outside")
        return (self.surely if must else self.do).__partita__.reply(**fields)


@dataclass(slots=True)
class Pool:
    """All services of generated cases, and their clock. `script` says whether a handler refuses; it raises to make it fail.
    `later` says whether a step is answered from outside, and is called with each handler of it."""

    now_us: Callable[[], int]
    script: Callable[[Meta, Does], bool] = field(default=lambda meta, does: False)
    later: Callable[[Meta, Does], bool] = field(default=lambda meta, does: False)
    services: dict[tuple[int, bool], Service] = field(default_factory=dict)
    slots: dict[tuple[int, bool], list[Slot]] = field(default_factory=dict)
    started: dict[bool, type[Any]] = field(default_factory=dict)
    undone: dict[bool, type[Any]] = field(default_factory=dict)
    begin: dict[bool, type[Any]] = field(default_factory=dict)
    withdrawn: dict[tuple[int, bool], type[Any]] = field(default_factory=dict)
    tell: dict[tuple[int, bool], type[Any]] = field(default_factory=dict)
    carried: dict[tuple[int, bool], Slot] = field(default_factory=dict)  # of a command that a saga carries out

    def __post_init__(self) -> None:
        for place in range(PLACES):
            for ordered in (True, False):
                self._declare(place, ordered)

    def _declare(self, place: int, ordered: bool) -> None:
        name = f"{'home' if place == HOME else f'participant{place}'}-{'key' if ordered else 'none'}"
        service = Service(
            name,
            namespace=f"drawn.{name.replace('-', '_')}",
            tables=TABLES,
            order="key" if ordered else "none",
            retry=RETRY,
        )
        self.services[place, ordered] = service
        self.slots[place, ordered] = [self._slot(service, number) for number in range(SLOTS)]
        self.withdrawn[place, ordered] = _message("Withdrawn", Event, {"id": Key[str]}, service)
        self._declare_tell(service, place, ordered)
        self.carried[place, ordered] = self._carried(service, self.slots[place, ordered][0])
        if place == HOME:
            self._declare_start(service, ordered)

    def _declare_start(self, service: Service, ordered: bool) -> None:
        fields = {"id": Key[str], "lane": str, "items": list[str]}
        started = self.started[ordered] = _message("Started", Event, fields, service)
        self.undone[ordered] = _message("Undone", Event, {"id": Key[str], "reason": str}, service)
        begin = self.begin[ordered] = _message("Begin", Command[started], fields, service)  # type: ignore[valid-type]

        @service.handles(cast(Any, begin))
        async def start(cmd: Any) -> Any:
            return started(id=cmd.id, lane=cmd.lane, items=cmd.items)

    def _declare_tell(self, service: Service, place: int, ordered: bool) -> None:
        told = _message("Told", Event, {"id": Key[str]}, service)
        unwilling = types.new_class("Unwilling", (Rejection,), {}, _annotated({"why": str}))
        fields: dict[str, Any] = {"id": Key[str], "slot": int, "must": bool, "lane": str, "item": str}
        fields |= {"says": str, "ends": str, "reply_to": str}
        command: Any = Command[told, unwilling]  # type: ignore[valid-type]
        telling = self.tell[place, ordered] = _message("Tell", command, fields, service)

        @service.handles(cast(Any, telling))
        async def tell(cmd: Any, meta: Meta, tx: Tx) -> Any:
            slot, name, result = self.slots[place, ordered][cmd.slot], effect_name(cmd.id, cmd.slot, cmd.item), TAKEN
            try:
                await tx.reply(cmd.reply_to, slot.answer(cmd.says, cmd.must, id=cmd.id, lane=cmd.lane), by="a driver")
            except (Conflict, NotFound) as error:
                result = type(error).__name__
            await tx.execute(SAY, name=name, what=cmd.says, result=result, at_us=self.now_us())
            if (cmd.says, result) == ("yes", TAKEN):
                await tx.execute(DO_FIRST, name=name)
            if cmd.ends == "fails" and meta.attempt == 1:
                raise Broken("the case says so")
            if cmd.ends == "refuses":
                raise unwilling(why="the case says so")
            return told(id=cmd.id)

    def _carried(self, service: Service, like: Slot) -> Slot:
        """A command without a handler, and its undo, which records how it is called."""
        fields = {"id": Key[str], "lane": str}
        failed = types.new_class("CarryFailed", (Rejection,), {}, _annotated({"reason": str}))
        done, sure, undone = (
            _message(name, Event, fields, service) for name in ("Carried", "SurelyCarried", "Recalled")
        )
        carry = _message("Carry", Command[done, failed], fields, service)  # type: ignore[valid-type]
        surely = _message("SurelyCarry", Command[sure], fields, service)  # type: ignore[valid-type]
        recall = _message("Recall", Command[undone], fields, service)  # type: ignore[valid-type]

        @service.handles(cast(Any, recall))
        async def undo(cmd: Any, meta: Meta, tx: Tx) -> Any:
            self.script(meta, "undo")
            (row,) = await tx.fetch_all(RUNS, id=cmd.id)
            await tx.execute(DO, name=f"{cmd.id}/recalled")
            if row["n"]:  # or it has ended in this very transaction, which writes its state behind the handlers
                await tx.execute(SAY, name=cmd.id, what="recalled", result=RUNNING, at_us=self.now_us())
            return undone(id=cmd.id, lane=cmd.lane)

        return replace(like, do=carry, undo=recall, surely=surely, no=failed)

    def _slot(self, service: Service, number: int) -> Slot:
        fields = {"id": str, "lane": Key[str]} if number % 2 else {"id": Key[str], "lane": str}

        def event(name: str) -> type[Any]:
            return _message(f"{name}{number}", Event, fields, service)

        def refusal(name: str) -> type[Rejection]:
            return types.new_class(f"{name}{number}", (Rejection,), {}, _annotated({"why": str}))

        done, undone, surely_done, reminded = event("Done"), event("Undone"), event("SurelyDone"), event("Reminded")
        no, not_done = refusal("No"), refusal("NotDone")

        def command(name: str, base: Any) -> type[Any]:
            return _message(f"{name}{number}", base, {**fields, "item": str}, service, {"item": ""})

        slot = Slot(
            command("Do", Command[done, no]),  # type: ignore[valid-type]
            command("Undo", Command[undone]),  # type: ignore[valid-type]
            command("Ask", Command[done, not_done]),  # type: ignore[valid-type]
            command("Surely", Command[surely_done]),  # type: ignore[valid-type]
            command("Remind", Command[reminded]),  # type: ignore[valid-type]
            no,
        )
        self._handle(service, number, slot, no, not_done)
        return slot

    def _handle(
        self, service: Service, number: int, slot: Slot, no: type[Rejection], not_done: type[Rejection]
    ) -> None:
        async def do(cmd: Any, meta: Meta, tx: Tx) -> Any:
            refuses = self.script(meta, "do")
            if not refuses and self.later(meta, "do"):
                await tx.execute(
                    SAY, name=effect_name(cmd.id, number, cmd.item), what=ASKED, result="", at_us=self.now_us()
                )
                return later()
            await tx.execute(DO, name=effect_name(cmd.id, number, cmd.item))
            if refuses:
                raise no(why="the case says so")
            return slot.do.__partita__.reply(id=cmd.id, lane=cmd.lane)

        async def surely(cmd: Any, meta: Meta, tx: Tx) -> Any:
            self.script(meta, "do")
            if self.later(meta, "do"):
                await tx.execute(
                    SAY, name=effect_name(cmd.id, number, cmd.item), what=ASKED, result="", at_us=self.now_us()
                )
                return later()
            await tx.execute(DO, name=effect_name(cmd.id, number, cmd.item))
            return slot.surely.__partita__.reply(id=cmd.id, lane=cmd.lane)

        async def undo(cmd: Any, meta: Meta, tx: Tx) -> Any:
            self.script(meta, "undo")
            await tx.execute(UNDO, name=effect_name(cmd.id, number, cmd.item))
            if self.later(meta, "undo"):
                await tx.execute(
                    SAY, name=effect_name(cmd.id, number, cmd.item), what=UNDONE, result="", at_us=self.now_us()
                )
            return slot.undo.__partita__.reply(id=cmd.id, lane=cmd.lane)

        async def ask(cmd: Any, meta: Meta, tx: Tx) -> Any:
            self.script(meta, "ask")
            (row,) = await tx.fetch_all(IS_DONE, name=effect_name(cmd.id, number, cmd.item))
            if not row["n"]:
                raise not_done(why="nothing was done so far")
            return slot.do.__partita__.reply(id=cmd.id, lane=cmd.lane)

        async def remind(cmd: Any, tx: Tx) -> Any:
            await tx.execute(DO, name=f"{effect_name(cmd.id, number, cmd.item)}/reminded")
            return slot.remind.__partita__.reply(id=cmd.id, lane=cmd.lane)

        do.__annotations__["return"] = slot.do.__partita__.reply | Later
        surely.__annotations__["return"] = slot.surely.__partita__.reply | Later
        handlers: list[tuple[type[Any], Callable[..., Any]]] = [
            (slot.do, do),
            (slot.surely, surely),
            (slot.undo, undo),
            (slot.ask, ask),
            (slot.remind, remind),
        ]
        for command, handler in handlers:
            handler.__name__ = f"{handler.__name__}{number}"
            service.handles(cast(Any, command))(handler)


def address_of(meta: Meta) -> tuple[int, int, int]:
    """The numbers of an instance, of a step and of an item."""
    of = STEP.search(meta.idempotency_key)
    assert of is not None
    return int(of["instance"]), int(of["step"]), int(of["item"] or 0)


def effect_name(saga_id: str, slot: int, item: str) -> str:
    """The name of an effect: of a slot's command, or of its command for one item."""
    return f"{saga_id}/{slot}/item{item}" if item else f"{saga_id}/{slot}"


def _annotated(fields: dict[str, Any], defaults: Mapping[str, Any] = {}) -> Callable[[dict[str, Any]], None]:
    return lambda namespace: namespace.update(__annotations__=fields, __module__=__name__, **defaults)


def _message(
    name: str, base: Any, fields: dict[str, Any], service: Service, defaults: Mapping[str, Any] = {}
) -> type[Any]:
    return types.new_class(name, (base,), {"of": service}, _annotated(fields, defaults))

"""A generated app of many services for the tests of the layout: events that others hear, and a saga over three of them here and there."""

from __future__ import annotations

import random
from typing import Any

from partita import App, Command, Event, Key, Saga, Service, minutes, pivot, retriable, step
from partita.catalog.contract import contract_of
from partita.catalog.service import service_of

TRADES = ("order", "stock", "billing", "claims", "fleet", "search")
DESKS = ("intake", "ledger", "desk", "gateway", "archive")


def city(count: int, seed: int, sagas: int) -> App:
    """An app of so many services; the same numbers give the same app. A saga directs three of them, and the others react."""
    dice = random.Random(seed)
    names = [f"{trade}-{desk}" for trade in TRADES for desk in DESKS]
    services = [Service(names[i] if i < len(names) else f"service-{i}", namespace=f"city.s{i}") for i in range(count)]
    hearers = [sorted(dice.sample(range(count), min(count - 1, dice.choice((0, 1, 1, 2))))) for _ in services]
    starts = [number * (count // sagas) for number in range(sagas)]
    parts = [
        _part(each, each.name.title().replace("-", ""), bool(hearers[i]) or i in starts)
        for i, each in enumerate(services)
    ]
    for number, (_, _, done) in enumerate(parts):
        for other in hearers[number]:
            if other != number:
                _hear(services[other], done, f"hears{number}", dice.choice((1, 1, 8)))
    for number, at in enumerate(starts):
        _saga(services[at], f"Process{number}", parts[at][2], [parts[i] for i in dice.sample(range(count), 3)])
    return App(*services)


def _part(service: Service, name: str, tells: bool) -> tuple[type[Any], type[Any], type[Any]]:
    """A command of a service, its undo, and the event that it publishes beside its answer."""

    class Done(Event, of=service, name=f"{name}Done"):
        id: Key[str]

    class Answered(Event, of=service, name=f"{name}Answered"):
        id: Key[str]

    class Undone(Event, of=service, name=f"{name}Undone"):
        id: Key[str]

    class Do(Command[Answered], of=service, name=f"Do{name}"):
        id: Key[str]

    class Undo(Command[Undone], of=service, name=f"Undo{name}"):
        id: Key[str]

    for cls in (Done, Answered, Undone, Do, Undo):
        cls.__name__ = cls.__wire_name__  # type: ignore[attr-defined]
    if not tells:
        service.messages.pop(f"{service.namespace}.v1.{name}Done")

    @service.handles(Do, emits=Done if tells else ())
    async def do(cmd: Do) -> Answered:
        return Answered(id=cmd.id)

    return Do, Undo, Done


def _hear(service: Service, event: type[Any], name: str, calls: int) -> None:
    async def hear(event: Any) -> None: ...

    hear.__annotations__ = {"event": event, "return": None}
    service.on(name=name, concurrency=calls)(hear)


def _handle_undo(undo: type[Any]) -> None:
    contract = contract_of(undo)
    service = service_of(contract)
    if any(contract in each.contracts for each in service.declared.bindings):
        return

    async def handle(cmd: Any) -> Any: ...

    handle.__annotations__ = {"cmd": undo, "return": contract.reply}
    service.handles(undo)(handle)


def _saga(service: Service, name: str, start: type[Any], parts: list[tuple[type[Any], type[Any], type[Any]]]) -> None:
    class Cancelled(Event, of=service, name=f"{name}Cancelled"):
        id: Key[str]

    Cancelled.__name__ = f"{name}Cancelled"
    (first, undo_first, _), (second, undo_second, _), (third, _, _) = parts
    _handle_undo(undo_first)
    _handle_undo(undo_second)

    class Process(Saga, start=start, deadline=minutes(20), undone=Cancelled, of=service, name=name):
        first_step = step(first, undo=undo_first)
        second_step = pivot(second, undo=undo_second)
        third_step = retriable(third)

    _hear(service, Cancelled, "cancelled", 1)

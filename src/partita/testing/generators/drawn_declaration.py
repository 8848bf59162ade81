"""The declaration of a drawn saga, as a user would write it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from partita.catalog.service import Service
from partita.sagas import after, each, on, parallel
from partita.sagas.definition import SagaDefinition
from partita.sagas.listener import Listener
from partita.sagas.saga import Saga
from partita.sagas.step import Step, pivot, retriable, step
from partita.testing.generators.participants import Pool, Slot
from partita.testing.generators.sagas import CHILD, HOME, DrawnChild, DrawnStep, SagaCase, first_beside


def declared(pool: Pool, case: SagaCase, home: Service) -> SagaDefinition:
    """Declare the saga of a case at its home.

    Raises:
        DeclarationError: it is one of those that must be refused.
    """
    ordered = case.saga.ordered
    parts: dict[str, Step | Listener] = {}
    child = case.saga.child
    if child is not None:
        _declare_child(pool, case, child)
    for number, drawn in enumerate(case.saga.steps):
        slot = pool.slots[drawn.place, ordered[drawn.place]][drawn.slot]
        if child is not None and number == child.at:
            slot = replace(pool.carried[drawn.place, ordered[drawn.place]], remind=slot.remind)
        made = _step(drawn, slot)
        parts[f"s{number}"] = each("items", made, at_most=drawn.each) if drawn.each else made
        parts[f"s{number}"].name = f"s{number}"
    groups: dict[int, list[Step]] = {}
    for number in range(len(case.saga.steps)):
        groups.setdefault(first_beside(case.saga.steps, number), []).append(cast(Step, parts[f"s{number}"]))
    for group in groups.values():
        if len(group) > 1:
            parallel(*group)
    if (place := case.saga.heard_from) is not None:
        parts["withdrawn"] = on(pool.withdrawn[place, ordered[place]], then="cancel")
    declare: Any = type(Saga)
    saga = declare(
        "Drawn",
        (Saga,),
        dict(parts),
        start=pool.started[ordered[HOME]],
        of=home,
        deadline=case.saga.deadline_s,
        undone=pool.undone[ordered[HOME]],
    )
    return cast(SagaDefinition, saga.__definition__)


def _declare_child(pool: Pool, case: SagaCase, child: DrawnChild) -> None:
    ordered = case.saga.ordered
    where, must = (child.place, ordered[child.place]), case.saga.steps[child.at].kind == "retriable"
    parts: dict[str, Step] = {}
    for number, drawn in enumerate(child.steps, CHILD):
        parts[f"s{number}"] = _step(drawn, pool.slots[drawn.place, ordered[drawn.place]][drawn.slot])
        parts[f"s{number}"].name = f"s{number}"
    start = pool.carried[where].surely if must else pool.carried[where].do
    declare: Any = type(Saga)
    declare("Child", (Saga,), dict(parts), start=start, of=pool.services[where], deadline=child.deadline_s)


def forget(service: Service) -> None:
    """Take the sagas of a case out of a service, and the commands that they carry out."""
    service.declared.sagas.clear()
    service.declared.bindings[:] = [binding for binding in service.declared.bindings if not binding.saga]


def _step(drawn: DrawnStep, slot: Slot) -> Step:
    undo = slot.undo if drawn.undoable else None
    ask = slot.ask if drawn.on_timeout == "ask" else None
    timers = [after(at_s, slot.remind) for at_s in drawn.timers]
    if drawn.kind == "retriable":
        return retriable(slot.surely, timeout=drawn.timeout_s, timers=timers)
    options: Any = {"timeout": drawn.timeout_s, "on_timeout": drawn.on_timeout, "ask": ask, "timers": timers}
    if drawn.kind == "pivot":
        return pivot(slot.do, undo=undo, **options)
    return step(slot.do, undo=undo, **options) if drawn.undoable else step(slot.do, no_effect=True, **options)

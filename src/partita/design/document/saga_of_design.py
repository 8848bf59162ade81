"""A saga of a design as the engine knows it: its classes, with their keys alone, are declared and compiled as those of a user."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from partita.catalog.event import Command, Event, Key
from partita.catalog.rejection import Rejection
from partita.catalog.service import Service
from partita.design.brief.deriving.verbs import not_done_of, timer_answer_of
from partita.design.model.design import Design
from partita.design.model.saga import SagaDesign, StepDesign
from partita.sagas import after
from partita.sagas.saga import Saga
from partita.sagas.state_table import StateTable, table_of
from partita.sagas.step import Step, parallel, pivot, retriable, step

_KEY = "key"


class _Declared:
    """The classes of one saga, each declared at its first use."""

    def __init__(self, design: Design, saga: SagaDesign) -> None:
        self._design = design
        self._services: dict[str, Service] = {}
        self._classes: dict[str, type[Any]] = {}
        self.saga = saga

    def compiled(self) -> type[Saga]:
        """The compiled class.

        Raises:
            DeclarationError: the engine refuses it.
        """
        saga = self.saga
        parts: dict[str, Any] = {}
        for each in saga.steps:
            parts[each.name] = self._step(each)
            parts[each.name].name = each.name
        for group in saga.groups():
            if len(group) > 1:
                parallel(*(parts[each.name] for each in group))
        declare: Any = type(Saga)
        found: type[Saga] = declare(
            saga.name,
            (Saga,),
            parts,
            start=self._event(saga.start, saga.at),
            of=self._service(saga.at),
            deadline=saga.deadline.value,
            undone=self._event(saga.failed, saga.at) if saga.failed and saga.pivot >= 0 else None,
        )
        return found

    def _step(self, each: StepDesign) -> Step:
        timers = [
            after(timer.after, self._command(timer.do, timer_answer_of(timer.do), (), each.at)) for timer in each.timers
        ]
        do = self._command(each.do, each.ok, each.fail, each.at)
        if each.kind == "retriable":
            return retriable(do, timeout=each.timeout.value, timers=timers)
        undo = self._command(each.undo, each.undone or f"{each.undo}Done", (), each.at) if each.undo else None
        ask = self._command(each.ask, each.ok, (not_done_of(each.do),), each.at) if each.ask else None
        options: Any = {
            "timeout": each.timeout.value,
            "on_timeout": each.on_timeout.value,
            "ask": ask,
            "timers": timers,
        }
        if each.kind == "pivot":
            return pivot(do, undo=undo, **options)
        return step(do, undo=undo, **options) if undo is not None else step(do, no_effect=True, **options)

    def _service(self, name: str) -> Service:
        if name not in self._services:
            self._services[name] = Service(name, namespace=f"design.{name.replace('-', '_')}")
        return self._services[name]

    def _event(self, name: str, at: str) -> Any:
        return self._class(name, Event, at)

    def _refusal(self, name: str) -> Any:
        if name not in self._classes:
            self._classes[name] = types.new_class(name, (Rejection,), {}, _annotated({}))
        return self._classes[name]

    def _command(self, name: str, ok: str, fail: tuple[str, ...], at: str) -> Any:
        reply = self._event(ok, at)
        refusals = [self._refusal(each) for each in fail]
        answers: Any = reply if not refusals else (reply, _union(refusals))
        command: Any = Command
        return self._class(name, command[answers], at)

    def _class(self, name: str, base: Any, at: str) -> Any:
        if name not in self._classes:
            words = {"of": self._service(at)}
            self._classes[name] = types.new_class(name, (base,), words, _annotated({_KEY: Key[str]}))
        return self._classes[name]


def state_table(design: Design, saga: SagaDesign) -> StateTable:
    """The table of a saga of a design.

    Raises:
        DeclarationError: the engine refuses the saga.
        OverflowError: it has too many states for a table.
    """
    return table_of(_Declared(design, saga).compiled(), _make)


def _make(cls: type[Any]) -> Any:
    return cls() if issubclass(cls, Rejection) else cls(**{_KEY: "1"})


def _annotated(fields: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    def fill(space: dict[str, Any]) -> None:
        space["__annotations__"] = fields
        space["__module__"] = __name__

    return fill


def _union(classes: list[Any]) -> Any:
    found = classes[0]
    for each in classes[1:]:
        found = found | each
    return found

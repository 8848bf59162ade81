"""The design: all parts together, as a brief or an app gives them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar

from partita.design.model.accepted import Accepted
from partita.design.model.choreography import Choreography, Reaction
from partita.design.model.clause import Clause
from partita.design.model.delivery import BusDesign, FailurePolicy
from partita.design.model.ledger import Assumption, Question
from partita.design.model.load import Load
from partita.design.model.message import CommandDesign, EventDesign
from partita.design.model.origin import Fact
from partita.design.model.rule import Rule
from partita.design.model.saga import SagaDesign, StepDesign
from partita.design.model.service import ServiceDesign
from partita.design.model.storage import AggregateDesign, ReadModelDesign


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_P = TypeVar("_P", bound=_Named)


@dataclass(frozen=True)
class Design:
    """A design. `source` is the brief's file, or the app ("shop.app:app"); every name in it is unique among its kind.

    What follows from its parts is computed once: a document asks thousands of times.
    """

    source: str
    domain: str
    purpose: Fact[str]
    namespace: str
    load: Load
    services: tuple[ServiceDesign, ...]
    events: tuple[EventDesign, ...]
    commands: tuple[CommandDesign, ...]
    sagas: tuple[SagaDesign, ...]
    choreographies: tuple[Choreography, ...]
    aggregates: tuple[AggregateDesign, ...]
    read_models: tuple[ReadModelDesign, ...]
    rules: tuple[Rule, ...]
    failure: FailurePolicy
    compatibility: Fact[str]
    bus: BusDesign
    assumptions: tuple[Assumption, ...] = ()
    questions: tuple[Question, ...] = ()
    accepted: tuple[Accepted, ...] = ()
    clauses: tuple[Clause, ...] = ()

    def service(self, name: str) -> ServiceDesign:
        """The service of that name.

        Raises:
            KeyError: there is none; a checked design names no service that it does not have.
        """
        return _named(self.services, name)

    def event(self, name: str) -> EventDesign:
        """The event of that name.

        Raises:
            KeyError: there is none.
        """
        return _named(self.events, name)

    def command(self, name: str) -> CommandDesign:
        """The command of that name.

        Raises:
            KeyError: there is none.
        """
        return _named(self.commands, name)

    @cached_property
    def reactions(self) -> tuple[Reaction, ...]:
        """The reactions of all choreographies."""
        return tuple(reaction for each in self.choreographies for reaction in each.reactions)

    @cached_property
    def steps(self) -> tuple[tuple[SagaDesign, StepDesign], ...]:
        """The steps of all sagas, each with its saga."""
        return tuple((saga, step) for saga in self.sagas for step in saga.steps)

    def consumers(self, event: str) -> tuple[str, ...]:
        """The services that hear an event: by a reaction, or because their saga waits for it."""
        return tuple(self._heard_by.get(event, ()))

    @cached_property
    def _heard_by(self) -> dict[str, dict[str, None]]:
        found: dict[str, dict[str, None]] = {}
        for reaction in self.reactions:
            for event in reaction.when:
                found.setdefault(event, {})[reaction.who] = None
        for saga in self.sagas:
            for event in (saga.start, *self._answers_of(saga)):
                found.setdefault(event, {})[saga.at] = None
        return found

    @cached_property
    def followers(self) -> dict[str, tuple[str, ...]]:
        """The events that follow at once from an event, by reactions and by the saga that it begins."""
        found: dict[str, list[str]] = {}
        for reaction in self.reactions:
            for event in reaction.when:
                found.setdefault(event, []).extend(reaction.gives)
        for saga in self.sagas:
            after = (saga.failed, *self._answers_of(saga))
            found.setdefault(saga.start, []).extend(name for name in after if name)
        return {event: tuple(names) for event, names in found.items()}

    def _answers_of(self, saga: SagaDesign) -> tuple[str, ...]:
        return tuple(
            name
            for step in saga.steps
            for name in (step.ok, step.undone, *step.fail, *self.waiting_answers(step))
            if name
        )

    def waiting_answers(self, step: StepDesign) -> tuple[str, ...]:
        """The answers to the timers of a step and to the question after its timeout, beside those of the step itself."""
        sent = {step.ask, *(timer.do for timer in step.timers)} - {""}
        found = [each for each in self.commands if each.name in sent] if sent else []
        return tuple(name for each in found for name in (each.reply, *each.refusals) if name != step.ok)


def _named(parts: tuple[_P, ...], name: str) -> _P:
    for part in parts:
        if part.name == name:
            return part
    raise KeyError(name)

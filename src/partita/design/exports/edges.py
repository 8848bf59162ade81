"""The edges of a design: from service to service, with the message that goes there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from partita.design.model.design import Design


@dataclass(frozen=True, slots=True)
class Edge:
    """A message from one service to another; of a saga it is orchestration."""

    origin: str
    to: str
    message: str
    style: Literal["choreography", "orchestration"]


def edges(design: Design) -> tuple[Edge, ...]:
    """The edges between services, each once: the commands of sagas with their answers, and the events that services hear."""
    return tuple(dict.fromkeys([*_of_sagas(design), *_of_reactions(design)]))


def _of_sagas(design: Design) -> Iterator[Edge]:
    for saga, step in design.steps:
        if step.at == saga.at:
            continue
        answers = (step.ok, *step.fail, step.undone, *design.waiting_answers(step))
        yield from (Edge(saga.at, step.at, command, "orchestration") for command in step.sends)
        yield from (Edge(step.at, saga.at, answer, "orchestration") for answer in answers if answer)


def _of_reactions(design: Design) -> Iterator[Edge]:
    owner = {event.name: event.by for event in design.events}
    for reaction in design.reactions:
        for event in reaction.when:
            if owner.get(event, reaction.who) != reaction.who:
                yield Edge(owner[event], reaction.who, event, "choreography")

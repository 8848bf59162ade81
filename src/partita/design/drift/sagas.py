"""Changes of sagas: their steps, undos, times and ends."""

from __future__ import annotations

from collections.abc import Iterator

from partita.design.document.quantity import span
from partita.design.drift.change import Change
from partita.design.model.design import Design
from partita.design.model.saga import SagaDesign, StepDesign

NEW_VERSION = "Raise the saga's version, and keep the old class until its instances have ended."


def saga_changes(old: Design, new: Design) -> Iterator[Change]:
    """The changes of all sagas."""
    olds, news = {saga.name: saga for saga in old.sagas}, {saga.name: saga for saga in new.sagas}
    for name in sorted(olds.keys() - news.keys()):
        saga = olds[name]
        yield Change(
            section=4,
            what=f"Saga {name} of {saga.at} is gone.",
            harm=f"{saga.start} starts nothing more, and instances in flight stop where they are.",
            hurt=_participants(saga),
            instead="Keep the class until its instances have ended.",
        )
    for name in sorted(news.keys() - olds.keys()):
        saga = news[name]
        yield Change(section=4, what=f"Saga {name} of {saga.at} is new: {saga.start} starts it.")
    for name in sorted(olds.keys() & news.keys()):
        yield from _one(olds[name], news[name])


def _one(old: SagaDesign, new: SagaDesign) -> Iterator[Change]:
    if old.start != new.start:
        yield Change(
            section=4,
            what=f"{old.name} starts with {new.start}, and started with {old.start}.",
            harm=f"{old.start} starts nothing more.",
            hurt=(old.at,),
        )
    if old.failed != new.failed:
        yield Change(
            section=4,
            what=f"{old.name} ends with {new.failed or 'no event'} when it is undone, and ended with {old.failed or 'none'}.",
        )
    if old.deadline.value != new.deadline.value:
        yield Change(
            section=4,
            what=f"{old.name} has a deadline of {span(new.deadline.value)}, and had {span(old.deadline.value)}.",
        )
    if old.why.value != new.why.value:
        yield Change(
            section=3, what=f"The reason why a saga directs {old.name} is another one: {new.why.value or 'none'}"
        )
    yield from _steps(old, new)


def _steps(old: SagaDesign, new: SagaDesign) -> Iterator[Change]:
    olds, news = {step.do: step for step in old.steps}, {step.do: step for step in new.steps}
    for do in sorted(olds.keys() - news.keys()):
        yield Change(
            section=4,
            what=f"{old.name} no longer sends {do}.",
            harm="Instances in flight may have done this step, and the new definition does not undo it.",
            hurt=(olds[do].at,),
            instead=NEW_VERSION,
        )
    for do in sorted(news.keys() - olds.keys()):
        yield Change(
            section=4,
            what=f"{old.name} sends {do} to {news[do].at} now.",
            harm="Instances in flight have passed this place.",
            hurt=(old.at,),
            instead=NEW_VERSION,
        )
    kept = [do for do in olds if do in news]
    if kept != [do for do in news if do in olds]:
        yield Change(
            section=4,
            what=f"{old.name} has its steps in another order: {', '.join(news)}.",
            harm="Instances in flight would go on at another step.",
            hurt=_participants(old),
            instead=NEW_VERSION,
        )
    for do in kept:
        yield from _step(old, olds[do], news[do])


def _step(saga: SagaDesign, old: StepDesign, new: StepDesign) -> Iterator[Change]:
    what = f"{saga.name}, {old.do}:"
    if old.undo and not new.undo:
        yield Change(
            section=4,
            what=f"{what} it has no undo any more, and had {old.undo}.",
            harm=f"When a later step fails, the effect of {old.do} stays.",
            hurt=(old.at,),
            instead=f"Keep undo={old.undo}, or move the step behind the pivot.",
        )
    elif old.undo != new.undo:
        yield Change(section=4, what=f"{what} its undo is {new.undo}, and was {old.undo or 'none'}.")
    if old.kind != new.kind:
        yield Change(
            section=4,
            what=f"{what} it is a {new.kind}, and was a {old.kind}.",
            harm="The point of no return moves: instances in flight are decided otherwise.",
            hurt=_participants(saga),
            instead=NEW_VERSION,
        )
    if old.each != new.each:
        yield Change(
            section=4,
            what=f"{what} it is sent {new.times.strip() or 'once'}, and was sent {old.times.strip() or 'once'}.",
            harm="Instances in flight have sent it for other items.",
            hurt=(saga.at,),
            instead=NEW_VERSION,
        )
    if old.at != new.at:
        yield Change(
            section=3,
            what=f"{what} {new.at} handles it, and {old.at} did.",
            harm="Undos of instances in flight go to a service that has not done the step.",
            hurt=(old.at, new.at),
        )
    if old.timeout.value != new.timeout.value:
        yield Change(
            section=4,
            what=f"{what} its timeout is {span(new.timeout.value)}, and was {span(old.timeout.value)}.",
        )
    if old.on_timeout.value != new.on_timeout.value:
        yield Change(
            section=4,
            what=f"{what} after a timeout it will {new.on_timeout.value}, and did {old.on_timeout.value}.",
            harm="Instances in flight are decided otherwise.",
            hurt=(saga.at,),
            instead=NEW_VERSION,
        )
    if old.beside != new.beside:
        yield Change(
            section=4,
            what=f"{what} it is sent {f'together with {new.beside}' if new.beside else 'alone'} now.",
            harm="Instances in flight are at another place of the saga.",
            hurt=(saga.at,),
            instead=NEW_VERSION,
        )
    if old.timers != new.timers:
        times = ", ".join(f"{each.do} after {span(each.after)}" for each in new.timers) or "nothing"
        yield Change(section=4, what=f"{what} while it waits the saga sends {times}.")


def _participants(saga: SagaDesign) -> tuple[str, ...]:
    return tuple(dict.fromkeys([saga.at, *(step.at for step in saga.steps)]))

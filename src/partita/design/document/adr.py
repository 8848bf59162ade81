"""The decisions of a design as records: what was decided and why, what was rejected, and what would change it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from partita.design.document.block import A, Mark, mark_of, weakest
from partita.design.document.bus_matrix import NAMES, needs_of, said_tips, totals
from partita.design.document.quantity import listed, sentence, span
from partita.design.document.view import View
from partita.design.model.delivery import BUS_KINDS


@dataclass(frozen=True, slots=True)
class Adr:
    """A decision. `id` is "ADR-1" and so on."""

    id: str
    title: str
    decision: str
    why: str
    rejected: tuple[str, ...]
    change: str
    mark: Mark
    shown: Mark
    """The mark of the values in its reasons, its alternatives and the fact that would change it."""


def adrs(view: View) -> tuple[Adr, ...]:
    """The decisions of a design, in the order of its sections."""
    found = [*_flows(view), _bus(view), *_storage(view), _compatibility(view), _failure(view)]
    return tuple(Adr(f"ADR-{number}", *parts) for number, parts in enumerate(found, 1))


_Parts = tuple[str, str, str, tuple[str, ...], str, Mark, Mark]


def _flows(view: View) -> Iterator[_Parts]:
    for saga in view.design.sagas:
        undos = [step.undo for step in saga.steps if step.undo]
        places = listed(dict.fromkeys(step.at for step in saga.steps))
        refusals = [name for step in saga.steps for name in step.fail]
        after = listed(refusals, "or") if refusals else "a timeout"
        lost = (
            f"none of {places} would know that {listed(undos)} follows {after}"
            if undos
            else f"{places} would not see the deadline"
        )
        change = (
            f"{listed(undos)} may run in any order, or one service does all of {listed(step.do for step in saga.steps)}"
            if undos
            else f"`{saga.name}` may take longer than {span(saga.deadline.value)} and no person has to notice"
        )
        yield (
            f"{saga.name} is an orchestration",
            f"`{saga.at}` directs {places}, {span(saga.deadline.value)} at most.",
            sentence(saga.why.value),
            (f"choreography by {listed([saga.start, *(s.ok for s in saga.steps)])}: {lost}.",),
            f"{change}.",
            weakest(saga.why, saga.deadline),
            weakest(saga.why, saga.deadline),
        )
    for each in view.design.choreographies:
        services = listed(dict.fromkeys(one.who for one in each.reactions))
        events = listed(dict.fromkeys(event for one in each.reactions for event in one.when))
        yield (
            f"{each.name} is a choreography",
            f"{services} react to {events} by themselves.",
            sentence(each.why.value),
            (f"a saga that sends commands to {services}: it would wait for answers that none of its steps needs.",),
            f"one of {services} may refuse, or its effect has to be undone.",
            mark_of(each.why),
            weakest(each.why),
        )


def _bus(view: View) -> _Parts:
    design = view.design
    needs = needs_of(design)
    chosen = design.bus.use.value
    sums = totals(needs)
    others = [
        f"{NAMES[kind]}: {sums[kind]} points against {sums[chosen]} points." for kind in BUS_KINDS if kind != chosen
    ]
    change = "; ".join(said_tips(needs, chosen))
    said = sentence(design.bus.use.origin.why)
    why = f"{said} Order by {listed(needs.keys)} and {needs.teams} teams: section 5 has the arithmetic.".strip()
    return (
        f"{NAMES[chosen]} is the bus",
        f"{NAMES[chosen]} carries {design.domain}.",
        why,
        tuple(others),
        f"{change}.",
        mark_of(design.bus.use),
        A,
    )


def _storage(view: View) -> Iterator[_Parts]:
    for each in view.design.aggregates:
        other = "rows" if each.stored.value == "event-sourced" else "event sourcing"
        events = listed(each.events) if each.events else "its changes"
        if each.stored.value == "event-sourced":
            lost = f"rows: {events} would be written twice, as a row and as an event, and might differ."
            change = f"no reader asks any more for the history of a {each.name}"
        else:
            lost = f"event sourcing: a {each.name} would be read by adding up {events}."
            change = f"an audit asks how a {each.name} came to its state"
        yield (
            f"{each.name} is {each.stored.value}, no {other}",
            f"{each.service} stores {each.name} as {each.stored.value}.",
            sentence(each.why.value),
            (lost,),
            f"{change}.",
            mark_of(each.stored),
            weakest(each.stored, each.why),
        )


def _compatibility(view: View) -> _Parts:
    design = view.design
    level = design.compatibility.value
    kept = span(design.load.retention.value)
    readers = listed(dict.fromkeys(who for event in design.events for who in design.consumers(event.name)))
    return (
        f"Schemas are {level}",
        f"Each change of a schema of {design.domain} is checked as {level}.",
        f"topics keep {kept}, and {len({s.team for s in design.services})} teams deploy {readers}, each in its own time.",
        (f"NONE: {readers} would have to stop and start together.",),
        f"topics keep less than one deployment of {readers} takes.",
        mark_of(design.compatibility),
        weakest(design.compatibility, design.load.retention),
    )


def _failure(view: View) -> _Parts:
    failure = view.design.failure
    waits = ", ".join(span(wait) for wait in failure.retry_topics.value) or "none"
    steps = [step.do for _, step in view.design.steps] or [each.does for each in view.design.reactions]
    return (
        f"A failing message waits {waits}",
        f"{waits}, then {failure.then.value}; alert: {failure.alert.value}.",
        f"{listed(steps)} call databases and providers that come back within minutes, seldom within hours.",
        (f"to try for ever in place: the key of one {steps[0] if steps else 'message'} would hold its partition.",),
        f"a provider behind {steps[0] if steps else 'a handler'} is usually away for longer than {waits}.",
        mark_of(failure.retry_topics),
        weakest(failure.retry_topics),
    )

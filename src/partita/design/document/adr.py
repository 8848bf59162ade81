"""The decisions of a design as records: what was decided and why, what was rejected, and what would change it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from partita.design.document import arithmetic
from partita.design.document.assumed import AWAY_S, CALL_S, SESSION_S
from partita.design.document.block import PLANNED, A, Mark, mark_of, weakest
from partita.design.document.bus_matrix import NAMES, needs_of, said_tips, totals
from partita.design.document.clashes.found import questions
from partita.design.document.outside import outside
from partita.design.document.quantity import MONTH_S, count, listed, one, rate, sentence, span
from partita.design.document.traffic import of_event
from partita.design.document.view import View
from partita.design.document.weight import TIMES, kept_for
from partita.design.model.delivery import BUS_KINDS
from partita.design.model.message import EventDesign
from partita.design.model.saga import StepDesign


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
    found += [*_giving_up(view), *_retention(view), *_personal_data(view)]
    return tuple(Adr(f"ADR-{number}", *parts) for number, parts in enumerate(found, 1))


_Parts = tuple[str, str, str, tuple[str, ...], str, Mark, Mark]


def _flows(view: View) -> Iterator[_Parts]:
    for saga in view.design.sagas:
        undos = [step.undo for step in saga.steps if step.undo]
        places = listed(dict.fromkeys(step.at for step in saga.steps))
        refusals = [name for step in saga.steps for name in step.fail]
        after = listed(refusals, "or") if refusals else "a timeout"
        lost = (
            f"none of {places} would know that {listed(undos)} {'follows' if len(undos) == 1 else 'follow'} {after}"
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
        who = list(dict.fromkeys(reaction.who for reaction in each.reactions))
        services = listed(who)
        events = listed(dict.fromkeys(event for reaction in each.reactions for event in reaction.when))
        yield (
            f"{each.name} is a choreography",
            f"{events}: {services} {'react' if who[1:] else 'reacts'} to them without a director.",
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
            change = f"no reader asks any more for the history of {one(each.name)}"
        else:
            lost = f"event sourcing: {one(each.name)} would be read by adding up {events}."
            change = f"an audit asks how {one(each.name)} came to its state"
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


def _giving_up(view: View) -> Iterator[_Parts]:
    """The time of the step of each saga whose silence decides: its pivot, else its last step that can be undone."""
    for saga in view.design.sagas:
        early = [step for step in saga.steps[: saga.pivot + 1] if not step.human]
        step = next((each for each in early if each.kind == "pivot"), early[-1] if early else None)
        if step is None:
            continue
        peak, limit = of_event(view.design, view.design.event(saga.start)).peak, step.timeout.value
        chosen = step.on_timeout.value
        done = {
            "undo": f"`{saga.at}` sends {f'`{step.undo}`' if step.undo else 'no undo'}, and ends the `{saga.name}`",
            "ask": f"`{saga.at}` sends `{step.ask}`, and undoes what was not done",
            "retry": f"`{saga.at}` sends `{step.do}` again under its id",
        }
        others = {
            "undo": f"to undo: {one(f'`{step.do}`')} that was only late is taken back",
            "ask": f"to ask: it answers only where `{step.at}` is up again, and needs a question that `{step.at}` can answer",
            "retry": f"never: {rate(peak)} x {span(saga.deadline.value)} = {count(peak * saga.deadline.value)} `{saga.name}` "
            f"open at the deadline while `{step.at}` is silent",
        }
        asked = next((f" ({each.id})" for each in questions(view) if f"an hour without `{step.at}`" in each.text), "")
        wait = f"an hour without `{step.at}` is a wait and no end{asked}, or " if limit < AWAY_S else ""
        yield (
            f"{step.do} is given up after {span(limit)}",
            f"after {span(limit)} without `{step.ok}` {done[chosen]}.",
            _enough(view, step),
            (
                f"twice as long: {rate(peak)} x {span(limit)} = {count(peak * limit)} more `{saga.name}` in flight at the peak, "
                f"while `{step.at}` is silent.",
                *(f"{text}." for way, text in others.items() if way != chosen),
            ),
            f"{wait}`{step.ok}` usually takes longer than {span(limit)}.",
            weakest(step.timeout, step.on_timeout),
            A,
        )


def _enough(view: View, step: StepDesign) -> str:
    """The reason of a time: the tries of a provider fit into it, or the death of a process does."""
    if any(each is step for _, each in outside(view.design)):
        tries = len(step.retry) + 1
        used = tries * CALL_S + sum(step.retry)
        waits = " + ".join([f"{tries} x {span(CALL_S)}", *map(span, step.retry)])
        fits = "fit into" if used <= step.timeout.value else "do not fit into"
        return f"The tries of its provider {fits} {span(step.timeout.value)}: {waits} = {span(used)}."
    fits = "fits into" if step.timeout.value > SESSION_S else "does not fit into"
    return f"A process of `{step.at}` that dies is replaced after {span(SESSION_S)}, which {fits} {span(step.timeout.value)}."


def _retention(view: View) -> Iterator[_Parts]:
    """The time for which topics keep events."""
    design, kept = view.design, view.design.load.retention
    if not any(event.retention.value == kept.value for event in design.events) or not view.topics:
        return
    disk, more = arithmetic.total_disk(design), arithmetic.total_disk(kept_for(design, kept.value * TIMES))
    short = design.failure.window.value
    models = [model.name for model in design.read_models]
    groups = dict.fromkeys(group for topic in view.topics for group in topic.groups)
    readers = listed(models or groups)
    use = f"{readers} can be rebuilt" if models else f"{readers} can read again"
    rejected = [f"twice as long: the disk of all topics = {more.result}; today {disk.result}."]
    if short < kept.value:
        rejected.append(f"{span(short)}, as long as messages are known: {use} from no event older than that.")
    yield (
        f"Topics keep events {span(kept.value)}",
        f"topics keep events {span(kept.value)}, on {disk.result} of disk.",
        f"{use} from the events of {span(kept.value)}.",
        tuple(rejected),
        f"a reader such as {readers} has to begin before the last {span(kept.value)}, or a law wants the data deleted sooner.",
        A,  # the disk is computed of assumed sizes
        A,
    )


def _personal_data(view: View) -> Iterator[_Parts]:
    """Personal data that topics keep for longer than a month, as section 7 erases it."""
    held = [each for each in view.design.events if each.pii and not each.compact and _is_kept_long(each)]
    if not held:
        return
    fields = listed(f"{event.name}.{name}" for event in held for name in event.pii)
    kept = [each.retention.value for each in held]
    longest = None if None in kept else max(each for each in kept if each is not None)
    writers, names = listed(dict.fromkeys(each.by for each in held)), listed(each.name for each in held)
    heard = dict.fromkeys(who for each in held for who in view.design.consumers(each.name) if who != each.by)
    readers = listed(heard) if heard else "a reader"
    asked = next((f" ({each.id})" for each in questions(view) if "is one person's data erased" in each.text), "")
    rates = [each.rate.value for each in held]
    often = f"{arithmetic.summed(rates)} = {rate(sum(rates))}"
    yield (
        "Personal data in topics is encrypted for each person",
        f"{fields}: encrypted with a key of its person; the keys are at {writers}, and to delete one erases its person.",
        f"topics keep {fields} {span(longest)}, and delete no single record.",
        (
            f"a shorter retention: {names} after {span(MONTH_S)} could not be read again.",
            f"a reference instead of the value: {readers} would ask {writers} each time, {often}, and wait for it.",
            f"the plain value: a person is erased after {span(longest)}, not before.",
        ),
        f"none of {readers} needs these fields, or the law lets topics keep them {span(longest)}{asked}.",
        PLANNED,
        weakest(*(each.retention for each in held), *(each.rate for each in held)),
    )


def _is_kept_long(event: EventDesign) -> bool:
    """Whether a topic keeps an event for longer than a person may wait to be erased."""
    return event.retention.value is None or event.retention.value > MONTH_S

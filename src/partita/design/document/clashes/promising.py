"""Clashes of promises: bounds of read models, orders, invariants, and things that are taken and never given back."""

from __future__ import annotations

import re
from collections.abc import Iterator

from partita.design.brief.deriving.verbs import words_of
from partita.design.document import arithmetic
from partita.design.document.assumed import HOP_MS
from partita.design.document.clashes.clash import Clash
from partita.design.document.quantity import YEAR_S, count, listed, one, rate, span
from partita.design.document.rule_words import ANY_ORDER, CEILING
from partita.design.document.traffic import of_event
from partita.design.document.view import View
from partita.design.model.rule import Rule
from partita.design.model.saga import SagaDesign, StepDesign

TAKES = frozenset(("Reserve", "Hold", "Book", "Allocate", "Block", "Lock"))


def staleness(view: View) -> Iterator[Clash]:
    """A bound of a read model is shorter than the time in which a dead process is replaced, or than the first retry."""
    back = arithmetic.recovery(view.design)
    waits = view.design.failure.retry_topics.value
    for rule in view.design.rules:
        model = next((each for each in view.design.read_models if each.name == rule.read), None)
        if rule.kind != "staleness" or rule.max is None or model is None:
            continue
        slower = [(back.amount, f"{back.result} until a dead process is replaced")]
        slower += [(waits[0], f"first retry after {span(waits[0])}")] if waits else []
        over = [text for seconds, text in slower if seconds > rule.max]
        if over:
            owners = dict.fromkeys(view.design.event(name).by for name in model.inputs)
            yield Clash(
                rule="staleness",
                about=rule.text,
                between=f"`{rule.read}` at most {span(rule.max)} behind x {'; '.join(over)}",
                literally=f"`{model.service}` breaks the promise at each death of a process, and for each event that "
                f"fails once",
                does=f"{span(rule.max)} hold while all run, as a hop takes {HOP_MS:g} ms; later readers of "
                f"`{rule.read}` see its age",
                owner=view.team(model.service),
                question=f"Are {span(rule.max)} a bound of `{rule.read}` for each event, or for a share of them?",
                decides=f"For each: `{rule.read}` is written in the transaction of {listed(owners)}, or has a longer "
                f"`max:`.",
                of=(
                    back.mark,
                    rule.bound,
                    view.design.failure.retry_topics,
                ),
                weight=62,
            )


def any_order(view: View) -> Iterator[Clash]:
    """A rule bears any order, and the groups keep the order of each key."""
    total_s = sum(view.design.failure.retry_topics.value)
    for rule in view.design.rules:
        if rule.kind != "order" or not ANY_ORDER.search(rule.text):
            continue
        named = [service for service in view.design.services if _is_named(service.name, rule.text)]
        group = (
            named[0].name if named else next((each.who for each in view.design.reactions), view.design.services[0].name)
        )
        yield Clash(
            rule="any-order",
            between=f'"{rule.text}" x `{group}` takes the messages of one {rule.key} in their order',
            literally=f"one failed message holds up those behind it for {span(total_s)}, and as a dead letter until a "
            f"person decides",
            does=f'`{group}` keeps the order of {one(rule.key)}, which is more than is asked; with `order="none"` the '
            f"others pass",
            owner=view.team(group),
            question=f"May later messages of one {rule.key} pass a failed one at `{group}`?",
            decides=f'Yes: `order="none"` at `{group}`, whose handlers then bear any order.',
            of=(
                rule.bound,
                view.design.failure.retry_topics,
            ),
            weight=45,
        )


def between_databases(view: View) -> Iterator[Clash]:
    """An invariant spans databases: it holds as an interval while sagas run."""
    for rule in view.design.rules:
        found = spanning(view, rule)
        if found is None or CEILING.search(rule.text):
            continue
        saga, step = found
        later = [*saga.steps[saga.steps.index(step) + 1 :]]
        surely = [name for each in later for name in (each.do, each.undo) if name]
        each = of_event(view.design, view.design.event(saga.start))
        open_at_once = each.peak * step.timeout.value
        held = ", ".join(f"{name} sent" for name in surely)
        yield Clash(
            rule="between-databases",
            about=rule.text,
            between=f'"{rule.text}" x two databases, of {listed(_owners(view, rule))}',
            literally=f"an alarm for each `{saga.name}` in flight, although none is wrong",
            does=f"effects of `{step.do}` for {{{held}, completed}} <= those in `{step.at}` <= the same plus "
            f"{{{step.do} sent, {step.undo} sent}}; the "
            f"gap is {rate(each.peak)} x {span(step.timeout.value)} = {count(open_at_once)} at most",
            owner=view.team(step.at),
            of=(
                rule.bound,
                each.mark,
                step.timeout,
            ),
            weight=57,
        )


def ceiling(view: View) -> Iterator[Clash]:
    """A value must not exceed another one, which is in the database of another service."""
    for rule in view.design.rules:
        found = limit_of(view, rule)
        if found is None:
            continue
        saga, last, of, known = found
        owners = _owners(view, rule)
        command = view.design.command(last.do)
        carried = {field.name for field in command.fields}
        does = (
            f"`{last.at}` compares it in the transaction of `{last.do}`, which carries {of}: a CHECK in its own database"
            if known
            else f"nothing yet: `{last.do}` carries {listed(sorted(carried)[:4])} and not {of}, so `{last.at}` cannot "
            f"refuse"
        )
        yield Clash(
            rule="ceiling",
            about=rule.text,
            between=f'"{rule.text}" x `{last.at}` does not see the database of '
            f"{listed(name for name in owners if name != last.at)}",
            literally=f"no transaction compares both values: a defect of `{saga.name}` breaks the rule, and nothing "
            f"stops it",
            does=does,
            owner=view.team(last.at),
            question="" if known else f"Which value bounds `{last.do}`, and which service refuses it?",
            decides=f"`commands: {{{last.do}: {{fields: [...]}}}}` with the limit, and a CHECK at `{last.at}`.",
            of=(
                rule.bound,
                command.origin,
            ),
            weight=52 if known else 93,
        )


def limit_of(view: View, rule: Rule) -> tuple[SagaDesign, StepDesign, str, bool] | None:
    """The last step under a limit over several databases, the words for the limit, and whether its command carries it."""
    owners = _owners(view, rule)
    if rule.kind != "invariant" or not CEILING.search(rule.text):
        return None
    steps = [(saga, step) for saga in view.design.sagas for step in saga.steps if step.at in owners]
    if not steps or len(owners) < 2:
        return None
    saga, last = steps[-1]
    others = [step for each, step in steps if each is saga and step.at != last.at]
    amounts = [
        (step.ok, field.name)
        for step in others
        for field in view.design.event(step.ok).fields
        if field.type in ("money", "int", "decimal")
    ]
    carried = {field.name for field in view.design.command(last.do).fields}
    known = next((pair for pair in amounts if pair[1] in carried), None)
    limit = known or next(iter(amounts), None)
    values = listed(each.ok for each in others) if others else listed(rule.across)
    of = f"`{limit[0]}.{limit[1]}`" if limit is not None else f"a value of {values}"
    return saga, last, of, known is not None


def never_ends(view: View) -> Iterator[Clash]:
    """A thing is reserved and confirmed, and no event ends the reservation."""
    for saga, step in view.design.steps:
        verb, *thing = words_of(step.do)
        if verb not in TAKES or not step.undo or _ends(view, step):
            continue
        amount = view.design.event(saga.start).rate.value
        name = " ".join(thing).lower()
        yield Clash(
            rule="never-ends",
            between=f"`{step.do}` takes {name} x no message after `{saga.steps[-1].ok}` ends it",
            literally=f"{name} only ever becomes taken: {rate(amount)} x {span(YEAR_S)} = {count(amount * YEAR_S)} a "
            f"year at most",
            does=f"`{step.undo}` gives back only what came to nothing; the rest stays taken in `{step.at}`",
            owner=view.team(step.at),
            question=f"Which event ends the {name} of a completed `{saga.name}`: used up, given back, expired?",
            decides=f"An event with a reaction of `{step.at}`, and the end of the line of `{step.do}`.",
            of=(
                view.design.event(saga.start).rate,
                step.origin,
            ),
            weight=88,
        )


def _ends(view: View, step: StepDesign) -> bool:
    """Whether the service that holds a thing hears or takes anything beside this step that could end it."""
    own = {*step.sends}
    takes = [each for each in view.design.commands if each.to == step.at and each.name not in own]
    return bool(takes) or any(each.who == step.at for each in view.design.reactions)


def spanning(view: View, rule: Rule) -> tuple[SagaDesign, StepDesign] | None:
    """The step of a saga that an invariant over several databases is about."""
    owners = _owners(view, rule)
    if rule.kind != "invariant" or len(owners) < 2:
        return None
    return next(((saga, step) for saga, step in view.design.steps if step.at in owners and step.undo), None)


def _owners(view: View, rule: Rule) -> list[str]:
    return list(
        dict.fromkeys(each.service for each in view.design.aggregates if each.name in rule.across and each.service)
    )


def _is_named(service: str, text: str) -> bool:
    name = service.removesuffix("-service").replace("-", " ")
    return re.search(rf"\b{re.escape(name)}\b", text.lower().replace("-", " ")) is not None

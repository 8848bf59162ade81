"""Clashes about people who decide: their number, a machine that decides in their place, and a decision that is replayed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from partita.design.document.assumed import DESK_S, TASK_S
from partita.design.document.block import A
from partita.design.document.clashes.clash import Clash
from partita.design.document.quantity import DAY_S, count, listed, one, rate, span
from partita.design.document.traffic import of_event
from partita.design.document.view import View
from partita.design.model.saga import SagaDesign, StepDesign

_DECIDED = re.compile("deci|replay|prov", re.IGNORECASE)
"""An audit about decisions, where a design has several."""


def load(view: View) -> Iterator[Clash]:
    """Open tasks and the people that they need."""
    for saga, step in view.design.steps:
        each = of_event(view.design, view.design.event(saga.start))
        if not step.human or each.peak <= 0:
            continue
        opened = each.steady * step.timeout.value
        people, most = (amount * DAY_S * TASK_S / DESK_S for amount in (each.steady, each.peak))
        if most < 1:
            continue
        yield Clash(
            rule="people",
            between=f"{rate(each.peak)} `{saga.start}` at the peak x a person decides each `{step.do}` within "
            f"{span(step.timeout.value)}",
            literally=f"{rate(each.steady)} x {span(step.timeout.value)} = {count(opened)} open tasks; "
            f"{rate(each.steady)} x {span(DAY_S)} x "
            f"{span(TASK_S)} / {span(DESK_S)} = {count(people)} people, at the peak {rate(each.peak)} x {span(DAY_S)} "
            f"x {span(TASK_S)} / "
            f"{span(DESK_S)} = {count(most)}",
            does=f"tasks wait as rows of `{step.at}`; no machine decides {one(f'`{step.do}`')} to save people",
            owner=view.team(step.at),
            question=f"How many people decide `{step.do}`, and how long does one decision take?",
            decides=f"Whether `timeout: {span(step.timeout.value)}` of `{step.do}` can be kept; assumed is "
            f"{span(TASK_S)} each.",
            of=(
                A,
                step.timeout,
                each.mark,
            ),
            weight=90,
        )


def machine(view: View) -> Iterator[Clash]:
    """A person decides, and a timeout decides in the person's place."""
    for saga, step in view.design.steps:
        if not step.human or step.on_timeout.value != "undo" or step.kind == "retriable":
            if step.human and step.kind != "retriable":
                yield _deadline(view, saga, step)
            continue
        silent = (
            f"; after {span(step.timers[-1].after)} no reminder comes any more"
            if step.timers
            else "; no reminder comes"
        )
        end = f"`{saga.failed}` follows" if saga.failed else f"`{saga.name}` is undone"
        yield Clash(
            rule="machine",
            about=step.do,
            between=f"a person decides `{step.do}` x {span(step.timeout.value)} pass without a decision",
            literally=f"a clock refuses what a person should decide{silent}",
            does=f"as it says: at {span(step.timeout.value)} `{saga.at}` sends `{step.undo or saga.failed}`, and {end}",
            owner=view.team(step.at),
            question=f"May a clock end {one(f'`{saga.name}`')} that no person decided within {span(step.timeout.value)}?",
            decides=f"If not, `on_timeout: retry` at `{step.do}`: it stays open, its owner is alerted, until the deadline.",
            of=(
                step.timeout,
                step.origin,
            ),
            weight=94,
        )


def _deadline(view: View, saga: SagaDesign, step: StepDesign) -> Clash:
    """A step that stays open after its time ends at the deadline of its saga all the same."""
    limit = span(saga.deadline.value)
    held = [each.do for each in saga.before(step) if each.undo]
    holds = f"; the effects of {listed(held)} last as long" if held else ""
    return Clash(
        rule="open",
        between=f"no clock decides `{step.do}` x `{saga.name}` ends within {limit}",
        literally=f"after {limit} a clock ends what no person decided{holds}",
        does=f"at {span(step.timeout.value)} PendingOverdue calls team {view.team(step.at)} and `{step.do}` stays open; "
        f"at {limit} `{saga.at}` sends `{step.undo or saga.failed}`",
        owner=view.team(step.at),
        of=(
            step.timeout,
            saga.deadline,
            step.origin,
        ),
        weight=61,
    )


def replayed(view: View) -> Iterator[Clash]:
    """Decisions can be replayed, and a person has made them."""
    audits = [rule for rule in view.design.rules if rule.kind == "audit"]
    person = next((step for _, step in view.design.steps if step.human), None)
    rule = next((each for each in audits if _DECIDED.search(each.text)), next(iter(audits), None))
    if rule is not None and person is not None:
        yield Clash(
            rule="replayed",
            about=rule.text,
            between=f'"{rule.text}" x a person decides `{person.do}`',
            literally=f"`{person.do}` is computed again, and a person decides otherwise on another day",
            does=f"a replay shows {listed([person.ok, *person.fail], 'or')} with the fields that it had, the actor "
            f"and the time of the task; it decides nothing",
            owner=view.team(person.at),
            question=f"Which papers and values must a replay of `{person.do}` show, beside the fields of `{person.ok}`?",
            decides=f"Fields of `{person.ok}`: the names and hashes of all that the person had seen.",
            of=(
                rule.origin,
                person.origin,
            ),
            weight=64,
        )

"""The sagas and choreographies of a brief."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import cast

from partita.design.brief.deriving.ledger import Ledger
from partita.design.brief.deriving.services import owner_of
from partita.design.brief.part import Part
from partita.design.model.choreography import Choreography, Reaction
from partita.design.model.origin import Fact, Origin
from partita.design.model.saga import OnTimeout, SagaDesign, StepDesign, StepKind, TimerDesign, groups_of
from partita.design.model.service import ServiceDesign

TIMEOUT_S = 30.0
_PROJECT = re.compile(r"project(?:s)? ([a-z][a-z0-9_]{0,62})")


def sagas_of(brief: Part, services: tuple[ServiceDesign, ...], ledger: Ledger) -> tuple[SagaDesign, ...]:
    """The flows that a saga directs."""
    flows = [(name, part) for name, part in brief.named("flows") if part.text("style") == "orchestration"]
    return tuple(_saga(name, part, brief, services, ledger) for name, part in flows)


def choreographies_of(brief: Part, ledger: Ledger) -> tuple[Choreography, ...]:
    """The flows of services that react by themselves."""
    found = []
    for name, part in brief.named("flows"):
        if part.text("style") == "choreography":
            reactions = tuple(_reaction(each, ledger) for each in part.parts("reacts"))
            why = ledger.fact(part, "why", part.text("why"))
            found.append(Choreography(name, why, reactions, ledger.declared(part.line)))
    return tuple(found)


def _reaction(part: Part, ledger: Ledger) -> Reaction:
    does = part.text("does")
    projected = _PROJECT.fullmatch(does)
    return Reaction(
        when=part.texts("when"),
        who=part.text("who"),
        does=does,
        origin=ledger.declared(part.line),
        projects=part.text("projects") or (projected[1] if projected else ""),
        gives=part.texts("gives"),
    )


def _saga(name: str, part: Part, brief: Part, services: tuple[ServiceDesign, ...], ledger: Ledger) -> SagaDesign:
    start = brief.part("events").part(part.text("start")) if brief.part("events").has(part.text("start")) else Part(0)
    at = start.text("by")
    humans = {service.name for service in services if service.kind == "human"}
    steps = _together(tuple(_step(each, humans, services, ledger) for each in part.parts("steps")))
    longest = sum(max(step.timeout.value + sum(step.retry) for step in group) for group in groups_of(steps))
    if part.has("deadline"):
        deadline = ledger.fact(part, "deadline", part.number("deadline"))
    else:
        origin = ledger.assume(
            "A saga without a deadline has twice the time of its steps: {about}.",
            owner_of(services, at),
            "a saga is undone too early, or its customer waits too long",
            f"deadline: {int(2 * longest)}s",
            about=name,
        )
        deadline = Fact(2 * longest, origin)
    return SagaDesign(
        name=name,
        at=at,
        start=part.text("start"),
        key=start.text("key"),
        deadline=deadline,
        failed=part.text("failed"),
        why=ledger.fact(part, "why", part.text("why")),
        steps=steps,
        origin=ledger.declared(part.line),
    )


def _step(part: Part, humans: set[str], services: tuple[ServiceDesign, ...], ledger: Ledger) -> StepDesign:
    do, at = part.text("do"), part.text("at")
    kind: StepKind = "pivot" if part.flag("pivot") else "retriable" if part.flag("retriable") else "step"
    if part.has("timeout"):
        timeout = ledger.fact(part, "timeout", part.number("timeout"))
    else:
        origin = ledger.assume(
            "A command without a timeout is answered within 30 s: {about}.",
            owner_of(services, at),
            "slow answers are undone or asked for again, though the work was done",
            "timeout: 30s at the step",
            about=do,
        )
        timeout = Fact(TIMEOUT_S, origin)
    on_timeout: Fact[OnTimeout] = Fact(*_on_timeout(part, kind, ledger))
    return StepDesign(
        name=re.sub(r"(?<!^)(?=[A-Z])", "_", do).lower(),
        kind=kind,
        do=do,
        at=at,
        ok=part.text("ok"),
        fail=part.texts("fail"),
        undo=part.text("undo"),
        undone=part.text("undone"),
        timeout=timeout,
        on_timeout=on_timeout,
        origin=ledger.declared(part.line),
        retry=part.numbers("retry"),
        timers=_timers(do, part),
        beside=part.text("with"),
        ask=f"Ask{do}" if on_timeout.value == "ask" else "",
        human=part.flag("human") or at in humans,
        no_effect=part.flag("no_effect"),
        unrefusable=part.has("fail") and not part.many("fail"),
    )


def _together(steps: tuple[StepDesign, ...]) -> tuple[StepDesign, ...]:
    """The steps, each of a group with the first command of the group. A name of no step above stays as it is, for the check."""
    first: dict[str, str] = {}
    for step in steps:
        first[step.do] = first.get(step.beside, step.beside) or step.do
    named = {step.beside for step in steps}
    return tuple(replace(step, beside=first[step.do] if step.beside or step.do in named else "") for step in steps)


def _timers(do: str, part: Part) -> tuple[TimerDesign, ...]:
    """The commands that are sent while the step waits, in the order of their times."""
    found = [TimerDesign(after, f"Remind{do}", "remind") for after in part.numbers("remind")]
    found += [
        TimerDesign(each.number("after"), f"Escalate{do}", "escalate", each.text("to"))
        for each in part.parts("escalate")
    ]
    found += [TimerDesign(each.number("after"), each.text("do"), "send") for each in part.parts("timers")]
    return tuple(sorted(found, key=lambda timer: timer.after))


def _on_timeout(part: Part, kind: StepKind, ledger: Ledger) -> tuple[OnTimeout, Origin]:
    if part.has("on_timeout"):
        return cast(OnTimeout, part.text("on_timeout")), ledger.declared(part.line_of("on_timeout"))
    if kind == "retriable":
        return "retry", ledger.derived("after the point of no return a command is sent until it is done", part.line)
    return "undo", ledger.derived("before the point of no return an unknown outcome is undone", part.line)

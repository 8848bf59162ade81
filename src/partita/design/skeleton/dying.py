"""The outcomes of a saga whose participants die, get a command twice, fail until it is a dead letter, or are away for an hour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from partita.design.document.assumed import SESSION_S
from partita.design.document.rule_keeping import commands_of
from partita.design.document.shown import about_rule, about_step
from partita.design.model.design import Design
from partita.design.model.rule import Rule
from partita.design.model.saga import SagaDesign, StepDesign
from partita.design.skeleton.outcome import Outcome

HOUR_S = 3_600.0
PATIENCE_S = 14_400.0
"""Longer than the longest pause between two tries of an undo, and than all retry topics together."""


def dying(design: Design, well: Outcome) -> Iterator[Outcome]:
    """Every participant at once has one fault, and the saga goes well all the same: `well` is that outcome."""
    saga = well.saga
    others = [step for step in _in_reach(saga) if step.at != saga.at]
    patient = [step for step in others if step.timeout.value > SESSION_S]
    faults = (
        ("command comes twice", "comes_twice()", "duplicate", others, 1, 0.0),
        ("process dies before its commit", "dies_before_commit()", "crash before commit", patient, 2, SESSION_S),
        ("process dies after its commit", "dies_after_commit()", "crash after commit", patient, 1, SESSION_S),
    )
    for title, verb, fault, steps, times, each_s in faults:
        if not steps:
            continue
        wait_s = each_s * len(steps) + (1.0 if each_s else 0.0)
        yield replace(
            well,
            name=f"{saga.name}_each_{title.replace(' ', '_')}",
            title=f"each {title}",
            stubs=[*well.stubs, *(f"t.stub({step.do}).{verb}" for step in steps)],
            wait_s=well.wait_s + wait_s,
            then_s=well.then_s + wait_s,
            repeated=[step.ok for step in steps],
            handled={step.do: times for step in steps},
            shows=[
                *(about_step(saga.name, step.do, fault) for step in steps),
                *(about_rule(rule.text) for rule in _once(design, steps)),
            ],
        )


def _once(design: Design, steps: list[StepDesign]) -> list[Rule]:
    """The rules by which an effect of these steps happens once."""
    sent = {step.do for step in steps}
    rules = [each for each in design.rules if each.kind == "exactly-once-effect"]
    return [rule for rule in rules if sent & {each.name for each in commands_of(design, rule)}]


def _in_reach(saga: SagaDesign) -> Iterator[StepDesign]:
    """The steps of programs before a second person decides: time passes once before each of the first two decisions."""
    people = 0
    for step in saga.steps:
        people += step.human
        if not step.human and people < 2:
            yield step


def poisoned(silent: Outcome, step: StepDesign) -> Outcome:
    """A command that no try handles, from the outcome without its answer: it is given up, the undo overtakes it, and its replay
    after the mend does nothing any more. A question waits behind the command that it asks about, so the saga gives up at its
    deadline."""
    saga = silent.saga
    undo = f"overtaken by {step.undo}" if step.undo else "given up"
    return replace(
        silent,
        name=f"{saga.name}_{step.do}_fails_and_is_{undo.replace(' ', '_')}",
        title=f"{step.do} fails, is {undo}, and is replayed in vain",
        stubs=[*(stub for stub in silent.stubs if not stub.startswith(f"t.stub({step.do})")), _fails(step)],
        wait_s=saga.deadline.value + 1 if step.ask else silent.wait_s,
        mends=[f"t.stub({step.do}).is_real()"],
        replays=[step.at],
        then_s=PATIENCE_S,
        dead_letters=True,
        shows=[
            about_step(saga.name, step.do, fault)
            for fault in ("poison", "reorder", *([] if step.fail else ["refused"]))
        ],
    )


def mended(well: Outcome, step: StepDesign, retries_s: float) -> Outcome:
    """A command after the point of no return that fails until it is a dead letter: after the mend it is replayed, and done."""
    saga = well.saga
    return replace(
        well,
        name=f"{saga.name}_{step.do}_is_a_dead_letter_at_first",
        title=f"{step.do} is a dead letter, and is replayed when its handler is mended",
        stubs=[*well.stubs, _fails(step)],
        wait_s=well.wait_s + retries_s + 2 * step.timeout.value,
        mends=[f"t.stub({step.do}).is_real()"],
        replays=[step.at],
        then_s=PATIENCE_S,
        repeated=[step.ok],
        dead_letters=True,
        shows=[about_step(saga.name, step.do, fault) for fault in ("poison", *([] if step.fail else ["refused"]))],
    )


def away(well: Outcome, silent: Outcome, step: StepDesign) -> Outcome | None:
    """Nothing runs the participant for an hour: a patient step waits for it; another is given up, and is done and undone when the
    participant is back. None = the outcome depends on an answer to a question, or on a person who is asked too late."""
    saga = well.saga
    is_patient = step.timeout.value > HOUR_S
    if step.at == saga.at or step.ask or step.on_timeout.value == "retry" or (step.human and not is_patient):
        return None
    gone = replace(
        well if is_patient else silent,
        name=f"{saga.name}_{step.do}_waits_for_an_hour",
        title=f"{step.do} waits for {step.at}, which is away for an hour",
        stubs=[*well.stubs, f"t.stub({step.do}).is_away()"],
        wait_s=well.wait_s + HOUR_S + 1,
        mends=[f"t.stub({step.do}).is_real()"],
        then_s=60.0,
        sends={},
        shows=[about_step(saga.name, step.do, "an hour away")],
    )
    if is_patient or not step.undo:
        return gone
    return replace(gone, work={**gone.work, step.do: (step.at, "undone")})


def _fails(step: StepDesign) -> str:
    return f't.stub({step.do}).fails(ConnectionError("not reached"))'

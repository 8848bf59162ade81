"""Sending the commands of a step: the first time, again, as a question or as its undo; each arms the timer of its answer."""

from __future__ import annotations

from typing import Any

from partita.catalog.contract import Contract
from partita.clock import duration_us
from partita.sagas.definition import SagaDefinition, StepSpec
from partita.sagas.facts import item_of, keep_attributes, reply_of, seen_by_hooks
from partita.sagas.filling import Plan
from partita.sagas.state import SagaState, StepState, Waiting
from partita.sagas.transition import Move, Send

RESEND_CAP_S = 1_800.0
TRIES_BEFORE_ALERT = 5


def send_steps(move: Move, first: int) -> None:
    """Send a step's command for the first time, and those of the steps beside it."""
    for index in range(first, move.definition.behind[first]):
        _send_step(move, index)


def _send_step(move: Move, index: int) -> None:
    spec, step = move.definition.steps[index], move.state.steps[index]
    step.phase = "sent"
    step.tries = 1
    if spec.timers or spec.beside:
        move.state.waiting[spec.name] = Waiting(move.now_us)
    _emit(move, index, spec.command, spec.plan, "do", move.new_id(), "command")
    arm(move, index, spec.timeout_s)


def resend(move: Move, index: int) -> None:
    """Rule 5: send the same command under the same id; a participant that has handled it drops the copy."""
    spec, step = move.definition.steps[index], move.state.steps[index]
    step.tries += 1
    _emit(move, index, spec.command, spec.plan, "do", step.message_id, "command")
    move.note("resent", spec.name, f"try {step.tries}")
    arm(move, index, patience_s(spec, step))
    if index > move.definition.pivot_index and step.tries > TRIES_BEFORE_ALERT:
        move.needs_attention(f"{spec.command.name} was sent {step.tries} times without an answer")


def ask(move: Move, index: int) -> None:
    """Ask whether the step is done. The command's own id is dropped here: it is never sent again."""
    spec, step = move.definition.steps[index], move.state.steps[index]
    assert spec.ask is not None
    move.note("asked", spec.name, spec.ask.name)
    step.phase = "asking"
    _emit(move, index, spec.ask, spec.ask_plan, "ask", move.new_id(), "ask")
    arm(move, index, spec.timeout_s)


def send_undo(move: Move, index: int) -> None:
    """Rule 6. Each send has a new id: a participant that has already undone the step answers a repeat from its tombstone."""
    spec, step = move.definition.steps[index], move.state.steps[index]
    assert spec.undo is not None
    floor = step.epoch
    step.tries += 1
    _emit(move, index, spec.undo, spec.undo_plan, "undo", move.new_id(), "undo")
    step.epoch = floor or step.epoch  # any acknowledgement since the first send counts
    move.note("undoing", spec.name, f"try {step.tries}")
    arm(move, index, patience_s(spec, step), deadline=False)
    # An undo waits for the end of a sub-saga; it is sent each half an hour meanwhile, and each time it is dropped.
    if step.tries > TRIES_BEFORE_ALERT + spec.child_s / RESEND_CAP_S:
        move.needs_attention(f"{spec.undo.name} was sent {step.tries} times without an acknowledgement")


def withdraw(move: Move, index: int) -> None:
    """Let the participant end its wait for the answer to a step without an effect: its command, under another id. The saga waits
    for no acknowledgement, since there is nothing to undo; and a command that comes behind finds the tombstone."""
    spec, state = move.definition.steps[index], move.state
    state.epoch += 1
    command = _fill(move, spec, spec.command, spec.plan, "command")
    move.note("withdrawn", spec.name, spec.command.wire_name)
    move.effects.append(Send(command, move.new_id(), spec.name, state.epoch, "withdraw"))


def send_reminders(move: Move, index: int) -> bool:
    """Rule 7: send the commands of a step's timers that are due, each once. False = the step's own time is over, or it has no
    timers: then its timeout decides, and a step that goes on waiting gets the rest."""
    state, spec = move.state, move.definition.steps[index]
    waiting = state.waiting.get(spec.name)
    if waiting is None or move.now_us >= waiting.until_us:
        return False
    while (due_us := next_reminder_us(spec, waiting)) is not None and due_us <= move.now_us:
        timer = spec.timers[waiting.sent]
        waiting.sent += 1
        state.epoch += 1
        command = _fill(move, spec, timer.command, timer.plan, timer.hook)
        move.note("reminded", spec.name, timer.command.wire_name)
        # The step still waits for the answer to its own command: its ids, and the cause of what comes next, are of that one.
        move.effects.append(Send(command, move.new_id(), spec.name, state.epoch, "timer"))
    ring(move)
    return True


def patience_s(spec: StepSpec, step: StepState) -> float:
    """The time to wait for an answer to the latest try. A participant that has days for its answer has days each time; its undo
    is no such work."""
    longer_s = min(spec.timeout_s * 2.0 ** min(max(step.tries, 1) - 1, 20), RESEND_CAP_S)
    return longer_s if step.phase == "undoing" else max(longer_s, spec.timeout_s)


def next_look_s(state: SagaState, index: int, spec: StepSpec) -> float:
    """The time from one look at a message that has not left to the next: that of the step or of its first reminder, twice as
    long each time, half an hour at most. So it is seen to have left within the time that it needed, or half an hour."""
    step = state.steps[index]
    seconds = patience_s(spec, step)
    if spec.timers and is_first(state, index):
        seconds = min(seconds, spec.timers[0].after_s)
    return min(seconds * 2.0 ** min(step.put_off, 20), max(seconds, RESEND_CAP_S))


def is_first(state: SagaState, index: int) -> bool:
    """Whether a step has sent its command once, and nothing else."""
    step, waiting = state.steps[index], state.waiting.get(state.names[index])
    return step.phase == "sent" and step.tries == 1 and (waiting is None or not waiting.sent)


def answer_due_us(move: Move, index: int) -> int | None:
    """The end of the time for the awaited answer; the timer may be set to an earlier reminder."""
    waiting = move.state.waiting.get(move.definition.steps[index].name)
    return move.state.due_us if waiting is None else waiting.until_us


def arm(move: Move, index: int, seconds: float, *, deadline: bool = True) -> None:
    """Set the timer to that many seconds, or to the deadline if that comes first and has not fired yet, or to a reminder
    before it."""
    state = move.state
    state.due_us = move.now_us + duration_us(seconds)
    if deadline and not state.overdue_told:
        state.due_us = min(state.due_us, state.deadline_us)
    if state.waiting:
        waiting = state.waiting.get(move.definition.steps[index].name)
        if waiting is not None:
            waiting.until_us = state.due_us
            ring(move)


def ring(move: Move) -> None:
    """Set the timer to the first of the times that steps have of their own."""
    definition, state = move.definition, move.state
    state.due_us = min(waits_until_us(definition, state, definition.index_of[name]) for name in state.waiting)


def waits_until_us(definition: SagaDefinition, state: SagaState, index: int) -> int:
    """The time when something is due for a step with a time of its own: its next reminder, or the end of that time. The
    reminders of a command that has not left have no time so far."""
    spec, waiting = definition.steps[index], state.waiting[state.names[index]]
    held = state.steps[index].unsent and is_first(state, index)
    due_us = None if held else next_reminder_us(spec, waiting)
    return waiting.until_us if due_us is None else min(waiting.until_us, due_us)


def next_reminder_us(spec: StepSpec, waiting: Waiting) -> int | None:
    """The time of a step's next reminder; None = each was sent."""
    if waiting.sent >= len(spec.timers):
        return None
    return waiting.since_us + duration_us(spec.timers[waiting.sent].after_s)


def _emit(move: Move, index: int, contract: Contract, plan: Plan | None, kind: str, message_id: str, hook: str) -> None:
    state, spec = move.state, move.definition.steps[index]
    command = plan.make(state.facts) if plan is not None else _fill(move, spec, contract, plan, hook)
    state.epoch += 1
    state.steps[index].epoch = state.epoch
    state.steps[index].message_id = message_id
    state.steps[index].unsent, state.steps[index].put_off = False, 0
    state.last_message_id = message_id
    move.effects.append(Send(command, message_id, spec.name, state.epoch, kind))


def _fill(move: Move, spec: StepSpec, contract: Contract, plan: Plan | None, hook: str) -> Any:
    """A command, filled by its plan or by the user's hook."""
    if plan is not None:
        return plan.make(move.state.facts)
    saga = seen_by_hooks(move.definition, move.state)
    arguments = item_of(spec, move.state)
    if arguments and hook == "undo":
        arguments += (reply_of(spec, move.state),)
    command = spec.hooks[hook](saga, *arguments)
    keep_attributes(move.definition, move.state, saga)
    if type(command) is not contract.cls:
        raise TypeError(f"{spec.place}: {spec.name} fills {contract.name} with {type(command).__name__}")
    return command

"""The saga engine: pure decisions (state, message, now) -> (state, effects). No I/O, no clock, no await.

The point of no return is the success of the pivot, or of the last step before the first retriable; a saga that begins
with a retriable is past it from the start. Rules that keep G5:
  1 A reply that fits the current step moves the saga on; a copy of it is ignored.
  2 A refusal undoes the steps before, in reverse, one at a time; each undo waits for the last acknowledgement.
  3 A timeout before the point of no return means that the outcome is unknown: the undo of that very step is owed too.
  4 A late reply proves an effect. Its undo is under way; if that was acknowledged already, it is sent once more.
  5 After the point of no return nothing is undone, whatever comes: the command is sent again, under the same id, until
    it is done. A passed deadline, and a refusal, alert an operator.
  6 An undo is sent again until it is acknowledged; meanwhile the saga is never shown as undone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from partita.catalog.contract import Contract
from partita.catalog.rejection import Rejection, to_struct
from partita.clock import duration_us
from partita.message import SagaAddress
from partita.sagas.definition import SagaDefinition, StepSpec
from partita.sagas.facts import call_hook, keep_attributes, keep_facts, seen_by_hooks
from partita.sagas.filling import Plan
from partita.sagas.state import Phase, SagaState, StepState

RESEND_CAP_S = 1_800.0
TRIES_BEFORE_ALERT = 5
OWED: tuple[Phase, ...] = ("done", "unknown", "sent", "asking")


class Incoming(msgspec.Struct, frozen=True):
    """A message for a saga."""

    message: Any
    message_id: str
    causation_id: str | None
    address: SagaAddress | None
    correlation_id: str
    at_us: int
    kind: str = "event"


class Send(msgspec.Struct, frozen=True):
    """Send a command to a participant; `kind` is do, undo or ask."""

    command: Any
    message_id: str
    step: str
    epoch: int
    kind: str


class Publish(msgspec.Struct, frozen=True):
    """Publish an event."""

    event: Any


class Alert(msgspec.Struct, frozen=True):
    """Alert an operator."""

    text: str


Effect = Send | Publish | Alert
Note = tuple[str, str, str]  # (kind, step, text)


class Transition(msgspec.Struct, frozen=True):
    """The instance's new state, the effects, and the entries for its history."""

    state: SagaState
    effects: tuple[Effect, ...]
    notes: tuple[Note, ...]


class Ignored(msgspec.Struct, frozen=True):
    """Nothing changes, for this reason."""

    reason: str


class _Move:
    """One transition being built."""

    def __init__(self, definition: SagaDefinition, state: SagaState, now_us: int, new_id: Callable[[], str]) -> None:
        self.definition = definition
        self.state = state
        self.now_us = now_us
        self.new_id = new_id
        self.effects: list[Effect] = []
        self.notes: list[Note] = []

    def result(self) -> Transition:
        return Transition(self.state, tuple(self.effects), tuple(self.notes))

    def note(self, kind: str, step: str, text: str = "") -> None:
        self.notes.append((kind, step, text))


def begin(definition: SagaDefinition, incoming: Incoming, now_us: int, new_id: Callable[[], str]) -> Transition:
    """A new instance: its first command is sent."""
    state = SagaState(
        saga_id=definition.key_of(incoming.message),
        definition_version=definition.version,
        correlation_id=incoming.correlation_id,
        started_us=now_us,
        deadline_us=now_us + duration_us(definition.deadline_s),
        steps=[StepState() for _ in definition.steps],
        names=tuple(spec.name for spec in definition.steps),
        user=dict(definition.attributes),
    )
    move = _Move(definition, state, now_us, new_id)
    keep_facts(move.definition, state, "start", incoming.message)
    move.note("started", definition.steps[0].name, definition.start.wire_name)
    _send_step(move, 0)
    return move.result()


def on_message(
    definition: SagaDefinition, state: SagaState, incoming: Incoming, now_us: int, new_id: Callable[[], str]
) -> Transition | Ignored:
    """Decide after a reply, a refusal or an acknowledgement."""
    index = _step_of(definition, state, incoming)
    if index is None:
        return Ignored("it answers nothing this saga has sent")
    spec, step = definition.steps[index], state.steps[index]
    move = _Move(definition, state, now_us, new_id)
    kind = type(incoming.message)
    if spec.undo is not None and kind is spec.undo.reply:
        return _acknowledged(move, index, incoming)
    if isinstance(incoming.message, Rejection):
        return _refused(move, index, incoming)
    if kind is not spec.command.reply:
        return Ignored(f"{kind.__name__} answers no step of this saga")
    if step.phase in ("sent", "asking") and state.index == index and not state.is_over:
        return _replied(move, index, incoming)
    if step.phase in ("unknown", "undoing", "undone"):
        return _replied_late(move, index, incoming)
    return Ignored(f"{spec.name} is {step.phase} already")


def on_timer(
    definition: SagaDefinition, state: SagaState, now_us: int, new_id: Callable[[], str], *, unsent: bool = False
) -> Transition | Ignored:
    """Decide after time has passed; only a timer that is still armed and due may act. `unsent`: the message that waits
    for an answer has not left this service yet, so no answer can have come."""
    if state.due_us is None or state.due_us > now_us:
        return Ignored("no timer is due")
    move = _Move(definition, state, now_us, new_id)
    undoing = next((i for i, s in enumerate(state.steps) if s.phase == "undoing"), None)
    if _put_off(move, undoing, unsent):
        return move.result()
    if undoing is not None:
        _send_undo(move, undoing)
        return move.result()
    index = state.index
    spec = definition.steps[index]
    if index > definition.pivot_index:
        _go_on(move, index)
    elif now_us >= state.deadline_us:
        _give_up(move, index, "deadline passed")
    elif spec.on_timeout == "undo":
        _give_up(move, index, f"{spec.name} timed out")
    elif spec.on_timeout == "ask":
        _ask(move, index)
    else:
        _resend(move, index)
    return move.result()


Verb = Literal["retry", "resume", "skip", "compensate", "cancel", "note"]


def on_operator(
    definition: SagaDefinition, state: SagaState, verb: Verb, reason: str, now_us: int, new_id: Callable[[], str]
) -> Transition | Ignored:
    """Decide after an operator's action; `Ignored` says why it is not legal now.

    retry: send the awaited message again. resume: the same, and the saga no longer waits for an operator. skip: the
    awaited undo counts as done. compensate, cancel: undo all effects, before the point of no return. note: only add to
    the history.
    """
    move = _Move(definition, state, now_us, new_id)
    undoing = next((i for i, s in enumerate(state.steps) if s.phase == "undoing"), None)
    index = state.index if undoing is None else undoing
    name = definition.steps[index].name
    if verb == "note":
        move.note("note", name, reason)
        return move.result()
    why_not = _why_not(definition, state, verb, undoing)
    if why_not:
        return Ignored(why_not)
    move.note(verb, name, reason)
    if verb in ("compensate", "cancel"):
        _give_up(move, index, f"{verb} by a person: {reason}" if reason else f"{verb} by a person")
    elif verb == "skip":
        state.steps[index].phase, state.last_error = "undone", ""
        _undo_next(move)
    else:
        if verb == "resume":
            state.status, state.last_error = "running" if undoing is None else "compensating", ""
        state.steps[index].tries = 0
        if undoing is not None:
            _send_undo(move, index)
        elif state.steps[index].phase == "asking":
            _ask(move, index)
        else:
            _resend(move, index)
    return move.result()


def _why_not(definition: SagaDefinition, state: SagaState, verb: Verb, undoing: int | None) -> str:
    """The reason why a verb is not legal in this state; empty = it is legal."""
    if state.is_over:
        return f"it is {state.status} already"
    if verb == "skip" and undoing is None:
        return "it waits for no undo"
    if verb == "resume" and state.status != "needs_attention":
        return f"it does not wait for a person, it is {state.status}"
    if verb in ("compensate", "cancel"):
        if undoing is not None or state.status == "compensating":
            return "it is being undone already"
        if state.index > definition.pivot_index:
            pivot = any(spec.kind == "pivot" for spec in definition.steps)
            where = "pivot" if pivot else f"point of no return, {definition.steps[definition.pivot_index + 1].name}"
            return f"it is behind its {where}: done steps stay done, and the rest is sent until it succeeds"
    return ""


def _step_of(definition: SagaDefinition, state: SagaState, incoming: Incoming) -> int | None:
    """The step that a message answers: by its address, by the command that caused it, else (an event published by a
    participant in another language) by its type alone."""
    if incoming.address is not None:
        return definition.index_of.get(incoming.address.step)
    for index, step in enumerate(state.steps):
        if step.message_id and step.message_id == incoming.causation_id:
            return index
    if incoming.kind in ("reply", "refusal"):
        return None  # it answers another sender's command: a reply to a saga would carry its address
    kind = type(incoming.message)
    fits = [
        index
        for index, spec in enumerate(definition.steps)
        if kind is spec.command.reply or kind in spec.command.refusals or (spec.undo and kind is spec.undo.reply)
    ]
    for phases in (("sent", "asking", "undoing"), ("unknown", "undone")):
        for index in fits:
            if state.steps[index].phase in phases:
                return index
    return next(iter(fits), None)


def _replied(move: _Move, index: int, incoming: Incoming) -> Transition:
    """Rule 1: the step is done; the next is sent, or the saga is complete."""
    state, spec = move.state, move.definition.steps[index]
    state.steps[index].phase = "done"
    state.steps[index].tries = 0
    keep_facts(move.definition, state, spec.name, incoming.message)
    call_hook(move.definition, state, spec, "then", incoming.message)
    move.note("done", spec.name, _wire_name(incoming.message))
    state.status = "running"
    state.last_error = ""
    if index + 1 < len(move.definition.steps):
        state.index = index + 1
        _send_step(move, index + 1)
    else:
        state.status = "completed"
        state.due_us = None
        move.note("completed", spec.name)
    return move.result()


def _refused(move: _Move, index: int, incoming: Incoming) -> Transition | Ignored:
    """Rule 2: the participant refused; this step needs no undo, the steps before it do."""
    state, spec = move.state, move.definition.steps[index]
    step = state.steps[index]
    if step.phase == "undoing" and incoming.address is not None and incoming.address.kind == "undo":
        return _refused_in_vain(move, index, incoming)
    if step.phase not in ("sent", "asking") or state.index != index or state.is_over:
        return Ignored(f"{spec.name} is {step.phase} already")
    if index > move.definition.pivot_index:
        return _refused_in_vain(move, index, incoming)
    if step.phase == "asking" and _answers_question(spec, incoming):
        # Not done so far: the command may still be on its way; its undo stops it.
        _give_up(move, index, f"{spec.name} was not done")
        return move.result()
    step.phase = "refused"
    state.reason = _wire_name(incoming.message)
    call_hook(move.definition, state, spec, "refused", incoming.message)
    move.note("refused", spec.name, _fields(incoming.message))
    _undo_next(move)
    return move.result()


def _answers_question(spec: StepSpec, incoming: Incoming) -> bool:
    """Whether a refusal answers the step's question. If unknown, it does: an undo too many does no harm."""
    if incoming.address is not None:
        return incoming.address.kind == "ask"
    return spec.ask is not None and type(incoming.message) in spec.ask.refusals


def _refused_in_vain(move: _Move, index: int, incoming: Incoming) -> Transition:
    """Rules 5 and 6: a participant of another version refused a step that must be done. It is sent again, and an
    operator is alerted: undoing the steps behind the point of no return would make the saga's state false."""
    spec, step = move.definition.steps[index], move.state.steps[index]
    refused = spec.undo if step.phase == "undoing" and spec.undo is not None else spec.command
    move.note("refused", spec.name, _fields(incoming.message))
    _needs_attention(move, f"{refused.name} was refused ({_fields(incoming.message)}), and it must not be refused")
    return move.result()


def _acknowledged(move: _Move, index: int, incoming: Incoming) -> Transition | Ignored:
    """An undo is done; the next one before it is sent."""
    step = move.state.steps[index]
    old = incoming.address is not None and incoming.address.epoch < step.epoch
    if step.phase != "undoing" or old:
        return Ignored(f"{move.definition.steps[index].name} waits for no acknowledgement")
    step.phase = "undone"
    step.tries = 0
    move.state.last_error = ""
    move.note("undone", move.definition.steps[index].name, _wire_name(incoming.message))
    _undo_next(move)
    return move.result()


def _replied_late(move: _Move, index: int, incoming: Incoming) -> Transition:
    """Rule 4: the effect of a timed-out step is known now, and must be undone."""
    state, spec = move.state, move.definition.steps[index]
    keep_facts(move.definition, state, spec.name, incoming.message)
    move.note("late", spec.name, _wire_name(incoming.message))
    if state.steps[index].phase == "undone" and spec.undo is not None:
        # Its undo was acknowledged before the effect existed: the participant keeps no tombstones.
        state.steps[index].phase = "done"
        if not any(s.phase == "undoing" for s in state.steps):
            _undo_next(move)
    return move.result()


def _give_up(move: _Move, index: int, reason: str) -> None:
    """Rule 3: from here on every possible effect is undone, that of this step first."""
    move.state.steps[index].phase = "unknown"
    move.state.reason = reason
    move.note("timeout", move.definition.steps[index].name, reason)
    _undo_next(move)


def _undo_next(move: _Move) -> None:
    """Send the undo of the last step that may have an effect; without one left, the saga is undone."""
    state = move.state
    state.status = "compensating"
    for index in range(len(state.steps) - 1, -1, -1):
        step, spec = state.steps[index], move.definition.steps[index]
        if step.phase in OWED:
            if spec.undo is None:
                assert spec.no_effect, f"{spec.name} may have happened, and nothing undoes it"
                step.phase = "undone"
                continue
            step.phase, step.tries, step.epoch = "undoing", 0, 0
            _send_undo(move, index)
            return
    state.status = "undone"
    state.due_us = None
    move.note("ended", state.names[0], state.reason)
    plan = move.definition.undone_plan
    if plan is not None and not state.undone_published:
        state.undone_published = True
        move.effects.append(Publish(plan.make({**state.facts, "saga.reason": state.reason})))


def _send_undo(move: _Move, index: int) -> None:
    """Rule 6. Each send has a new id: a participant that has already undone the step answers a repeat from its tombstone."""
    spec, step = move.definition.steps[index], move.state.steps[index]
    assert spec.undo is not None
    floor = step.epoch
    step.tries += 1
    _emit(move, index, spec.undo, spec.undo_plan, "undo", move.new_id(), "undo")
    step.epoch = floor or step.epoch  # any acknowledgement since the first send counts
    move.note("undoing", spec.name, f"try {step.tries}")
    _arm(move, _patience_s(spec, step), deadline=False)
    if step.tries > TRIES_BEFORE_ALERT:
        _needs_attention(move, f"{spec.undo.name} was sent {step.tries} times without an acknowledgement")


def _ask(move: _Move, index: int) -> None:
    """Ask whether the step is done. The command's own id is dropped here: it is never sent again."""
    spec, step = move.definition.steps[index], move.state.steps[index]
    assert spec.ask is not None
    move.note("asked", spec.name, spec.ask.name)
    step.phase = "asking"
    _emit(move, index, spec.ask, spec.ask_plan, "ask", move.new_id(), "ask")
    _arm(move, spec.timeout_s)


def _resend(move: _Move, index: int) -> None:
    """Rule 5: send the same command under the same id; a participant that has handled it drops the copy."""
    spec, step = move.definition.steps[index], move.state.steps[index]
    step.tries += 1
    _emit(move, index, spec.command, spec.plan, "do", step.message_id, "command")
    move.note("resent", spec.name, f"try {step.tries}")
    _arm(move, _patience_s(spec, step))
    if index > move.definition.pivot_index and step.tries > TRIES_BEFORE_ALERT:
        _needs_attention(move, f"{spec.command.name} was sent {step.tries} times without an answer")


def _put_off(move: _Move, undoing: int | None, unsent: bool) -> bool:
    """Start the timer again while the step's message has not left, and once more when it has: a step's time begins when its
    message is on the bus. A deadline does not wait."""
    state, definition = move.state, move.definition
    index = state.index if undoing is None else undoing
    spec, step = definition.steps[index], state.steps[index]
    overdue = undoing is None and move.now_us >= state.deadline_us and not state.overdue_told
    if overdue or not (unsent or step.unsent):
        return False
    if unsent and not step.unsent:
        move.note("unsent", spec.name, "its time begins when it has left")
    step.unsent = unsent
    _arm(move, _patience_s(spec, step), deadline=undoing is None)
    return True


def _go_on(move: _Move, index: int) -> None:
    """Rule 5: send it again. After the deadline, alert an operator once."""
    state, spec, step = move.state, move.definition.steps[index], move.state.steps[index]
    rings_for_deadline = state.due_us == state.deadline_us and not state.overdue_told
    if move.now_us >= state.deadline_us and not state.overdue_told:
        state.overdue_told = True
        move.note("overdue", spec.name, "deadline passed")
        text = f"deadline passed after the point of no return, {spec.command.name} is not done"
        _needs_attention(move, text, again=True)
    if rings_for_deadline:
        _arm(move, _patience_s(spec, step))
    else:
        _resend(move, index)


def _patience_s(spec: StepSpec, step: StepState) -> float:
    """The time to wait for an answer to the latest try."""
    return min(spec.timeout_s * 2.0 ** min(max(step.tries, 1) - 1, 20), RESEND_CAP_S)


def _needs_attention(move: _Move, text: str, *, again: bool = False) -> None:
    """Alert an operator, unless this instance has an open alert already; with `again` in any case."""
    if again or move.state.status != "needs_attention":
        move.effects.append(Alert(text))
    move.state.status = "needs_attention"
    move.state.last_error = text


def _send_step(move: _Move, index: int) -> None:
    spec, step = move.definition.steps[index], move.state.steps[index]
    step.phase = "sent"
    step.tries = 1
    _emit(move, index, spec.command, spec.plan, "do", move.new_id(), "command")
    _arm(move, spec.timeout_s)


def _emit(
    move: _Move, index: int, contract: Contract, plan: Plan | None, kind: str, message_id: str, hook: str
) -> None:
    state, spec = move.state, move.definition.steps[index]
    if plan is not None:
        command = plan.make(state.facts)
    else:
        saga = seen_by_hooks(move.definition, state)
        command = spec.hooks[hook](saga)
        keep_attributes(move.definition, state, saga)
        if type(command) is not contract.cls:
            raise TypeError(f"{spec.place}: {spec.name} fills {contract.name} with {type(command).__name__}")
    state.epoch += 1
    state.steps[index].epoch = state.epoch
    state.steps[index].message_id = message_id
    state.steps[index].unsent = False
    state.last_message_id = message_id
    move.effects.append(Send(command, message_id, spec.name, state.epoch, kind))


def _arm(move: _Move, seconds: float, *, deadline: bool = True) -> None:
    """Set the timer to that many seconds, or to the deadline if that comes first and has not fired yet."""
    state = move.state
    state.due_us = move.now_us + duration_us(seconds)
    if deadline and not state.overdue_told:
        state.due_us = min(state.due_us, state.deadline_us)


def _fields(refusal: Rejection) -> str:
    values = to_struct(refusal)
    shown = ", ".join(f"{n}={getattr(values, n)!r}" for n in values.__struct_fields__)
    return f"{_wire_name(refusal)}({shown})"


def _wire_name(message: object) -> str:
    """The name of a message in histories and reasons: it stays when the class is renamed."""
    contract: Contract = vars(type(message))["__partita__"]  # declared, or it would not have moved a saga
    return contract.wire_name

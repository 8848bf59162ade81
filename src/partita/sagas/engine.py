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
  7 A reminder is sent once, at its time, while its step waits for the answer. Its own answer moves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from partita.catalog.rejection import Rejection
from partita.clock import duration_us
from partita.sagas.compensation import give_up, undo_next
from partita.sagas.definition import SagaDefinition, StepSpec
from partita.sagas.facts import call_hook, keep_facts
from partita.sagas.progress import go_to
from partita.sagas.sending import (
    answer_due_us,
    arm,
    ask,
    is_first,
    next_look_s,
    patience_s,
    resend,
    ring,
    send_reminders,
    send_undo,
    waits_until_us,
)
from partita.sagas.state import SagaState, StepState
from partita.sagas.transition import Ignored, Incoming, Move, Transition, wire_name, with_fields
from partita.sagas.verbs import awaited


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
        caller=incoming.caller,
    )
    move = Move(definition, state, now_us, new_id)
    keep_facts(move.definition, state, "start", incoming.message)
    move.note("started", definition.steps[0].name, _begun_by(definition, incoming))
    go_to(move, 0, definition.steps[-1].name)
    return move.result()


def _begun_by(definition: SagaDefinition, incoming: Incoming) -> str:
    """The message that starts an instance; of a sub-saga also the step that asks for it."""
    name, address = definition.start.wire_name, incoming.address
    if definition.answers is None or address is None:
        return name
    return f"{name}, for {address.step} of {address.saga} {address.saga_id}"


def on_message(
    definition: SagaDefinition, state: SagaState, incoming: Incoming, now_us: int, new_id: Callable[[], str]
) -> Transition | Ignored:
    """Decide after a reply, a refusal or an acknowledgement."""
    index = _step_of(definition, state, incoming)
    if index is None:
        return Ignored("it answers nothing this saga has sent")
    if definition.has_lists and _is_unclear(definition, state, incoming, index):
        move = Move(definition, state, now_us, new_id)
        name = definition.steps[index].declared
        move.note(
            "unclear", name, f"{wire_name(incoming.message)} answers one of {state.sizes[name]} items and names none"
        )
        return move.result()
    spec, step = definition.steps[index], state.steps[index]
    move = Move(definition, state, now_us, new_id)
    kind = type(incoming.message)
    if spec.undo is not None and kind is spec.undo.reply:
        return _acknowledged(move, index, incoming)
    if isinstance(incoming.message, Rejection):
        return _refused(move, index, incoming)
    if kind is not spec.command.reply:
        return _answered_reminder(move, index, incoming)
    if step.phase in ("sent", "asking") and state.index == definition.first[index] and not state.is_over:
        return _replied(move, index, incoming)
    if step.phase in ("unknown", "undoing", "undone"):
        return _replied_late(move, index, incoming)
    return Ignored(f"{spec.name} is {step.phase} already")


def on_timer(
    definition: SagaDefinition,
    state: SagaState,
    now_us: int,
    new_id: Callable[[], str],
    *,
    unsent: Collection[str] = (),
) -> Transition | Ignored:
    """Decide after time has passed; only a timer that is still armed and due may act. `unsent`: the messages that have not
    left this service yet, so no answer to them can have come."""
    if state.due_us is None or state.due_us > now_us:
        return Ignored("no timer is due")
    move = Move(definition, state, now_us, new_id)
    undoing = next((i for i, s in enumerate(state.steps) if s.phase == "undoing"), None)
    if undoing is not None:
        if not _put_off(move, undoing, unsent):
            send_undo(move, undoing)
        return move.result()
    for index in awaited(definition, state):
        if state.names[index] not in state.waiting or waits_until_us(definition, state, index) <= now_us:
            _pass_time(move, index, unsent)
        if state.status == "compensating":
            break
    return move.result()


def _pass_time(move: Move, index: int, unsent: Collection[str]) -> None:
    """Decide for a step whose time has come: a reminder, or its timeout."""
    state, definition = move.state, move.definition
    # The command itself has left if it was sent again, or a reminder behind it: then a reminder waits for no other message.
    if state.waiting and not is_first(state, index) and send_reminders(move, index):
        return
    if _put_off(move, index, unsent) or (state.waiting and send_reminders(move, index)):
        return
    spec = definition.steps[index]
    if index > definition.pivot_index:
        _go_on(move, index)
    elif move.now_us >= state.deadline_us:
        give_up(move, index, "deadline passed")
    elif spec.on_timeout == "undo":
        give_up(move, index, f"{spec.name} timed out")
    elif spec.on_timeout == "ask":
        ask(move, index)
    else:
        resend(move, index)


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
        if kind is spec.command.reply
        or kind in spec.command.refusals
        or (spec.undo and kind is spec.undo.reply)
        or any(kind is timer.command.reply for timer in spec.timers)
    ]
    for phases in (("sent", "asking", "undoing"), ("unknown", "undone")):
        for index in fits:
            if state.steps[index].phase in phases:
                return index
    return next(iter(fits), None)


def _is_unclear(definition: SagaDefinition, state: SagaState, incoming: Incoming, index: int) -> bool:
    """Whether a message was found by its type alone, and answers one of several items: a guess could take one item's copy for
    the answer of another."""
    if incoming.address is not None or state.sizes.get(definition.steps[index].declared, 0) < 2:
        return False
    return all(step.message_id != incoming.causation_id for step in state.steps)


def _replied(move: Move, index: int, incoming: Incoming) -> Transition:
    """Rule 1: the step is done; the next is sent, or the saga is complete."""
    state, spec = move.state, move.definition.steps[index]
    state.steps[index].phase = "done"
    state.steps[index].tries = 0
    state.waiting.pop(spec.name, None)
    keep_facts(move.definition, state, spec.name, incoming.message)
    call_hook(move.definition, state, spec, "then", incoming.message)
    move.note("done", spec.name, wire_name(incoming.message))
    if state.waiting:  # of the steps beside it
        ring(move)
        return move.result()
    state.status = "running"
    state.last_error = ""
    go_to(move, move.definition.behind[index], spec.name)
    return move.result()


def _refused(move: Move, index: int, incoming: Incoming) -> Transition | Ignored:
    """Rule 2: the participant refused; this step needs no undo, the steps before it do."""
    state, spec = move.state, move.definition.steps[index]
    step = state.steps[index]
    if incoming.address is not None and incoming.address.kind == "timer":
        return _answered_reminder(move, index, incoming)
    if step.phase == "undoing" and incoming.address is not None and incoming.address.kind == "undo":
        return _refused_in_vain(move, index, incoming)
    if step.phase not in ("sent", "asking") or state.index != move.definition.first[index] or state.is_over:
        return Ignored(f"{spec.name} is {step.phase} already")
    if index > move.definition.pivot_index:
        return _refused_in_vain(move, index, incoming)
    if step.phase == "asking" and _answers_question(spec, incoming):
        # Not done so far: the command may still be on its way; its undo stops it.
        give_up(move, index, f"{spec.name} was not done")
        return move.result()
    step.phase = "refused"
    state.reason = wire_name(incoming.message)
    call_hook(move.definition, state, spec, "refused", incoming.message)
    move.note("refused", spec.name, with_fields(incoming.message))
    undo_next(move)
    return move.result()


def _answered_reminder(move: Move, index: int, incoming: Incoming) -> Transition | Ignored:
    """Rule 7: the answer to a reminder is an entry in the history. So is its refusal by a participant of another version: it
    is no refusal of the step."""
    spec, message = move.definition.steps[index], incoming.message
    if isinstance(message, Rejection):
        move.note("answered", spec.name, with_fields(message))
    elif any(type(message) is timer.command.reply for timer in spec.timers):
        move.note("answered", spec.name, wire_name(message))
    else:
        return Ignored(f"{type(message).__name__} answers no step of this saga")
    return move.result()


def _answers_question(spec: StepSpec, incoming: Incoming) -> bool:
    """Whether a refusal answers the step's question. If unknown, it does: an undo too many does no harm."""
    if incoming.address is not None:
        return incoming.address.kind == "ask"
    return spec.ask is not None and type(incoming.message) in spec.ask.refusals


def _refused_in_vain(move: Move, index: int, incoming: Incoming) -> Transition:
    """Rules 5 and 6: a participant of another version refused a step that must be done. It is sent again, and an
    operator is alerted: undoing the steps behind the point of no return would make the saga's state false."""
    spec, step = move.definition.steps[index], move.state.steps[index]
    refused = spec.undo if step.phase == "undoing" and spec.undo is not None else spec.command
    move.note("refused", spec.name, with_fields(incoming.message))
    move.needs_attention(f"{refused.name} was refused ({with_fields(incoming.message)}), and it must not be refused")
    return move.result()


def _acknowledged(move: Move, index: int, incoming: Incoming) -> Transition | Ignored:
    """An undo is done; the next one before it is sent."""
    step = move.state.steps[index]
    old = incoming.address is not None and incoming.address.epoch < step.epoch
    if step.phase != "undoing" or old:
        return Ignored(f"{move.definition.steps[index].name} waits for no acknowledgement")
    step.phase = "undone"
    step.tries = 0
    move.state.last_error = ""
    move.note("undone", move.definition.steps[index].name, wire_name(incoming.message))
    undo_next(move)
    return move.result()


def _replied_late(move: Move, index: int, incoming: Incoming) -> Transition:
    """Rule 4: the effect of a timed-out step is known now, and must be undone."""
    state, spec = move.state, move.definition.steps[index]
    keep_facts(move.definition, state, spec.name, incoming.message)
    move.note("late", spec.name, wire_name(incoming.message))
    if state.steps[index].phase == "undone" and spec.undo is not None:
        # Its undo was acknowledged before the effect existed: the participant keeps no tombstones.
        state.steps[index].phase = "done"
        if not any(s.phase == "undoing" for s in state.steps):
            undo_next(move)
    return move.result()


def _put_off(move: Move, index: int, unsent: Collection[str]) -> bool:
    """Start the timer again while the step's message has not left, and once more when it has: a step's time begins when its
    message is on the bus. A deadline does not wait. While the message has not left the looks become rare: one that the bus
    refuses for good is there for as long as a person leaves it, and each look writes the row of the saga."""
    state, definition = move.state, move.definition
    spec, step = definition.steps[index], state.steps[index]
    forward, waits = step.phase != "undoing", step.message_id in unsent
    overdue = forward and move.now_us >= state.deadline_us and not state.overdue_told
    if overdue or not (waits or step.unsent):
        return False
    if waits and not step.unsent:
        move.note("unsent", spec.name, "its time begins when it has left")
    seconds = next_look_s(state, index, spec) if waits else patience_s(spec, step)
    step.unsent, step.put_off = waits, step.put_off + 1 if waits else 0
    if spec.name in state.waiting and is_first(state, index):
        state.waiting[spec.name].since_us = move.now_us
    arm(move, index, seconds, deadline=forward)
    return True


def _go_on(move: Move, index: int) -> None:
    """Rule 5: send it again. After the deadline, alert an operator once."""
    state, spec, step = move.state, move.definition.steps[index], move.state.steps[index]
    rings_for_deadline = answer_due_us(move, index) == state.deadline_us and not state.overdue_told
    if move.now_us >= state.deadline_us and not state.overdue_told:
        state.overdue_told = True
        move.note("overdue", spec.name, "deadline passed")
        text = f"deadline passed after the point of no return, {spec.command.name} is not done"
        move.needs_attention(text, again=True)
    if rings_for_deadline:
        arm(move, index, patience_s(spec, step))
    else:
        resend(move, index)

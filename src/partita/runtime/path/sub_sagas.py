"""Sub-sagas in a unit of work: commands that a saga of this service carries out, closed when it ends; and undos that come while
it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from partita.clock import Ids
from partita.idempotency.inbox import FRESH
from partita.message import Envelope, Message, envelope_from_bytes, envelope_to_bytes
from partita.outbox.outbox import stored
from partita.runtime.path.admission import Admitted
from partita.runtime.path.answering import keep_answer
from partita.runtime.path.delivery import Delivery, Handling, Output
from partita.runtime.path.pending_commands import close_undone
from partita.sagas.state import Caller, Recall
from partita.store.port import Session

DEFERRED = "deferred"
"""The outcome of an undo that waits for the end of a sub-saga: it comes again then, under another id."""
Named = tuple[str, str]
"""(saga, saga id)."""


class Ended(NamedTuple):
    """A sub-saga that has ended in this transaction. `answer` is the output with its answer; None = its command is undone."""

    saga: str
    saga_id: str
    command: Envelope
    answer: Output | None


def caller_of(delivery: Delivery) -> Caller:
    """A command as the state of its saga keeps it."""
    assert delivery.envelope is not None
    return Caller(delivery.topic, delivery.key, envelope_to_bytes(delivery.envelope))


def recall_of(delivery: Delivery) -> Recall:
    """An undo as the state of a saga keeps it."""
    assert delivery.envelope is not None
    return Recall(delivery.topic, delivery.key, envelope_to_bytes(delivery.envelope), delivery.value)


def cause_of(caller: Caller) -> Delivery:
    """The command as the cause of its answer, as if its handler had returned it."""
    return Delivery(envelope_from_bytes(caller.headers), caller.topic, caller.key, b"")


def again(recall: Recall, ids: Ids, now_us: int) -> Message:
    """A deferred undo as a new message of this service, in its own bytes, with the next number of its key."""
    envelope = envelope_from_bytes(recall.headers)
    envelope.causation_id, envelope.id = envelope.id, ids.new()
    envelope.time_us, envelope.key_sequence, envelope.at_once = now_us, 0, False
    return Message(recall.topic, recall.key, envelope, recall.value)


def recalled(
    admitted: Sequence[Admitted], before: Sequence[Admitted], carried_out: Mapping[str, str]
) -> dict[Handling, Named]:
    """The undos whose step's command is carried out by a saga, perhaps begun by this very transaction, with the name of that
    saga. `before` are all messages of the transaction so far, these too."""
    found: dict[Handling, Named] = {}
    for each in admitted:
        step = each.candidate.step
        if step is None or not each.candidate.is_undo or each.candidate.is_withdrawal or each.said.verdict is not FRESH:
            continue
        if each.runs is not None:
            found[each.handling] = carried_out[each.runs.type], each.runs.key or ""
            continue
        for other in before:
            if other.candidate.step == step and other.said.verdict is FRESH and not other.candidate.is_undo:
                saga = carried_out.get(other.candidate.envelope.type)
                if saga is not None:
                    found[each.handling] = saga, other.candidate.key or ""
    return found


async def close_ended(
    session: Session, group: str, ended: Sequence[Ended], leaving: Mapping[Output, Message], now_us: int
) -> None:
    """Close the pending commands of sub-sagas that have ended: with the answer that leaves, or as undone."""
    for each in ended:
        if each.answer is None:
            address = each.command.saga
            if address is not None:
                await close_undone(session, group, [(address.saga, address.saga_id, address.step)], now_us)
            continue
        row = await session.pending.hold(each.command.id)
        if row is not None:
            await keep_answer(
                session, group, row, stored(leaving[each.answer]), f"saga {each.saga} {each.saga_id}", now_us
            )

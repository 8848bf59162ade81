"""Messages in their parked form."""

from __future__ import annotations

from partita.bus.port import Record
from partita.dead_letters.dead_letter import envelope_or_none
from partita.runtime.path.delivery import Delivery
from partita.runtime.path.undos import step_name
from partita.store.dead_letters import DeadLetter
from partita.store.parking import ParkedRow, State


def parked_row(
    delivery: Delivery, consumer: str, state: State, now_us: int, *, delay: int = -1, due_us: int = 0, tries: int = 0
) -> ParkedRow:
    """A delivery from the bus in its parked form."""
    record, envelope = delivery.record, delivery.envelope
    assert record is not None
    serves = envelope.saga if envelope is not None and envelope.kind == "command" else None
    return ParkedRow(
        0,
        consumer,
        record.topic,
        record.partition,
        record.offset,
        record.key,
        delivery.name,
        envelope.type if envelope is not None else "",
        state,
        delay,
        due_us,
        tries,
        step_name((serves.saga, serves.saga_id, serves.step)) if serves is not None and serves.is_effect else "",
        envelope.source if envelope is not None else "",
        envelope.key_sequence if envelope is not None else 0,
        record.headers,
        record.value,
        record.appended_us,
        now_us,
    )


def row_of_letter(letter: DeadLetter, state: State, delay: int, now_us: int) -> ParkedRow:
    """A dead letter in its parked form, to be replayed."""
    record = Record(letter.topic, letter.partition, letter.offset, letter.key, letter.headers, letter.value, now_us)
    delivery = Delivery(envelope_or_none(record), letter.topic, letter.key, letter.value, record)
    row = parked_row(delivery, letter.consumer, state, now_us, delay=delay, tries=letter.attempts)
    return row._replace(message_id=letter.message_id)


def only_counts(row: ParkedRow) -> ParkedRow:
    """A parked message of which only the number counts, when its turn comes: it has no type, so no handler."""
    return row._replace(message_id=f"{row.message_id}#{row.number}", type="")

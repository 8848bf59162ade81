"""Dead letters as they leave: the row in the group's database, the record on its dead-letter topic, the fault event.

All three are written in the caller's transaction, for every cause of a letter: retries used up, a conflict of contents, a
message too late for the order of its key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from partita.catalog.catalog import Catalog
from partita.catalog.fault import CARRIED_BYTES_MAX, FaultRecord, fault_of
from partita.dead_letters.dead_letter import dead_letter
from partita.outbox.outbox import Composer, send
from partita.runtime.path.delivery import Delivery
from partita.store.dead_letters import DeadLetter
from partita.store.outbox import SLOTS, OutboxRow
from partita.store.port import Session
from partita.texts.cause import told_of
from partita.texts.foreign_text import logger
from partita.texts.key_hash import slot_of
from partita.topics.naming import dlq_topic

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Letters:
    """Writes the dead letters of one group."""

    group: str
    catalog: Catalog
    composer: Composer
    _lines: WeakKeyDictionary[Session, list[str]] = field(default_factory=WeakKeyDictionary, repr=False, compare=False)

    async def write(
        self, session: Session, delivery: Delivery, error: BaseException, tries: int, now_us: int, *, named: str = ""
    ) -> None:
        """Make a delivery a dead letter and publish it; `named` is the letter's message id if it is not the message's."""
        assert delivery.record is not None
        letter = dead_letter(delivery.record, self.group, error, tries, self.composer.ids.new(), now_us)
        letter = letter._replace(message_id=named or letter.message_id)
        await session.dead_letters.add([letter])
        await self.send_raw(session, delivery, dlq_topic(delivery.topic, self.group), now_us)
        await self._publish_fault(session, letter, delivery, now_us)
        what = letter.type or "an unreadable message"
        line = (
            f"{self.group}: dead letter {letter.id}: {what} of key {letter.key} after {tries} tries: {told_of(error)}"
        )
        self._lines.setdefault(session, []).append(line)

    def log_committed(self, session: Session) -> None:
        """Log each dead letter of a transaction that has committed, in a line of its own. These lines are not rationed: each
        letter waits for an operator, who may know it by its key alone."""
        for line in self._lines.pop(session, ()):
            log.error("%s", line)

    async def send_raw(self, session: Session, delivery: Delivery, topic: str, now_us: int) -> None:
        """Send the original bytes by the outbox, so that they leave if and only if this transaction commits."""
        record, envelope, name = delivery.record, delivery.envelope, delivery.name
        assert record is not None
        row = OutboxRow(
            self.composer.ids.new(),
            topic,
            record.key,
            envelope.type if envelope is not None else "",
            record.value,
            record.headers,
            envelope.correlation_id if envelope is not None else "",
            name,
            slot_of(record.key if record.key is not None else name, SLOTS),
            now_us,
        )
        await session.outbox.add([row])

    async def _publish_fault(self, session: Session, letter: DeadLetter, delivery: Delivery, now_us: int) -> None:
        """Publish the fault of a letter whose type is declared here. A fault that fails has no fault: a circle of faults
        would never end."""
        envelope = delivery.envelope
        failed = None if envelope is None else self.catalog.contracts.get(envelope.type)
        if envelope is None or failed is None:
            return
        told = FaultRecord(
            message_id=envelope.id,
            type=letter.type,
            key=letter.key,
            group=letter.consumer,
            cause_type=letter.cause_type,
            cause=letter.cause,
            attempts=letter.attempts,
            letter_id=letter.id,
            at_us=now_us,
            schema=envelope.schema,
            value=letter.value if len(letter.value) <= CARRIED_BYTES_MAX else None,
        )
        message = self.composer.compose(fault_of(failed), told, kind="event", cause=envelope, now_us=now_us)
        await send(session, [message], now_us)

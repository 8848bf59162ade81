"""Setting aside: what happens in the service's database to a message that cannot be handled now.

It is parked and sent to a retry topic, or made a dead letter, or let go with a reason; its mark, its place in the key's
sequence and what leaves for it are written in one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass

from partita.bus.partitioner import slot_of
from partita.catalog.fault import CARRIED_BYTES_MAX, FaultRecord, fault_of
from partita.catalog.service import Service
from partita.clock import duration_us
from partita.dead_letters.dead_letter import dead_letter, failure
from partita.foreign_text import logger
from partita.idempotency.inbox import Verdict, admit, asked_of
from partita.outbox.outbox import Composer, Leaving
from partita.runtime.admission import Admission, parked_row
from partita.runtime.delivery import Delivery
from partita.store.port import SLOTS, OutboxRow, Session
from partita.store.trouble import REPLAYED, DeadLetter
from partita.topics.naming import dlq_topic, retry_topic, span

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a delivery is set aside: the last error and how many tries there were in a row."""

    error: BaseException
    tries: int


@dataclass(frozen=True, slots=True)
class Aside:
    """Sets deliveries of one service aside; `scale` multiplies the waits of the tiers."""

    service: Service
    admission: Admission
    composer: Composer
    scale: float

    async def retry_later(self, session: Session, delivery: Delivery, trouble: Trouble, tier: int, now_us: int) -> None:
        """Park it and send it to a retry topic; later messages of its key will queue behind it."""
        group = self.service.name
        if not await self._enter(session, delivery, trouble, "waiting", now_us):
            return
        due_us = now_us + duration_us(self.service.retry.tiers[tier] * self.scale)
        if delivery.parked is None:
            row = parked_row(delivery, group, "waiting", now_us, tier=tier, due_us=due_us, tries=trouble.tries)
            await session.parking.add([row])
        else:
            await session.parking.move(group, [delivery.name], "waiting", tier, due_us, tried=trouble.tries)
        await self._send(session, delivery, retry_topic(delivery.topic, group, self.service.retry.tiers[tier]), now_us)

    async def bury(self, session: Session, delivery: Delivery, trouble: Trouble, now_us: int) -> None:
        """Make it a dead letter. In a group that keeps order it goes on holding its key until a person decides."""
        group = self.service.name
        assert delivery.record is not None
        if not await self._enter(session, delivery, trouble, "dead", now_us):
            return
        if self.service.order == "key" and delivery.key is not None:
            if delivery.parked is None:
                await session.parking.add([parked_row(delivery, group, "dead", now_us, tries=trouble.tries)])
            else:
                await session.parking.move(group, [delivery.name], "dead", delivery.parked.tier, 0, tried=trouble.tries)
        elif delivery.parked is not None:
            await session.parking.remove(group, [delivery.name])
        tries = sum(f.tries for f in await session.dead_letters.failures(group, delivery.name))
        letter = dead_letter(delivery.record, group, trouble.error, tries, self.composer.ids.new(), now_us)
        await session.dead_letters.add([letter])
        await self._send(session, delivery, dlq_topic(delivery.topic, group), now_us)
        await self._tell(session, letter, delivery, now_us)

    async def let_go(self, session: Session, delivery: Delivery, trouble: Trouble, reason: str, now_us: int) -> None:
        """Discard it as its policy says; the reason is kept with its failures."""
        if not await self._enter(session, delivery, trouble, "discarded", now_us):
            return
        log.warning("%s lets %s of key %s go: %s", self.service.name, delivery.name, delivery.key, reason)
        if delivery.parked is not None:
            await session.parking.remove(self.service.name, [delivery.name])

    async def _enter(self, session: Session, delivery: Delivery, trouble: Trouble, outcome: str, now_us: int) -> bool:
        """Write its mark and what failed; False when it was settled elsewhere meanwhile."""
        group = self.service.name
        if delivery.parked is not None:
            row = (await session.parking.get(group, [delivery.name])).get(delivery.name)
            if row is None or row.state != delivery.parked.state:
                return False
        if delivery.envelope is not None and (delivery.parked is None or delivery.parked.state == "gap"):
            candidate = self.admission.candidate(delivery)
            candidate.wanted = True
            candidate.business = ()  # its effect has not happened: marked, its next try would be taken for a repeat
            asked = asked_of(group, self.service.order, [candidate], [])
            await admit(session, asked, await session.look(asked), self.service.order, [candidate], now_us)
            if candidate.verdict is Verdict.CONFLICT:
                await self.admission.keep_conflict(session, delivery, candidate, trouble.error, now_us)
            if candidate.verdict not in (Verdict.FRESH, Verdict.HELD):
                return False
        stage = self._stage(delivery)
        await session.dead_letters.failed([failure(group, delivery.name, stage, trouble.tries, trouble.error, now_us)])
        if delivery.envelope is not None:
            await session.inbox.resolve(group, [(delivery.name, outcome, None)])
        return True

    async def _tell(self, session: Session, letter: DeadLetter, delivery: Delivery, now_us: int) -> None:
        """Publish the fault of a letter whose type is declared here. A fault that fails has none: a circle of faults
        would never end."""
        envelope = delivery.envelope
        failed = None if envelope is None else self.admission.catalog.contracts.get(envelope.type)
        if envelope is None or failed is None:
            return
        told = FaultRecord(
            message_id=letter.message_id,
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
        leaving = Leaving(session, now_us)
        await leaving.expect([message])
        leaving.number(message)
        leaving.pack(message)
        await leaving.write()

    def _stage(self, delivery: Delivery) -> str:
        if delivery.parked is None:
            return "in place"
        if delivery.parked.tier < 0:
            return "out of the parking"
        if delivery.parked.tier >= REPLAYED:
            return "replay"
        if delivery.parked.tier >= len(self.service.retry.tiers):
            return f"tier {delivery.parked.tier + 1} of an earlier version"
        return f"retry-{span(self.service.retry.tiers[delivery.parked.tier])}"

    async def _send(self, session: Session, delivery: Delivery, topic: str, now_us: int) -> None:
        """By the outbox, so that it leaves if and only if this transaction commits; the bytes are the original ones."""
        record, envelope = delivery.record, delivery.envelope
        assert record is not None
        row = OutboxRow(
            self.composer.ids.new(),
            topic,
            record.key,
            envelope.type if envelope is not None else "",
            record.value,
            record.headers,
            envelope.correlation_id if envelope is not None else "",
            delivery.name,
            slot_of(record.key if record.key is not None else delivery.name, SLOTS),
            now_us,
        )
        await session.outbox.add([row])

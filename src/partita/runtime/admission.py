"""Admission of a batch: each delivery's verdict, what of it still has to run, and the end of what may not.

A duplicate is dropped, a conflict or a gap becomes a dead letter, a command whose step was undone already is refused,
and an undo that comes again is answered as before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from partita.catalog.catalog import Catalog
from partita.catalog.contract import contract_of
from partita.catalog.service import Binding, Service
from partita.clock import Ids
from partita.codec.port import Codec
from partita.dead_letters.dead_letter import dead_letter
from partita.errors import Conflict, PartitaError
from partita.idempotency.inbox import Candidate, Verdict, admit
from partita.message import Message, SagaAddress
from partita.outbox.outbox import StoredReply, reply_from_bytes
from partita.runtime.delivery import Delivery, Output, Unit, decode_value
from partita.store.port import Session


@dataclass(slots=True, eq=False)
class Admitted:
    """A delivery with what admission found: `due` are the handlers that must run, `fresh` whether sagas see it, `sent`
    what left because of it."""

    unit: Unit
    candidate: Candidate
    due: Sequence[Binding] = field(default_factory=tuple)
    sent: list[Message] = field(default_factory=list)

    @property
    def fresh(self) -> bool:
        """Whether this message is here for the first time."""
        return self.candidate.verdict is Verdict.FRESH

    @property
    def address(self) -> SagaAddress | None:
        """The saga step this command serves, if it is a command of a saga."""
        envelope = self.candidate.envelope
        return envelope.saga if envelope.kind == "command" else None


@dataclass(frozen=True, slots=True)
class Admission:
    """Admits batches of one service."""

    service: Service
    catalog: Catalog
    codec: Codec
    ids: Ids

    async def admit(self, session: Session, deliveries: Sequence[Delivery], now_us: int) -> list[Admitted]:
        """Decide about each delivery, write the marks, and settle what may not go on."""
        admitted = [Admitted(Unit(d), self._candidate(d)) for d in deliveries if d.envelope is not None]
        await admit(session, self.service.name, self.service.order, [a.candidate for a in admitted], now_us)
        for each in admitted:
            interest = each.unit.delivery.interest
            if not each.fresh:
                await self._settle(session, each, now_us)
            elif interest is not None:
                each.due = self._not_repeated(each) if each.candidate.repeated else interest.bindings
        await self._refuse_undone(session, [a for a in admitted if a.due and a.address is not None])
        return admitted

    async def bury(self, session: Session, delivery: Delivery, error: BaseException, tries: int, now_us: int) -> None:
        """Make a delivery a dead letter; its mark and its place in the key's sequence are written with it."""
        assert delivery.record is not None
        if delivery.envelope is not None:
            candidate = self._candidate(delivery)
            candidate.wanted = True
            await admit(session, self.service.name, self.service.order, [candidate], now_us)
            if candidate.verdict is Verdict.DUPLICATE:
                return
            if candidate.verdict is Verdict.FRESH:
                await session.inbox.resolve(self.service.name, [(delivery.envelope.id, "dead", None)])
        letter = dead_letter(delivery.record, self.service.name, error, tries, self.ids.new(), now_us)
        await session.dead_letters.add([letter])

    def business_keys(self, delivery: Delivery) -> tuple[tuple[str, str], ...]:
        """(consumer, business key) for each handler that dedupes by a field."""
        if delivery.interest is None or delivery.message is None or not delivery.interest.dedupes:
            return ()
        return tuple(
            (self.consumer_of(b), f"{delivery.interest.contract.name}#{getattr(delivery.message, b.dedupe_by)}")
            for b in delivery.interest.bindings
            if b.dedupe_by is not None
        )

    def consumer_of(self, binding: Binding) -> str:
        """The name under which a handler's business keys are kept."""
        return f"{self.service.name}/{binding.name}"

    def kept_reply(self, kept: StoredReply) -> Any:
        """A reply as it was kept, as the object it was."""
        return decode_value(self.catalog.contracts[kept.type], kept.schema, kept.value, self.codec)

    def _candidate(self, delivery: Delivery) -> Candidate:
        assert delivery.envelope is not None
        return Candidate(
            delivery.envelope,
            delivery.topic,
            delivery.key,
            delivery.value,
            wanted=delivery.interest is not None,
            business=self.business_keys(delivery),
        )

    def _not_repeated(self, each: Admitted) -> Sequence[Binding]:
        interest, repeated = each.unit.delivery.interest, each.candidate.repeated
        assert interest is not None
        for entry in repeated.values():
            if entry.payload_hash != each.candidate.payload_hash and interest.contract.kind == "command":
                each.unit.reply = Conflict(
                    f"{interest.contract.name} of key {each.unit.delivery.key} was sent before with another content.",
                    hint="Read what became of the first one.",
                )
            elif entry.reply is not None:
                each.unit.reply = self.kept_reply(reply_from_bytes(entry.reply))
        return [b for b in interest.bindings if self.consumer_of(b) not in repeated]

    async def _settle(self, session: Session, each: Admitted, now_us: int) -> None:
        verdict, delivery = each.candidate.verdict, each.unit.delivery
        if verdict is Verdict.DUPLICATE:
            before = each.candidate.before
            if delivery.answer is not None and before is not None and before.reply is not None:
                each.unit.reply = self.kept_reply(reply_from_bytes(before.reply))
        elif verdict in (Verdict.CONFLICT, Verdict.GAP):
            error = _why_not(each)
            if delivery.record is None:
                each.unit.reply = error
            elif delivery.interest is not None:
                letter = dead_letter(delivery.record, self.service.name, error, 0, self.ids.new(), now_us)
                await session.dead_letters.add([letter])

    async def _refuse_undone(self, session: Session, commands: Sequence[Admitted]) -> None:
        """An undo may come before its command. Its tombstone then refuses the command: or a timed-out charge would
        land after its refund."""
        asked: dict[tuple[str, str, str], list[Admitted]] = {}
        undone: set[tuple[str, str, str]] = set()
        for each in commands:
            address = each.address
            if address is None or address.kind == "ask":
                continue
            step = (address.saga, address.saga_id, address.step)
            asked.setdefault(step, []).append(each)
            if step in undone:
                # Its undo stands before it in this very batch, so no tombstone is written yet.
                each.due, each.unit.outcome = (), "tombstone"
            elif address.kind == "undo":
                undone.add(step)
        if not asked:
            return
        for key, tombstone in (await session.tombstones.find(list(asked))).items():
            for each in asked[key]:
                each.due = ()
                each.unit.outcome = "tombstone"
                if each.address is not None and each.address.kind == "undo":
                    kept = reply_from_bytes(tombstone.reply)
                    reply = self.kept_reply(kept)
                    each.unit.outputs.append(
                        Output(contract_of(type(reply)), reply, kept.kind, each.unit.delivery, each.address)
                    )


def _why_not(each: Admitted) -> PartitaError:
    delivery = each.unit.delivery
    envelope = each.candidate.envelope
    if each.candidate.verdict is Verdict.CONFLICT:
        return Conflict(
            f"{envelope.type}: id {envelope.id} was used before with another content.",
            hint="An id or idempotency key names one content; use a new one.",
        )
    return PartitaError(
        f"{envelope.type} is number {envelope.key_sequence} of key {delivery.key} from {envelope.source}; "
        "an earlier one is missing.",
        hint="The earlier one is still accepted when it comes; then replay this one.",
    )

"""Admission of a batch: each delivery's verdict, what of it still has to run, and the end of what may not.

A duplicate is dropped, a conflict becomes a dead letter, what must wait for an earlier message of its key is parked, a
command whose step was undone already is refused, and an undo that comes again is answered as before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from partita.bus.port import Record, is_long
from partita.catalog.binding import Binding
from partita.catalog.catalog import Catalog
from partita.catalog.contract import contract_of, key_text
from partita.catalog.service import Service
from partita.codec.port import Codec
from partita.dead_letters.dead_letter import envelope_or_none
from partita.errors import Conflict, Expired, Malformed, Overtaken, PartitaError, UnknownSchema
from partita.idempotency.inbox import Candidate, Verdict, admit, admit_parked, asked_of, mark_of, payload_hash
from partita.message import Message, SagaAddress, envelope_from_bytes
from partita.outbox.outbox import Kept, StoredReply, kept_from_bytes, kept_to_bytes, reply_from_bytes
from partita.runtime.delivery import Delivery, Output, Unit
from partita.runtime.expiry import may_be_forgotten, refuse_forgotten
from partita.runtime.letters import Letters
from partita.runtime.meaning import Meaning, content_of
from partita.runtime.waves import HandlerFailed
from partita.store.port import Asked, InboxEntry, Known, Session
from partita.store.trouble import DeadLetter, ParkedRow, State

BUSINESS_BYTES_MAX = 1_000
Held = Sequence[tuple[str, int, int]]
"""(topic, partition, epoch) of each partition a batch comes from: what this process claims to hold."""


class Admitted(msgspec.Struct, eq=False):
    """A delivery with what admission found: `due` are the handlers that must run, `fresh` whether sagas see it, `sent`
    what left because of it."""

    unit: Unit
    candidate: Candidate
    due: Sequence[Binding] = ()
    sent: list[Message] = []

    @property
    def fresh(self) -> bool:
        """Whether this message is here for the first time."""
        return self.candidate.verdict is Verdict.FRESH

    @property
    def outcome(self) -> tuple[str, str]:
        """(type, what became of it), to be counted."""
        verdict = self.candidate.verdict
        return self.candidate.envelope.type, self.unit.outcome if verdict is Verdict.FRESH else verdict.value

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
    letters: Letters
    meaning: Meaning

    async def admit(
        self,
        session: Session,
        deliveries: Sequence[Delivery],
        held: Held,
        now_us: int,
        looked: tuple[Asked, Known] | None = None,
    ) -> list[Admitted]:
        """Check the fence, decide about each delivery, write the marks, and settle what may not go on. `looked` is what
        was asked for them already (`look`).

        Raises:
            Fenced: one of the partitions `held` is another's now. HandlerFailed: one is so old that it may have been
            handled and forgotten.
        """
        admitted = [Admitted(Unit(d), self.candidate(d)) for d in deliveries if d.envelope is not None]
        out = [a for a in admitted if a.unit.delivery.parked is not None and a.unit.delivery.parked.state != "gap"]
        new = [a for a in admitted if a not in out] if out else admitted
        await _hold_undone(session, admitted)
        await self._overtake(session, admitted, now_us)
        asked, known = looked or await self._look(session, new, out, held)
        await self._refuse_forgotten(session, known, new, now_us)
        if out:
            await self._out_of_parking(session, known, out, now_us)
        await self.meaning.recognise(self.service.name, known, [a.candidate for a in new])
        await admit(session, asked, known, self.service.order, [a.candidate for a in new], now_us)
        for each in admitted:
            interest = each.unit.delivery.interest
            if not each.fresh:
                await self._settle(session, each, now_us)
            elif interest is not None:
                each.due = await self._not_repeated(each) if each.candidate.repeated else interest.bindings
        await self._refuse_undone(known, [a for a in admitted if a.due and a.address is not None])
        return admitted

    async def look(self, session: Session, own: Sequence[Delivery]) -> tuple[Asked, Known]:
        """What must be known of messages this very transaction has made, with the last numbers of their keys."""
        return await self._look(session, [Admitted(Unit(d), self.candidate(d)) for d in own], (), (), own=True)

    async def _look(
        self, session: Session, new: Sequence[Admitted], out: Sequence[Admitted], held: Held, *, own: bool = False
    ) -> tuple[Asked, Known]:
        candidates = [a.candidate for a in new]
        parked = [a.candidate for a in out]
        asked = asked_of(self.service.name, self.service.order, candidates, parked, numbers_of_unseen=own)
        addresses = [a.address for a in (*new, *out) if a.address is not None and a.candidate.wanted]
        asked = asked._replace(held=held, steps=[(a.saga, a.saga_id, a.step) for a in addresses if a.kind != "ask"])
        return asked, await session.look(asked) if any(asked[1:]) else Known({}, {}, frozenset(), {})

    async def _refuse_forgotten(self, session: Session, known: Known, new: Sequence[Admitted], now_us: int) -> None:
        """Raised, not settled here: it leaves the batch as one that fails, and becomes a letter as every other."""
        pairs = [
            (a.unit.delivery, a.candidate)
            for a in new
            if a.candidate.wanted and (self.service.name, a.candidate.envelope.id) not in known.marks
        ]
        old = may_be_forgotten(self.service, pairs, known.last, now_us)
        # An undo that is known by its tombstone is answered, whatever its age.
        old = [d for d in old if _step_of(d) not in known.undone]
        refused = await refuse_forgotten(session, self.service, old) if old else None
        if refused is not None:
            delivery, error = refused
            raise HandlerFailed(Unit(delivery), error)

    async def _out_of_parking(self, session: Session, known: Known, out: Sequence[Admitted], now_us: int) -> None:
        """Only who still stands ready there may run, and those behind him in the same batch: two workers, or a person,
        may have been at it."""
        there = await session.parking.get(self.service.name, [a.unit.delivery.name for a in out])
        running: set[tuple[str, str] | None] = set()
        for each in out:
            row, lane = there.get(each.unit.delivery.name), each.unit.delivery.lane
            if row is not None and (row.state == "ready" or (row.state == "behind" and lane in running)):
                running.add(lane)
            else:
                each.candidate.verdict = Verdict.DUPLICATE
        await admit_parked(session, known, [a.candidate for a in out if a.fresh], now_us)

    async def _overtake(self, session: Session, admitted: Sequence[Admitted], now_us: int) -> None:
        """An undo does not wait behind its own command, nor behind another copy of itself: it takes them out of the
        parking. Else a step that timed out after 30 s would wait half an hour for its own retries. One that comes out
        of the parking takes them along: what it found there when it failed is still there, and holds the key."""
        undos = {_step(a.address): a for a in admitted if a.address is not None and a.address.kind == "undo"}
        rows = await session.parking.of_steps(self.service.name, list(undos)) if undos else ()
        parked = {row.message_id for row in rows}
        for row in rows:
            each = undos[row.step]
            delivery = each.unit.delivery
            settled = delivery.parked is not None and delivery.name not in parked  # by a person, or another worker
            # One whose number has not had its turn stays: it counts then, and finds the tombstone.
            if settled or row.message_id == delivery.name or row.state == "gap":
                continue
            each.candidate.overtakes = True
            await session.parking.remove(self.service.name, [row.message_id])
            await session.inbox.resolve(self.service.name, [(row.message_id, "tombstone", None)])
            await session.dead_letters.settle(self.service.name, [row.message_id], "overtaken", now_us)

    async def keep_letter(self, session: Session, delivery: Delivery, candidate: Candidate, now_us: int) -> None:
        """Make a dead letter of a message that can neither be handled in its order nor be dropped as a copy. It holds no key:
        later messages have been handled already, or are no business of it.

        What came under an id that named another content before is named by both, and told once.
        """
        group, error, named = self.service.name, _why_not(delivery, candidate), ""
        if candidate.verdict is Verdict.CONFLICT:
            named = f"{candidate.envelope.id}#{candidate.payload_hash}"
            if await session.inbox.seen(group, [named]):
                return
            await session.inbox.mark([mark_of(group, candidate, now_us, "dead")._replace(message_id=named)])
        await self.letters.write(session, delivery, error, 0, now_us, named=named)

    async def keep_place(self, session: Session, delivery: Delivery, candidate: Candidate, now_us: int) -> None:
        """Park a message that came before an earlier one of its key: it waits for its turn there. Of a message that will
        not be handled only the number does, under a name of its own: its id may be parked already."""
        row = parked_row(delivery, self.service.name, "gap", now_us)
        if candidate.verdict is not Verdict.GAP:
            await session.parking.add([only_counts(row)])
            return
        there = (await session.parking.get(self.service.name, [row.message_id])).get(row.message_id)
        if there is None:
            await session.parking.add([row])
            return
        candidate.payload_hash = payload_hash(row.type, row.value)
        parked = payload_hash(there.type, there.value)
        if parked != candidate.payload_hash and not await self.meaning.is_same(candidate, _content_of(there)):
            candidate.verdict = Verdict.CONFLICT
            await self.keep_letter(session, delivery, candidate, now_us)
        elif there.state == "gap" and row.number < there.number:
            await session.parking.replace(self.service.name, row.message_id, row)
            row = there
        if row.number != there.number or row is there:
            await session.parking.add([only_counts(row)])

    async def leave_gap(self, session: Session, delivery: Delivery) -> None:
        """Take out a message that waited for a number. Where it stays in the parking it queues at the end: those that came
        meanwhile stand before it by their numbers."""
        await session.parking.remove(self.service.name, [delivery.name])

    def business_keys(self, delivery: Delivery) -> tuple[tuple[str, str], ...]:
        """(consumer, business key) for each handler that dedupes by a field. None names no effect: such messages are
        told apart by their ids alone."""
        if delivery.interest is None or delivery.message is None or not delivery.interest.dedupes:
            return ()
        contract, message = delivery.interest.contract, delivery.message
        return tuple(
            (b.identity(contract.full_name), business_key(contract.name, value))
            for b in delivery.interest.bindings
            if b.dedupe_by is not None and (value := getattr(message, b.dedupe_by)) is not None
        )

    async def _kept_reply(self, unit: Unit, kept: StoredReply) -> Any:
        try:
            return await self.meaning.reply(kept)
        except (Malformed, UnknownSchema) as error:
            raise HandlerFailed(unit, error) from error  # its delivery's trouble, and not that of its batch

    def candidate(self, delivery: Delivery) -> Candidate:
        """A delivery as it asks for admission."""
        envelope = delivery.envelope
        assert envelope is not None
        # A saga sends a step again under its first id: only other messages made here are surely new.
        made_here = delivery.record is None and not delivery.repeatable
        business = self.business_keys(delivery)
        return Candidate(
            envelope,
            delivery.topic,
            delivery.key,
            delivery.value,
            wanted=delivery.interest is not None,
            business=business,
            content=content_of(delivery, business),
            unseen=made_here and not (envelope.kind == "command" and envelope.saga is not None),
            ordered=self.service.order == "key",
        )

    async def _not_repeated(self, each: Admitted) -> Sequence[Binding]:
        interest, repeated = each.unit.delivery.interest, each.candidate.repeated
        assert interest is not None
        for entry in repeated.values():
            if entry.outcome == "expired":
                each.unit.reply = _answer_expired(each.candidate)
            elif entry.payload_hash != each.candidate.payload_hash and interest.contract.kind == "command":
                each.unit.reply = Conflict(
                    f"{interest.contract.name} of key {each.unit.delivery.key} was sent before with another content.",
                    hint="Read what became of the first one.",
                )
            elif (kept := _reply_of(entry)) is not None:
                each.unit.reply = await self._kept_reply(each.unit, kept)
        return [b for b in interest.bindings if b.identity(interest.contract.full_name) not in repeated]

    async def _settle(self, session: Session, each: Admitted, now_us: int) -> None:
        candidate, delivery = each.candidate, each.unit.delivery
        verdict, group = candidate.verdict, self.service.name
        waited = delivery.parked is not None and delivery.parked.state == "gap"
        if waited and not candidate.ahead:
            await self.leave_gap(session, delivery)  # it had its turn
        if candidate.ahead and not waited:
            await self.keep_place(session, delivery, candidate, now_us)
        if verdict is Verdict.DUPLICATE:
            before = each.candidate.before
            kept = _reply_of(before)
            if delivery.answer is not None and kept is not None:
                each.unit.reply = await self._kept_reply(each.unit, kept)
            elif delivery.answer is not None and before is not None and before.outcome == "expired":
                each.unit.reply = _answer_expired(candidate)
            elif delivery.answer is not None and delivery.repeatable and before is not None and before.at_us:
                each.unit.reply = _no_answer(each)
        elif delivery.record is None:
            each.unit.reply = None if verdict is Verdict.STALE else _why_not(delivery, candidate)
        elif verdict is Verdict.CONFLICT or verdict is Verdict.PASSED:
            await self.keep_letter(session, delivery, candidate, now_us)
        elif verdict is Verdict.HELD and candidate.again:
            # Its saga sends again what died here: it asks for another try.
            await session.parking.move(group, [candidate.envelope.id], "ready", -1, 0)
        elif verdict is Verdict.HELD:
            await session.parking.add([parked_row(delivery, group, "behind", now_us)])

    async def _refuse_undone(self, known: Known, commands: Sequence[Admitted]) -> None:
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
        for key, tombstone in known.undone.items():
            for each in asked.get(key, ()):
                each.due = ()
                each.unit.outcome = "tombstone"
                if each.address is not None and each.address.kind == "undo":
                    kept = reply_from_bytes(tombstone.reply)
                    reply = await self._kept_reply(each.unit, kept)
                    each.unit.outputs.append(
                        Output(contract_of(type(reply)), reply, kept.kind, each.unit.delivery, each.address)
                    )


def _content_of(row: ParkedRow) -> bytes:
    return kept_to_bytes(Kept(envelope_from_bytes(row.headers).schema, row.value))


def _reply_of(entry: InboxEntry | None) -> StoredReply | None:
    return None if entry is None or entry.reply is None else kept_from_bytes(entry.reply).reply


async def _hold_undone(session: Session, admitted: Sequence[Admitted]) -> None:
    """Of an undo and its command in two transactions at once the second must see what the first has done."""
    addresses = [a.address for a in admitted if a.address is not None]
    undone = [a.saga_id for a in addresses if a.kind == "undo"]
    if undone:
        await session.tombstones.hold(undone, [a.saga_id for a in addresses if a.kind == "do"])


def business_key(type_name: str, value: object) -> str:
    """What a handler dedupes by, as it is marked. A long one is kept as its digest: a user may take a whole text for it,
    which no index holds, and the digest tells two apart as well."""
    text = key_text(value)
    if is_long(text, BUSINESS_BYTES_MAX):
        text = f"sha256:{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()}"
    return f"{type_name}#{text}"


def _step(address: SagaAddress) -> str:
    return f"{address.saga}/{address.saga_id}/{address.step}"


def parked_row(
    delivery: Delivery, consumer: str, state: State, now_us: int, *, tier: int = -1, due_us: int = 0, tries: int = 0
) -> ParkedRow:
    """A delivery from the bus as it is parked."""
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
        tier,
        due_us,
        tries,
        _step(serves) if serves is not None and serves.kind != "ask" else "",
        envelope.source if envelope is not None else "",
        envelope.key_sequence if envelope is not None else 0,
        record.headers,
        record.value,
        record.appended_us,
        now_us,
    )


def row_of_letter(letter: DeadLetter, state: State, tier: int, now_us: int) -> ParkedRow:
    """A dead letter as it is parked again."""
    record = Record(letter.topic, letter.partition, letter.offset, letter.key, letter.headers, letter.value, now_us)
    delivery = Delivery(envelope_or_none(record), letter.topic, letter.key, letter.value, record)
    row = parked_row(delivery, letter.consumer, state, now_us, tier=tier, tries=letter.attempts)
    return row._replace(message_id=letter.message_id)


def _step_of(delivery: Delivery) -> tuple[str, str, str]:
    address = delivery.envelope.saga if delivery.envelope is not None else None
    return ("", "", "") if address is None else (address.saga, address.saga_id, address.step)


def _answer_expired(candidate: Candidate) -> Expired:
    """Also of other bytes: the first ones are not kept as long as the key, so that nobody can tell another content from the same
    one, as a newer version of its sender writes it."""
    return Expired(
        f"{candidate.envelope.type}: this key was used before, longer ago than its content and its answer are kept; "
        "it was not handled again.",
        hint="Read what became of the first one, or send it as another with a new key.",
    )


def only_counts(row: ParkedRow) -> ParkedRow:
    """A parked message of which only the number counts, when its turn has come: it has no type, so no handler."""
    return row._replace(message_id=f"{row.message_id}#{row.number}", type="")


def _why_not(delivery: Delivery, candidate: Candidate) -> PartitaError:
    envelope = candidate.envelope
    if candidate.verdict is Verdict.CONFLICT and candidate.before is not None and candidate.before.outcome == "expired":
        return _answer_expired(candidate)
    if candidate.verdict is Verdict.CONFLICT:
        return Conflict(
            f"{envelope.type}: id {envelope.id} was used before with another content.",
            hint="An id or idempotency key names one content; use a new one.",
        )
    if candidate.verdict is Verdict.PASSED:
        return Overtaken(
            f"{envelope.type} is number {envelope.key_sequence} of key {delivery.key} from {envelope.source}; later ones "
            "of the key were handled before it came.",
            hint="Was it held up on its way? Replay it if its effect is still right now, else discard it.",
        )
    return PartitaError(
        f"{envelope.type} is number {envelope.key_sequence} of key {delivery.key} from {envelope.source}; "
        "an earlier one is missing.",
        hint="The earlier one is still accepted when it comes; then replay this one.",
    )


def _no_answer(each: Admitted) -> PartitaError:
    return PartitaError(
        f"{each.candidate.envelope.type} was posted before under this key, and there is no answer yet.",
        hint="It waits, or is a dead letter: partita why, partita dlq list.",
    )

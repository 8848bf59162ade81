"""Admission of a batch: asks for the facts, lets `decide` give each delivery its verdict, and carries the verdicts out.

A duplicate is dropped, a conflict becomes a dead letter, a message that must wait for an earlier one of its key is parked, a
command whose step was undone is refused, and a repeated undo gets its first answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from partita.catalog.binding import Binding
from partita.catalog.catalog import Catalog
from partita.catalog.contract import contract_of, key_text, version_in
from partita.catalog.service import Service
from partita.codec.port import Codec
from partita.errors import Conflict, Expired, Malformed, Overtaken, PartitaError, UnknownSchema
from partita.idempotency.inbox import (
    AT_ONCE,
    COUNTS,
    EXPIRED,
    FRESH,
    MADE,
    NEW,
    PARKED,
    TAKEN,
    Admittance,
    Candidate,
    Decided,
    Facts,
    Origin,
    Verdict,
    asked_of,
    decide,
    differing,
    mark_of,
    payload_hash,
    stale,
    write,
)
from partita.message import SagaAddress, envelope_from_bytes
from partita.outbox.outbox import Kept, StoredReply, kept_from_bytes, kept_to_bytes, reply_from_bytes
from partita.runtime.path.answering import PENDING, not_yet
from partita.runtime.path.delivery import Delivery, Handling, Output
from partita.runtime.path.expiry import forgotten, may_be_forgotten, too_old
from partita.runtime.path.letters import Letters
from partita.runtime.path.parked_rows import only_counts, parked_row
from partita.runtime.path.pending_commands import close_undone
from partita.runtime.path.same_meaning import Meaning
from partita.runtime.path.undos import fatal_of, hold, overtake, step_name
from partita.runtime.path.waves import HandlerFailed
from partita.size import is_long
from partita.store.claims import Held
from partita.store.inbox import InboxEntry
from partita.store.parking import ParkedRow, State
from partita.store.pending import PendingCommand
from partita.store.port import Known, Session

BUSINESS_BYTES_MAX = 1_000


class Admitted(msgspec.Struct, eq=False):
    """A delivery with its verdict: `fresh` = it is here for the first time, so that sagas see it; `due` are the handlers that
    must run."""

    handling: Handling
    candidate: Candidate
    said: Admittance
    fresh: bool
    due: Sequence[Binding] = ()
    runs: PendingCommand | None = None  # of an undo: its step's command, which a saga carries out at this time

    @property
    def outcome(self) -> tuple[str, str]:
        """(type, outcome), to be counted."""
        return self.candidate.envelope.type, self.handling.outcome if self.fresh else self.said.verdict.value

    @property
    def address(self) -> SagaAddress | None:
        """The saga step this command serves, if it is a command of a saga."""
        envelope = self.candidate.envelope
        return envelope.saga if envelope.kind == "command" else None


class ReadAhead(NamedTuple):
    """The known facts of messages that their own transaction has made, and their candidates."""

    known: Known
    candidates: Mapping[Delivery, Candidate]


@dataclass(frozen=True, slots=True)
class Admission:
    """Admits batches of one service."""

    service: Service
    catalog: Catalog
    codec: Codec
    letters: Letters
    meaning: Meaning
    carried_out: Mapping[str, str] = field(default_factory=dict)  # see `Answering`

    async def admit(
        self,
        session: Session,
        deliveries: Sequence[Delivery],
        held: Held,
        now_us: int,
        ahead: ReadAhead | None = None,
        loaded: Sequence[tuple[str, str]] = (),
    ) -> list[Admitted]:
        """Check the fence, decide about each delivery, write the marks, and settle those that may not go on. `ahead` has
        the facts already known of them (`read_ahead`); `loaded` are the instances of sagas that are loaded after it.

        Raises:
            Fenced: another process holds one of the partitions `held` now. HandlerFailed: one is so old that it may have been
                handled and forgotten.
        """
        deliveries = [d for d in deliveries if d.envelope is not None]
        if ahead is None:
            candidates = [self.candidate(d) for d in deliveries]
        else:
            candidates = [ahead.candidates[d] for d in deliveries]
            for delivery, candidate in zip(deliveries, candidates, strict=True):
                candidate.origin = self._origin(delivery, candidate)  # handled at once: now that is known
        overtaking: Collection[str] = ()
        fatal: Collection[str] = ()
        undoing = bool(
            [c for c in candidates if c.envelope.saga is not None and c.envelope.saga.kind not in ("do", "timer")]
        )
        if undoing:
            await hold(session, candidates)
            fatal = await fatal_of(session, self.service.name, candidates)
            overtaking = await overtake(session, self.service.name, deliveries, candidates, fatal, now_us)
        read = ahead and ahead.known
        facts = await self._facts(session, deliveries, candidates, held, overtaking, now_us, read, loaded)
        facts = facts._replace(fatal=fatal) if fatal else facts
        decided = await self._decided(session, facts, candidates, now_us)
        admitted = [
            Admitted(Handling(delivery), candidate, said, said.verdict in TAKEN)
            for delivery, candidate, said in zip(deliveries, candidates, decided.admittances, strict=True)
        ]
        for each in admitted:
            if each.said.verdict is EXPIRED:
                # Raised, not settled here: it leaves the batch as a failure, and becomes a letter like every other.
                raise HandlerFailed(each.handling, too_old(self.service, each.candidate.envelope))
        await write(session, self.service.name, decided)
        if undoing:
            undos = [a for a in admitted if a.fresh and a.candidate.is_undo and a.candidate.step is not None]
            steps = [a.candidate.step for a in undos if a.candidate.step is not None]
            running = await close_undone(session, self.service.name, steps, now_us, self.carried_out)
            for each in undos if running else ():
                each.runs = running.get(each.candidate.step or ("", "", ""))
        for each in admitted:
            interest = each.handling.delivery.interest
            if not each.fresh:
                await self._settle(session, each, now_us)
            elif each.said.verdict is Verdict.UNDONE:
                await self._answer_undone(facts.known, each)
            elif interest is not None and not (undoing and each.candidate.is_withdrawal):
                each.due = await self._not_repeated(each) if each.said.repeated else interest.bindings
        return admitted

    async def read_ahead(
        self, session: Session, own: Sequence[Delivery], loaded: Sequence[tuple[str, str]]
    ) -> ReadAhead:
        """The facts of messages that this very transaction has made, with the last numbers of their keys. `loaded`: see
        `admit`."""
        candidates = {delivery: self.candidate(delivery) for delivery in own}
        return ReadAhead(await self._read_known(session, list(candidates.values()), (), (), loaded), candidates)

    async def foresee(self, session: Session, delivery: Delivery, now_us: int) -> Admittance:
        """The decision about one delivery as of now; nothing is written."""
        candidate = self.candidate(delivery)
        steps = [step_name(candidate.step)] if candidate.is_undo and candidate.step is not None else []
        parked = bool(steps) and bool(await session.parking.of_steps(self.service.name, steps))
        overtaking = [candidate.envelope.id] if parked else []
        facts = await self._facts(session, [delivery], [candidate], (), overtaking, now_us, None)
        (said,) = (await self._decided(session, facts, [candidate], now_us)).admittances
        return said

    async def enter(self, session: Session, delivery: Delivery, now_us: int) -> tuple[Candidate, Admittance, bool]:
        """Decide about a delivery that failed before its admission, and write its mark and its number. Returns whether its
        step was undone as well. Its age is not checked: that may be why it failed."""
        candidate = self.candidate(delivery)
        candidate.origin = NEW  # also if its type is unknown here
        candidate.business = ()  # its effect has not happened: marked, its next try would be taken for a repeat
        facts = await self._facts(session, [delivery], [candidate], (), (), now_us, None)
        decided = await self._decided(session, facts._replace(expired=()), [candidate], now_us)
        await write(session, self.service.name, decided)
        return candidate, decided.admittances[0], candidate.step in facts.known.undone

    async def _facts(
        self,
        session: Session,
        deliveries: Sequence[Delivery],
        candidates: Sequence[Candidate],
        held: Held,
        overtaking: Collection[str],
        now_us: int,
        ahead: Known | None,
        loaded: Sequence[tuple[str, str]] = (),
    ) -> Facts:
        """Ask for all facts of `decide`: one read for every batch, more only where it leaves questions."""
        group, ordered = self.service.name, self.service.order == "key"
        out = [c for c in candidates if c.origin is PARKED]
        known = await self._read_known(session, candidates, held, overtaking, loaded) if ahead is None else ahead
        standing: Mapping[str, State] = {}
        if out:
            rows = await session.parking.get(group, [c.name for c in out])
            standing = {name: row.state for name, row in rows.items()}
        old = may_be_forgotten(self.service, deliveries, candidates, known, now_us)
        expired = await forgotten(session, self.service, old) if old else ()
        return Facts(group, ordered, known, standing, overtaking, expired=expired)

    async def _decided(self, session: Session, facts: Facts, candidates: Sequence[Candidate], now_us: int) -> Decided:
        """The decision, made again with more facts where it depends on facts that most batches do not need."""
        decided = decide(facts, candidates, now_us)
        if not [said for said in decided.admittances if said.verdict is not FRESH or said.repeated]:
            return decided
        if differing(candidates, decided):
            new = [c for c in candidates if c.origin is not PARKED]
            await self.meaning.recognise(facts.consumer, facts.known, new)
            decided = decide(facts, candidates, now_us)
        if places := stale(candidates, decided):
            bases = await session.sequences.bases_in(facts.consumer, places)
            return decide(facts._replace(bases=bases), candidates, now_us)
        return decided

    async def _read_known(
        self,
        session: Session,
        candidates: Sequence[Candidate],
        held: Held,
        overtaking: Collection[str],
        loaded: Sequence[tuple[str, str]] = (),
    ) -> Known:
        asked = asked_of(self.service.name, self.service.order == "key", candidates, overtaking)
        asked = asked._replace(held=held, sagas=loaded)
        return await session.read_known(asked) if any(asked[1:]) else Known({}, {}, frozenset(), {})

    async def keep_letter(
        self, session: Session, delivery: Delivery, candidate: Candidate, said: Admittance, now_us: int
    ) -> None:
        """Make a dead letter of a message that can neither be handled in order nor be dropped as a copy. It holds no key:
        later messages were handled already, or do not depend on it.

        A message whose id named another content before is named by id and content, and reported once.
        """
        group, error, named = self.service.name, _why_not(delivery, candidate, said), ""
        if said.verdict is Verdict.CONFLICT:
            named = f"{candidate.envelope.id}#{candidate.content_hash}"
            if await session.inbox.seen(group, [named]):
                return
            await session.inbox.mark([mark_of(group, candidate, now_us, "dead")._replace(message_id=named)])
        await self.letters.write(session, delivery, error, 0, now_us, named=named)

    async def keep_place(
        self, session: Session, delivery: Delivery, candidate: Candidate, said: Admittance, now_us: int
    ) -> None:
        """Park a message that came before an earlier one of its key: it waits for its turn. A message that will not be
        handled is parked only for its number, under another name: its id may be parked already. If another content is
        parked under its id it is a conflict."""
        group, row = self.service.name, parked_row(delivery, self.service.name, "gap", now_us)
        if said.verdict is not Verdict.GAP:
            await session.parking.add([only_counts(row)])
            return
        there = (await session.parking.get(group, [row.message_id])).get(row.message_id)
        if there is None:
            await session.parking.add([row])
            return
        parked = payload_hash(there.type, there.value)
        if parked != candidate.content_hash and not await self.meaning.is_same(candidate, _content_of(there)):
            said.verdict = Verdict.CONFLICT
            await self.keep_letter(session, delivery, candidate, said, now_us)
        elif there.state == "gap" and row.number < there.number:
            await session.parking.replace(group, row.message_id, row)
            row = there
        if row.number != there.number or row is there:
            await session.parking.add([only_counts(row)])

    async def leave_gap(self, session: Session, delivery: Delivery) -> None:
        """Take out a message that waited for a number. If it stays in the parking it queues at the end: messages that came
        meanwhile are before it by their numbers."""
        await session.parking.remove(self.service.name, [delivery.name])

    def business_keys(self, delivery: Delivery) -> tuple[tuple[str, str], ...]:
        """(consumer, business key) for each handler that dedupes by a field. A value None names no effect: such messages are
        distinguished by their ids alone."""
        if delivery.interest is None or delivery.message is None or not delivery.interest.dedupes:
            return ()
        contract, message = delivery.interest.contract, delivery.message
        return tuple(
            (b.identity(contract.identity), business_key(contract.wire_name, value))
            for b in delivery.interest.bindings
            if b.dedupe_by is not None and (value := getattr(message, b.dedupe_by)) is not None
        )

    async def _kept_reply(self, handling: Handling, kept: StoredReply) -> Any:
        try:
            return await self.meaning.reply(kept)
        except (Malformed, UnknownSchema) as error:
            raise HandlerFailed(handling, error) from error  # a failure of this delivery, not of its batch

    def candidate(self, delivery: Delivery) -> Candidate:
        """A delivery as a candidate for admission."""
        envelope = delivery.envelope
        assert envelope is not None
        business = self.business_keys(delivery)
        content = _kept_of(delivery, business)
        candidate = Candidate(
            envelope, delivery.topic, delivery.key, delivery.value, business=business, content=content
        )
        if business and candidate.is_withdrawal:
            candidate.business = ()  # it has the fields of the command that it ends
        origin = candidate.origin = self._origin(delivery, candidate)
        if origin is PARKED:
            candidate.parked_as = delivery.name
        return candidate

    def _origin(self, delivery: Delivery, candidate: Candidate) -> Origin:
        envelope = candidate.envelope
        if delivery.parked is not None and delivery.parked.state != "gap":
            return PARKED
        if delivery.interest is None:
            return COUNTS
        # A saga sends a step again under its first id: only other messages made here are surely new.
        of_a_saga = envelope.kind == "command" and envelope.saga is not None
        if delivery.record is not None or delivery.repeatable or of_a_saga:
            return NEW
        # A database with a new name knows the messages of its old name by their numbers.
        told = envelope.at_once and self.service.order == "key" and candidate.numbered
        return AT_ONCE if told else MADE

    async def _not_repeated(self, each: Admitted) -> Sequence[Binding]:
        interest, repeated = each.handling.delivery.interest, each.said.repeated
        assert interest is not None
        for entry in repeated.values():
            if entry.outcome == "expired":
                each.handling.reply = _answer_expired(each.candidate)
            elif (
                entry.outcome == PENDING
                and entry.reply is not None
                and entry.payload_hash == each.candidate.content_hash
            ):
                each.handling.reply = not_yet(each.candidate.envelope.type, kept_from_bytes(entry.reply).reply_to)
            elif entry.payload_hash != each.candidate.content_hash and interest.contract.kind == "command":
                each.handling.reply = Conflict(
                    f"{interest.contract.name} of key {each.handling.delivery.key} was sent before with another content.",
                    hint="Read what became of the first one.",
                )
            elif (kept := _reply_of(entry)) is not None:
                each.handling.reply = await self._kept_reply(each.handling, kept)
        return [b for b in interest.bindings if b.identity(interest.contract.identity) not in repeated]

    async def _settle(self, session: Session, each: Admitted, now_us: int) -> None:
        candidate, delivery, said = each.candidate, each.handling.delivery, each.said
        group = self.service.name
        waited = delivery.parked is not None and delivery.parked.state == "gap"
        if waited and not said.ahead:
            await self.leave_gap(session, delivery)  # its turn has come
        if said.ahead and not waited:
            await self.keep_place(session, delivery, candidate, said, now_us)
        verdict = said.verdict
        if verdict is Verdict.DUPLICATE:
            kept = _reply_of(said.before)
            if delivery.answer is not None and kept is not None:
                each.handling.reply = await self._kept_reply(each.handling, kept)
            elif delivery.answer is not None and said.before is not None and said.before.outcome == "expired":
                each.handling.reply = _answer_expired(candidate)
            elif delivery.answer is not None and said.before is not None and said.before.outcome == PENDING:
                each.handling.reply = not_yet(candidate.envelope.type, candidate.envelope.id)
            elif delivery.answer is not None and delivery.repeatable and said.before is not None and said.before.at_us:
                each.handling.reply = _no_answer(each)
        elif delivery.record is None:
            each.handling.reply = None if verdict is Verdict.STALE else _why_not(delivery, candidate, said)
        elif verdict is Verdict.CONFLICT or verdict is Verdict.PASSED:
            await self.keep_letter(session, delivery, candidate, said, now_us)
        elif verdict is Verdict.HELD and said.marked:
            # Its saga sends a message again that died here: that asks for another try.
            await session.parking.move(group, [candidate.envelope.id], "ready", -1, 0)
        elif verdict is Verdict.HELD:
            await session.parking.add([parked_row(delivery, group, "behind", now_us)])

    async def _answer_undone(self, known: Known, each: Admitted) -> None:
        """Answer messages of undone steps: a command is refused, a repeated undo gets its first answer."""
        each.handling.outcome = "tombstone"
        step = each.candidate.step
        tombstone = known.undone.get(step) if step is not None else None
        if tombstone is not None and tombstone.reply and each.candidate.is_undo:
            kept = reply_from_bytes(tombstone.reply)
            reply = await self._kept_reply(each.handling, kept)
            each.handling.outputs.append(
                Output(contract_of(type(reply)), reply, kept.kind, each.handling.delivery, each.address)
            )


def _kept_of(delivery: Delivery, business: Sequence[object]) -> bytes | None:
    """The copy of a delivery in its mark: for a command that may be sent again in other bytes, its value."""
    envelope = delivery.envelope
    assert envelope is not None
    if envelope.kind != "command" or not (delivery.repeatable or envelope.saga is not None or business):
        return None
    return kept_to_bytes(Kept(envelope.schema, delivery.value, version=delivery.version))


def _content_of(row: ParkedRow) -> bytes:
    return kept_to_bytes(Kept(envelope_from_bytes(row.headers).schema, row.value, version=version_in(row.type)[1]))


def _reply_of(entry: InboxEntry | None) -> StoredReply | None:
    return None if entry is None or entry.reply is None else kept_from_bytes(entry.reply).reply


def business_key(type_name: str, value: object) -> str:
    """A handler's dedupe value in its marked form. A long one is stored as its digest: a user may choose a whole text,
    which no index holds, and the digest distinguishes two as well."""
    text = key_text(value)
    if is_long(text, BUSINESS_BYTES_MAX):
        text = f"sha256:{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()}"
    return f"{type_name}#{text}"


def _answer_expired(candidate: Candidate) -> Expired:
    """The error for a used key. It does not depend on the bytes: the first ones are not kept as long as the key, so
    a different content looks like the same one written by a newer version of its sender."""
    return Expired(
        f"{candidate.envelope.type}: this key was used before, longer ago than its content and its answer are kept; "
        "it was not handled again.",
        hint="Read what became of the first one, or send another one with a new key.",
    )


def _why_not(delivery: Delivery, candidate: Candidate, said: Admittance) -> PartitaError:
    envelope, verdict, before = candidate.envelope, said.verdict, said.before
    if verdict is Verdict.CONFLICT and before is not None and before.outcome == "expired":
        return _answer_expired(candidate)
    if verdict is Verdict.CONFLICT:
        return Conflict(
            f"{envelope.type}: id {envelope.id} was used before with another content.",
            hint="An id or idempotency key names one content; use a new one.",
        )
    if verdict is Verdict.PASSED:
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

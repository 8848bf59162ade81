"""The pipeline: what happens to a batch of messages, as named steps inside one transaction.

Walk 3: the fence, the admission, the handlers, the sagas, the outbox, the commit; then, and only then, the
position on the bus. The same function serves a batch from the bus, one message alone, and the local door.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from partita.bus.port import Record
from partita.catalog.binding import Binding
from partita.catalog.catalog import Catalog, Interest
from partita.catalog.rejection import Rejection
from partita.catalog.retry import Decision, Discard, RetryAfter
from partita.catalog.service import Service
from partita.clock import Clock, Ids
from partita.codec.port import Codec
from partita.dead_letters.dead_letter import envelope_or_none
from partita.dead_letters.retry_policy import tier_of
from partita.errors import Expired, PartitaError, UnknownSchema, UnknownType
from partita.idempotency.inbox import mark_of
from partita.machine.port import Machine
from partita.message import Message
from partita.outbox.outbox import Composer, Kept, Leaving, kept_to_bytes, reply_to_bytes, stored
from partita.runtime.admission import Admission, Admitted, Held
from partita.runtime.aside import Aside, LaidBy, Trouble
from partita.runtime.calling import Means, Replacements, Superseded, call, take_refusal
from partita.runtime.delivery import Delivery, Output, Unit, decode
from partita.runtime.driving import Escaped
from partita.runtime.letters import Letters
from partita.runtime.meaning import Meaning
from partita.runtime.saga_steps import SagaBatch, SagaDirectory
from partita.runtime.tx import SerialTx
from partita.runtime.waves import CommitRefused, HandlerFailed, NotForWaves, blaming, run_wave
from partita.store.port import Asked, InboxRow, Known, Session, Store
from partita.store.sagas import Tombstone
from partita.store.trouble import ParkedRow

AT_ONCE_DEPTH = 8
"""How many steps of a chain within one service share a transaction; the rest comes by the bus, or a circle of events
would never commit."""
FOLLOWED: Mapping[type[Decision | LaidBy], str] = {RetryAfter: "retry", LaidBy: "retry", Discard: "discard"}


class Due(NamedTuple):
    """What is to be handled next in a transaction, and what was asked for it already."""

    deliveries: Sequence[Delivery]
    looked: tuple[Asked, Known] | None = None


@dataclass(slots=True, kw_only=True)
class Pipeline:
    """Everything one service needs to handle its messages."""

    service: Service
    catalog: Catalog
    store: Store
    codec: Codec
    machine: Machine
    sagas: SagaDirectory
    replaced: Replacements = field(default_factory=dict)
    coalesce: bool = True
    at_once: bool = True
    time_scale: float = 1.0
    find_schema: Callable[[str], Awaitable[str | None]] | None = None
    tally: Counter[tuple[str, str]] = field(default_factory=Counter)  # (type, outcome) since the start
    failures: Counter[str] = field(default_factory=Counter)  # what followed: retry, dead, discard
    calls: dict[SerialTx, tuple[Binding, Unit]] = field(default_factory=dict)  # handlers that run now
    called: int = 0  # handlers that were started, but for those in waves
    recounted: set[str] = field(default_factory=set)  # topics in which what was handled at once counts again
    interests: Mapping[str, Interest] = field(init=False)
    topics: frozenset[str] = field(init=False)
    admission: Admission = field(init=False)
    aside: Aside = field(init=False)
    _means: Means = field(init=False)
    _serial: set[Callable[..., Any]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.interests = self.catalog.interests(self.service)
        self._means = Means(self.replaced, self.machine)
        self.topics = frozenset(self.catalog.topics_of(self.service))
        letters = Letters(self.service.name, self.catalog, Composer(self.store.source, self.codec, self.ids))
        meaning = Meaning(self.catalog, self.codec, self.find_schema)
        self.admission = Admission(self.service, self.catalog, self.codec, letters, meaning)
        self.aside = Aside(self.service, self.admission, self.time_scale)

    @property
    def clock(self) -> Clock:
        """The machine's clock."""
        return self.machine.clock

    @property
    def ids(self) -> Ids:
        """The machine's ids and dice."""
        return self.machine.ids

    def decoded(self, record: Record, parked: ParkedRow | None = None) -> Delivery:
        """A record as a delivery for this service, `parked` where it comes out of the parking; never raises for what the
        bytes are."""
        if parked is not None and parked.state == "gap" and not parked.type:  # only its number counts
            delivery = Delivery(envelope_or_none(record), record.topic, record.key, record.value, record)
        else:
            delivery = decode(record, self.interests, self.codec, self.store.source)
            if delivery.settled:
                delivery.settled = record.topic not in self.recounted
            elif delivery.interest is None and delivery.broken is None:
                delivery.broken = self._not_known(delivery)
        delivery.parked = parked
        return delivery

    def _not_known(self, delivery: Delivery) -> UnknownType | None:
        """Why a message that no handler takes may not be passed over. Of the events of others a group reads what it
        subscribes to; but nobody else will handle a command to this service, an answer to its saga, or a new event of its
        own."""
        envelope, service = delivery.envelope, self.service
        assert envelope is not None
        if delivery.topic == service.commands_topic:
            contract = self.catalog.contracts.get(envelope.type)
            if contract is not None and contract.service is not service:
                return None
        elif delivery.topic == service.events_topic:
            if envelope.type in service.declared.contracts:
                return None
        elif envelope.saga is None or envelope.kind == "command" or envelope.saga.saga not in self.sagas.names:
            return None
        return UnknownType(
            f"{service.name} does not know {envelope.type}, which came on {delivery.topic}.",
            hint="A newer version sends it: upgrade every process of this service, then partita dlq replay.",
        )

    async def run(self, deliveries: Sequence[Delivery], held: Held, *, at_once: bool = True) -> Counter[str]:
        """Handle these in one transaction: when it returns they are done, when it raises nothing of it was kept.
        Returns how many messages of each type a handler has handled: a duplicate, or one that was parked, is none.

        With `at_once`, what they cause for this very service is handled in the same transaction (`_own`).

        Raises:
            HandlerFailed: a handler raised; its delivery, one of these, is to blame.
            Fenced, StoreUnavailable: no message is to blame; give up the partition, or try again.
        """
        waves, at_once = self.coalesce, at_once and self.at_once
        done: list[Admitted] | None = None
        while done is None:  # a turn more where a statement failed, or a handler is more than its code shows
            try:
                done = await self._transaction(deliveries, held, waves, at_once)
            except NotForWaves as found:
                if found.binding is None:
                    waves = False
                else:
                    self._serial.add(found.binding.function)
            except HandlerFailed as failed:
                unsure = at_once and isinstance(failed, CommitRefused)
                if failed.unit.delivery in deliveries and not unsure:
                    raise
                # What one of them caused failed, or may have: it comes by the bus then, and fails by itself.
                at_once = False
        self.finished(done)
        return Counter(each.candidate.envelope.type for each in done if each.due)

    async def _transaction(
        self, deliveries: Sequence[Delivery], held: Held, waves: bool, at_once: bool
    ) -> list[Admitted]:
        now_us = await self.store.now_us()
        done: list[Admitted] = []
        with blaming(Unit(deliveries[0])) as when_whole:
            async with self.store.transaction() as session:
                sagas = SagaBatch(self.sagas, session, now_us, self.ids)
                leaving = Leaving(session, now_us)
                due = Due(deliveries)
                for depth in range(AT_ONCE_DEPTH):
                    fence = () if depth else held
                    admitted = await self.handle(due, session, sagas, leaving, now_us, waves=waves, held=fence)
                    if depth:
                        _all_fresh(admitted)
                    last = not at_once or depth == AT_ONCE_DEPTH - 1
                    due = Due([]) if last else await self._own(session, admitted, handlers=bool(held))
                    pack(leaving, admitted)
                    done += admitted
                    if not due.deliveries:
                        break
                await sagas.save()
                await self.mark(session, done, now_us)
                await leaving.write()
                when_whole()
        return done

    async def handle(
        self,
        due: Due,
        session: Session,
        sagas: SagaBatch,
        leaving: Leaving,
        now_us: int,
        *,
        waves: bool,
        held: Held = (),
    ) -> list[Admitted]:
        """Admit these, run their handlers and sagas, compose and number what leaves; inside the caller's transaction."""
        admitted = await self.admission.admit(session, due.deliveries, held, now_us, due.looked)
        await sagas.load([a.unit for a in admitted if a.fresh])
        for round_ in _rounds(admitted):
            await self._handlers(session, round_, waves)
            sagas.advance([a.unit for a in round_ if a.fresh])
        await self.compose(leaving, admitted, now_us)
        return admitted

    async def _own(self, session: Session, admitted: Sequence[Admitted], *, handlers: bool) -> Due:
        """What these messages caused for this very service, to be handled at once instead of after a way by the bus.

        It goes by the bus as well, for others; the consumer here knows by `at_once` that it is done. Of a key only
        the next number may be taken: an earlier one that is still on its way goes first (G4). Without `handlers`
        only sagas are served: at the door nobody counts the tries, so a handler that kills the process would do so
        for ever.
        """
        mine = [
            (message, output.message)
            for each in admitted
            for message, output in zip(each.sent, each.unit.outputs, strict=True)
            if message.topic in self.topics
        ]
        found: list[Delivery] = []
        for message, value in mine:
            interest = self.interests.get(message.envelope.type)
            if interest is None or not interest.bindings or (handlers and not interest.calls_out):
                found.append(
                    Delivery(
                        message.envelope, message.topic, message.key, message.value, interest=interest, message=value
                    )
                )
        if not found:
            return Due([])
        looked = await self.admission.look(session, found)
        at_once = self._in_turn(found, looked[1]) if self.service.order == "key" else found
        for delivery in at_once:
            assert delivery.envelope is not None
            delivery.envelope.at_once = True
        return Due(at_once, looked)

    def _in_turn(self, deliveries: Sequence[Delivery], known: Known) -> list[Delivery]:
        last = dict(known.last)
        found: list[Delivery] = []
        for delivery in deliveries:
            assert delivery.envelope is not None
            if delivery.lane in known.parked:
                continue  # it stands behind what is parked: taken here and refused, all of the batch would run again
            if delivery.key is not None:
                place = (self.store.source, delivery.topic, delivery.key)
                if last.get(place, 0) + 1 != delivery.envelope.key_sequence:
                    continue
                last[place] = delivery.envelope.key_sequence
            found.append(delivery)
        return found

    async def set_aside(self, delivery: Delivery, trouble: Trouble, decision: Decision | LaidBy, held: Held) -> None:
        """Do with a delivery that could not be handled what its policy says, in one transaction."""
        now_us = await self.store.now_us()
        async with self.store.transaction() as session:
            if held:
                await session.claims.check(self.service.name, held)
            match decision:
                case RetryAfter():
                    behind = 0 if delivery.parked is None else delivery.parked.tier + 1
                    tier = tier_of(delivery.retry_in(self.service), decision, behind)
                    await self.aside.retry_later(session, delivery, trouble, tier, now_us)
                case LaidBy():
                    await self.aside.lay_by(session, delivery, trouble, now_us)
                case Discard(reason):
                    await self.aside.let_go(session, delivery, trouble, reason, now_us)
                case _:
                    if isinstance(trouble.error, Expired) and delivery.envelope is not None:
                        self.tally[delivery.envelope.type, "expired"] += 1
                    await self.aside.bury(session, delivery, trouble, now_us)
        self.failures[FOLLOWED.get(type(decision), "dead")] += 1

    async def learn_schema(self, delivery: Delivery) -> bool:
        """Fetch the writer's schema of a delivery from the bus; whether there is something to try again."""
        if self.find_schema is None or not isinstance(delivery.broken, UnknownSchema):
            return False
        unknown = delivery.broken.schema
        text = await self.find_schema(unknown)
        if text is None:
            return False
        with suppress(UnknownSchema):  # refused: decoded again, it says why
            self.codec.teach(unknown, text)
        return True

    async def _handlers(self, session: Session, round_: Sequence[Admitted], waves: bool) -> None:
        """Run the handlers of a round: those of one statement side by side, the others one after the other."""
        together: list[tuple[Binding, Unit]] = []
        alone: list[tuple[Binding, Unit]] = []
        for each in round_:
            for binding in each.due:
                fits = waves and binding.one_statement and binding.function not in self._serial
                (together if fits else alone).append((binding, each.unit))
        if together:
            await run_wave(session, together)

        async def opened() -> Session:
            return session

        for binding, unit in alone:
            tx = SerialTx(unit, binding, opened)
            if binding.kind == "handles" and binding.contracts[0].refusals:
                await self._refusable(session, binding, unit, tx)
            else:
                await self.call(binding, unit, tx)

    async def _refusable(self, session: Session, binding: Binding, unit: Unit, tx: SerialTx) -> None:
        """A refusal undoes the handler's own writes and nothing else of the batch."""
        try:
            async with session.savepoint():
                await self.call(binding, unit, tx)
        except Rejection as refusal:
            self.refuse(binding, unit, refusal)

    async def call(self, binding: Binding, unit: Unit, tx: SerialTx) -> None:
        """Call one handler.

        Raises:
            Rejection: it refuses. HandlerFailed: it failed. What no message is to blame for passes through.
        """
        self.calls[tx] = (binding, unit)
        self.called += 1
        try:
            await call(binding, unit, tx, self._means)
        except (Rejection, Superseded):
            raise
        except Escaped as escaped:
            raise HandlerFailed(unit, escaped.error) from escaped.error
        except Exception as error:
            if isinstance(error, PartitaError) and error.retryable:
                raise
            raise HandlerFailed(unit, error) from error
        finally:
            del self.calls[tx]

    def refuse(self, binding: Binding, unit: Unit, refusal: Rejection) -> None:
        """Take a refusal as the answer."""
        try:
            take_refusal(binding, unit, refusal)
        except PartitaError as error:
            raise HandlerFailed(unit, error) from error

    async def compose(self, leaving: Leaving, admitted: Sequence[Admitted], now_us: int) -> None:
        """Compose and number what leaves because of these."""
        composer = Composer(self.store.source, self.codec, self.ids)
        for each in admitted:
            each.sent = [composed(composer, output, now_us, self.catalog) for output in each.unit.outputs]
        messages = [message for each in admitted for message in each.sent]
        await leaving.expect(messages)
        for message in messages:
            leaving.number(message)

    async def mark(self, session: Session, admitted: Sequence[Admitted], now_us: int) -> None:
        """Correct the marks, remember undone steps and kept replies."""
        outcomes: list[tuple[str, str, bytes | None]] = []
        tombstones: list[Tombstone] = []
        parked: list[str] = []
        revived: list[str] = []  # dead letters whose saga has sent them again
        unusual: list[InboxRow] = []
        for each in admitted:
            unit, delivery = each.unit, each.unit.delivery
            assert delivery.envelope is not None
            if delivery.parked is not None and each.fresh:
                parked.append(delivery.name)
            elif each.candidate.again and each.fresh:
                revived.append(delivery.name)
            reply = next((m for m in each.sent if m.envelope.kind in ("reply", "refusal")), None)
            asked_again = delivery.repeatable or (delivery.answer is not None and each.candidate.business)
            kept: bytes | None = None
            if reply is not None and asked_again:
                kept = kept_to_bytes(Kept(delivery.envelope.schema, delivery.value, stored(reply)))
            if each.candidate.told_by_envelope:
                if unit.outcome != "handled":
                    unusual.append(mark_of(self.service.name, each.candidate, now_us, unit.outcome))
            elif unit.outcome != "handled" or kept is not None or (each.candidate.again and each.fresh):
                outcomes.append((delivery.envelope.id, unit.outcome, kept))
            if kept is not None:
                for consumer, key in each.candidate.business:
                    await session.inbox.resolve(consumer, [(key, unit.outcome, kept)])
            address = each.address
            if address is not None and address.kind == "undo" and unit.outcome == "handled" and reply is not None:
                tombstones.append(Tombstone(address, now_us, reply_to_bytes(reply)))
        if tombstones:
            await session.tombstones.add(tombstones)
        if outcomes:
            await session.inbox.resolve(self.service.name, outcomes)
        if unusual:
            await session.inbox.mark(unusual)
        if parked:
            await session.parking.remove(self.service.name, parked)
        if parked or revived:
            await session.dead_letters.settle(self.service.name, [*parked, *revived], "handled", now_us)

    def finished(self, done: Sequence[Admitted]) -> None:
        """Count, and answer who waits at the local door: only now is it true."""
        self.tally.update([each.outcome for each in done if each.unit.delivery.interest is not None])
        for each in done:
            unit, answer = each.unit, each.unit.delivery.answer
            if answer is None or answer.done():
                continue
            if isinstance(unit.reply, Exception):
                answer.set_exception(unit.reply)
            else:
                answer.set_result(unit.reply)


def composed(composer: Composer, output: Output, now_us: int, catalog: Catalog) -> Message:
    """One output as the message that leaves.

    Raises:
        HandlerFailed: it does not fit its schema, is too large, or nobody handles it; its cause is to blame.
    """
    envelope = output.cause.envelope
    assert envelope is not None
    try:
        if output.kind == "command" and output.address is None:
            catalog.check_receiver(output.contract)  # those of sagas were checked at the start
        return composer.compose(
            output.contract,
            output.message,
            kind=output.kind,
            cause=envelope,
            now_us=now_us,
            cause_key=output.cause.key,
            address=output.address,
            message_id=output.message_id,
        )
    except Exception as error:
        # Not ours alone: the user's class compares and makes itself, with code of its own.
        if isinstance(error, PartitaError) and error.retryable:
            raise
        raise HandlerFailed(Unit(output.cause), error) from error


def _all_fresh(own: Sequence[Admitted]) -> None:
    """What is handled at once never comes again: where it cannot be handled now, it must come by the bus."""
    for each in own:
        if not each.fresh:
            verdict = each.candidate.verdict.value
            raise HandlerFailed(
                each.unit, PartitaError(f"{each.candidate.envelope.type} cannot be handled at once: {verdict}.")
            )


def pack(leaving: Leaving, admitted: Sequence[Admitted]) -> None:
    """Make rows of what leaves because of these.

    Raises:
        HandlerFailed: one is too large; its cause is to blame.
    """
    for each in admitted:
        try:
            for message in each.sent:
                leaving.pack(message)
        except PartitaError as error:
            raise HandlerFailed(each.unit, error) from error


def _rounds(admitted: Sequence[Admitted]) -> list[list[Admitted]]:
    """Split a batch so that a round holds at most one message of a key, in order."""
    rounds: list[list[Admitted]] = []
    depth: dict[tuple[str, str], int] = {}
    for each in admitted:
        if not each.fresh:
            continue
        delivery = each.unit.delivery
        lane = (delivery.topic, delivery.key) if delivery.key is not None else None
        number = 0 if lane is None else depth.get(lane, 0)
        if lane is not None:
            depth[lane] = number + 1
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(each)
    return rounds

"""The pipeline: what happens to a batch of messages, as named steps inside one transaction.

Walk 3: the fence, the admission, the handlers, the sagas, the outbox, the commit; then, and only then, the
position on the bus. The same function serves a batch from the bus, one message alone, and the local door.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from partita.catalog.catalog import Catalog, Interest
from partita.catalog.rejection import Rejection
from partita.catalog.service import Binding, Service
from partita.clock import Clock, Ids
from partita.codec.port import Codec
from partita.errors import PartitaError
from partita.message import Message
from partita.outbox.outbox import Composer, reply_to_bytes, write
from partita.runtime.admission import Admission, Admitted
from partita.runtime.calling import Replacements, call, can_join_wave, take_refusal
from partita.runtime.delivery import Delivery, Output, Unit
from partita.runtime.saga_steps import SagaBatch, SagaDirectory
from partita.runtime.tx import SerialTx
from partita.runtime.waves import HandlerFailed, NotForWaves, run_wave
from partita.store.port import Session, Store, Tombstone

Held = Sequence[tuple[str, int, int]]
"""(topic, partition, epoch) of each partition a batch comes from: what this process claims to hold."""


@dataclass(slots=True, kw_only=True)
class Pipeline:
    """Everything one service needs to handle its messages."""

    service: Service
    catalog: Catalog
    store: Store
    codec: Codec
    clock: Clock
    ids: Ids
    sagas: SagaDirectory
    replaced: Replacements = field(default_factory=dict)
    coalesce: bool = True
    find_schema: Callable[[str], Awaitable[str | None]] | None = None
    handled: int = 0
    interests: Mapping[str, Interest] = field(init=False)
    admission: Admission = field(init=False)
    _serial: set[Callable[..., Any]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.interests = self.catalog.interests(self.service)
        self.admission = Admission(self.service, self.catalog, self.codec, self.ids)

    async def run(self, deliveries: Sequence[Delivery], held: Held) -> None:
        """Handle these in one transaction: when it returns they are done, when it raises nothing of it was kept.

        Raises:
            HandlerFailed: a handler raised; its delivery is to blame.
            Fenced, StoreUnavailable: no message is to blame; give up the partition, or try again.
        """
        waves = self.coalesce
        units: list[Unit] | None = None
        while units is None:  # each turn takes one more handler out of the waves, or all of them
            try:
                units = await self._transaction(deliveries, held, waves)
            except NotForWaves as found:
                if found.binding is None:
                    waves = False
                else:
                    self._serial.add(found.binding.function)
        self._finished(units)

    async def _transaction(self, deliveries: Sequence[Delivery], held: Held, waves: bool) -> list[Unit]:
        now_us = await self.store.now_us()
        async with self.store.transaction() as session:
            if held:
                await session.claims.check(self.service.name, held)
            admitted = await self.admission.admit(session, deliveries, now_us)
            sagas = SagaBatch(self.sagas, session, now_us, self.ids)
            await sagas.load([a.unit for a in admitted if a.fresh])
            for round_ in _rounds(admitted):
                await self._handlers(session, round_, waves)
                sagas.advance([a.unit for a in round_ if a.fresh])
            await sagas.save()
            await self._leave(session, admitted, now_us)
        return [a.unit for a in admitted]

    async def run_late(self, delivery: Delivery, held: Held) -> None:
        """Handle one delivery whose handlers call outside: the transaction opens at the first use of `tx`, or after
        the handlers, so that no lock is held during the call. The call may happen again after a crash; it carries
        the same idempotency key.

        Raises:
            HandlerFailed, Fenced, StoreUnavailable: as `run`.
        """
        if await self._was_handled(delivery):
            return await self.run([delivery], held)
        try:
            async with AsyncExitStack() as stack:
                late = _LateSession(self, delivery, held, stack)
                await late.handlers()
                session, each = await late.open()
                sagas = SagaBatch(self.sagas, session, late.now_us, self.ids)
                await sagas.load([each.unit])
                sagas.advance([each.unit])
                await sagas.save()
                await self._leave(session, [each], late.now_us)
        except Superseded:
            return await self.run([delivery], held)
        self._finished([each.unit])

    async def bury(self, delivery: Delivery, error: BaseException, tries: int, held: Held) -> None:
        """Make a delivery a dead letter, with its mark, in one transaction."""
        now_us = await self.store.now_us()
        async with self.store.transaction() as session:
            if held:
                await session.claims.check(self.service.name, held)
            await self.admission.bury(session, delivery, error, tries, now_us)

    async def learn_schema(self, delivery: Delivery) -> bool:
        """Fetch the writer's schema of a delivery from the bus; whether there is something to try again."""
        if self.find_schema is None or delivery.envelope is None:
            return False
        text = await self.find_schema(delivery.envelope.schema)
        if text is not None:
            self.codec.teach(delivery.envelope.schema, text)
        return text is not None

    async def _was_handled(self, delivery: Delivery) -> bool:
        """Spares the call outside for a plain duplicate; the transaction decides again."""
        assert delivery.envelope is not None
        asked = [(self.service.name, delivery.envelope.id), *self.admission.business_keys(delivery)]
        async with self.store.reading() as session:
            address = delivery.envelope.saga
            if address is not None and delivery.envelope.kind == "command":
                if await session.tombstones.find([(address.saga, address.saga_id, address.step)]):
                    return True
            for consumer, key in asked:
                if await session.inbox.seen(consumer, [key]):
                    return True
        return False

    async def _handlers(self, session: Session, round_: Sequence[Admitted], waves: bool) -> None:
        """Run the handlers of a round: those of one statement side by side, the others one after the other."""
        together: list[tuple[Binding, Unit]] = []
        alone: list[tuple[Binding, Unit]] = []
        for each in round_:
            for binding in each.due:
                fits = waves and can_join_wave(binding) and binding.function not in self._serial
                (together if fits else alone).append((binding, each.unit))
        if together:
            await run_wave(session, together)

        async def opened() -> Session:
            return session

        for binding, unit in alone:
            tx = SerialTx(unit, opened)
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
        try:
            await call(binding, unit, tx, self.replaced)
        except (Rejection, Superseded):
            raise
        except Exception as error:
            if isinstance(error, PartitaError) and error.retryable:
                raise
            raise HandlerFailed(unit, error) from error

    def refuse(self, binding: Binding, unit: Unit, refusal: Rejection) -> None:
        """Take a refusal as the answer."""
        try:
            take_refusal(binding, unit, refusal)
        except PartitaError as error:
            raise HandlerFailed(unit, error) from error

    async def _leave(self, session: Session, admitted: Sequence[Admitted], now_us: int) -> None:
        """Compose and write what leaves, correct the marks, remember undone steps and kept replies."""
        composer = Composer(self.store.source, self.codec, self.ids)
        messages: list[Message] = []
        outcomes: list[tuple[str, str, bytes | None]] = []
        tombstones: list[Tombstone] = []
        for each in admitted:
            unit, delivery = each.unit, each.unit.delivery
            assert delivery.envelope is not None
            composed = [compose(composer, output, now_us) for output in unit.outputs]
            messages += composed
            reply = next((m for m in composed if m.envelope.kind in ("reply", "refusal")), None)
            kept = reply_to_bytes(reply) if reply is not None and delivery.answer is not None else None
            if unit.outcome != "handled" or kept is not None or each.candidate.again:
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
        await write(session, messages, now_us)

    def _finished(self, units: Sequence[Unit]) -> None:
        """Answer who waits at the local door: only now is it true."""
        self.handled += len(units)
        for unit in units:
            answer = unit.delivery.answer
            if answer is None or answer.done():
                continue
            if isinstance(unit.reply, Exception):
                answer.set_exception(unit.reply)
            else:
                answer.set_result(unit.reply)


class Superseded(Exception):
    """Another copy of the message was handled while this one called outside."""


class _LateSession:
    """The transaction of a delivery that calls outside first: entered at the first use of its `tx`."""

    def __init__(self, pipeline: Pipeline, delivery: Delivery, held: Held, stack: AsyncExitStack) -> None:
        self._pipeline = pipeline
        self._delivery = delivery
        self._held = held
        self._stack = stack
        self._unit = Unit(delivery)
        self._opened: tuple[Session, Admitted] | None = None
        self._writes = AsyncExitStack()  # a refusal undoes what the handler wrote, and nothing else
        self.now_us = 0

    async def handlers(self) -> None:
        """Call every handler of the delivery."""
        interest = self._delivery.interest
        assert interest is not None
        for binding in interest.bindings:
            try:
                await self._pipeline.call(binding, self._unit, SerialTx(self._unit, self._session))
            except Rejection as refusal:
                await self._writes.__aexit__(type(refusal), refusal, refusal.__traceback__)
                self._pipeline.refuse(binding, self._unit, refusal)
        await self._writes.aclose()

    async def open(self) -> tuple[Session, Admitted]:
        """The open transaction with the delivery admitted: fence and admission come first in it.

        Raises:
            Superseded: another copy was handled meanwhile.
        """
        if self._opened is None:
            pipeline = self._pipeline
            self.now_us = await pipeline.store.now_us()
            session = await self._stack.enter_async_context(pipeline.store.transaction())
            if self._held:
                await session.claims.check(pipeline.service.name, self._held)
            (each,) = await pipeline.admission.admit(session, [self._delivery], self.now_us)
            interest = self._delivery.interest
            if interest is None or len(each.due) != len(interest.bindings):
                raise Superseded
            each.unit = self._unit
            self._opened = (session, each)
        return self._opened

    async def _session(self) -> Session:
        first = self._opened is None
        session, _ = await self.open()
        if first:
            self._stack.push_async_exit(self._writes)
            await self._writes.enter_async_context(session.savepoint())
        return session


def compose(composer: Composer, output: Output, now_us: int) -> Message:
    """One output as the message that leaves.

    Raises:
        HandlerFailed: it does not fit its schema or is too large; its cause is to blame.
    """
    envelope = output.cause.envelope
    assert envelope is not None
    try:
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
    except PartitaError as error:
        raise HandlerFailed(Unit(output.cause), error) from error


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

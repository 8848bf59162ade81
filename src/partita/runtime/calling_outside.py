"""Handling a message whose handlers call outside: no lock is held during the call, and the transaction comes after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack

from partita.catalog.binding import Binding
from partita.catalog.rejection import Rejection
from partita.errors import NoTransaction
from partita.outbox.outbox import Leaving
from partita.runtime.admission import Admitted, Held
from partita.runtime.calling import Superseded
from partita.runtime.delivery import Delivery, Unit
from partita.runtime.expiry import may_be_forgotten, refuse_forgotten
from partita.runtime.pipeline import Pipeline, pack
from partita.runtime.saga_steps import SagaBatch
from partita.runtime.tx import SerialTx
from partita.runtime.waves import HandlerFailed, blaming
from partita.store.port import Session


async def run_outside(pipeline: Pipeline, delivery: Delivery, held: Held) -> Counter[str]:
    """Handle one delivery whose handlers call outside: the transaction opens at the first use of `tx`, or after
    the handlers, so that no lock is held during the call. The call may happen again after a crash; it carries
    the same idempotency key.

    Raises:
        HandlerFailed, Fenced, StoreUnavailable: as `Pipeline.run`.
    """
    due = await _due(pipeline, delivery)
    while due:
        try:
            return await _run(pipeline, delivery, held, due)
        except Superseded:
            before, due = due, await _due(pipeline, delivery)
            if due == before:
                break  # only the transaction can tell why these may not run
    return await pipeline.run([delivery], held)


async def _run(pipeline: Pipeline, delivery: Delivery, held: Held, due: Sequence[Binding]) -> Counter[str]:
    with blaming(Unit(delivery)) as when_whole:
        async with AsyncExitStack() as stack:
            late = _LateSession(pipeline, delivery, held, due, stack)
            await late.handlers()
            session, each = await late.open()
            sagas = SagaBatch(pipeline.sagas, session, late.now_us, pipeline.ids)
            await sagas.load([each.unit])
            sagas.advance([each.unit])
            await sagas.save()
            leaving = Leaving(session, late.now_us)
            await pipeline.compose(leaving, [each], late.now_us)
            pack(leaving, [each])
            await pipeline.mark(session, [each], late.now_us)
            await leaving.write()
            when_whole()
    pipeline.finished([each])
    return Counter([each.candidate.envelope.type])


async def _due(pipeline: Pipeline, delivery: Delivery) -> list[Binding]:
    """The handlers to call, as far as can be told before the transaction, which decides again. None for a plain duplicate,
    nor for what must wait for an earlier message of its key: called now, its effect outside would come before that one's."""
    envelope, interest, group = delivery.envelope, delivery.interest, pipeline.service.name
    assert envelope is not None
    assert interest is not None
    candidate, now_us = pipeline.admission.candidate(delivery), await pipeline.store.now_us()
    address = envelope.saga if envelope.kind == "command" else None
    async with pipeline.store.reading() as session:
        overtakes = False
        if address is not None:
            if await session.tombstones.find([(address.saga, address.saga_id, address.step)]):
                return []
            step = f"{address.saga}/{address.saga_id}/{address.step}"
            overtakes = address.kind == "undo" and bool(await session.parking.of_steps(group, [step]))
        if delivery.parked is None:
            mark = (await session.inbox.seen(group, [envelope.id])).get(envelope.id)
            if mark is not None and not (mark.outcome == "dead" and address is not None):
                return []  # what died its saga asks for again
        repeated = {consumer for consumer, key in candidate.business if await session.inbox.seen(consumer, [key])}
        old = may_be_forgotten(pipeline.service, [(delivery, candidate)], {}, now_us)
        if old and await refuse_forgotten(session, pipeline.service, old):
            return []
        if delivery.parked is None and pipeline.service.order == "key":
            last = await session.sequences.last_in(group, [candidate.place]) if candidate.numbered else {}
            if envelope.key_sequence > last.get(candidate.place, envelope.key_sequence) + 1:
                return []
            if delivery.lane is not None and not overtakes and await session.parking.held(group, [delivery.lane]):
                return []
    return [each for each in interest.bindings if each.identity(interest.contract.full_name) not in repeated]


class _LateSession:
    """The transaction of a delivery that calls outside first: entered at the first use of its `tx`."""

    def __init__(
        self, pipeline: Pipeline, delivery: Delivery, held: Held, due: Sequence[Binding], stack: AsyncExitStack
    ) -> None:
        self._pipeline = pipeline
        self._delivery = delivery
        self._held = held
        self._due = due
        self._stack = stack
        self._unit = Unit(delivery)
        self._opened: tuple[Session, Admitted] | None = None
        self._failed: Exception | None = None
        self._writes = AsyncExitStack()  # a refusal undoes what the handler wrote, and nothing else
        self.now_us = 0

    async def handlers(self) -> None:
        """Call the handlers of the delivery that are due."""
        for binding in self._due:
            try:
                tx = SerialTx(self._unit, binding, self._session, holds=self._opened is not None)
                await self._pipeline.call(binding, self._unit, tx)
            except Rejection as refusal:
                await self._writes.__aexit__(type(refusal), refusal, refusal.__traceback__)
                self._pipeline.refuse(binding, self._unit, refusal)
        await self._writes.aclose()

    async def open(self) -> tuple[Session, Admitted]:
        """The open transaction with the delivery admitted: fence and admission come first in it.

        What it raised once it raises again: a handler may have caught it and gone on, and a second transaction within the
        first would wait for it for ever.

        Raises:
            Superseded: others than these handlers are due by now.
        """
        if self._failed is not None:
            raise self._failed
        if self._opened is None:
            pipeline = self._pipeline
            try:
                self.now_us = await pipeline.store.now_us()
                session = await self._stack.enter_async_context(pipeline.store.transaction())
                (each,) = await pipeline.admission.admit(session, [self._delivery], self._held, self.now_us)
                if [*each.due] != self._due:
                    raise Superseded
            except Exception as error:
                self._failed = error
                raise
            except BaseException:  # a limit of the handler's own
                cut = NoTransaction(
                    f"{self._pipeline.service.name}: a handler cut the opening of its transaction short."
                )
                self._failed = HandlerFailed(self._unit, cut)
                raise
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

"""Handling a message whose handlers call outside: no lock is held during the call, and the transaction comes after it."""

from __future__ import annotations

from collections import Counter
from contextlib import AsyncExitStack

from partita.catalog.rejection import Rejection
from partita.outbox.outbox import Leaving
from partita.runtime.admission import Admitted, Held
from partita.runtime.calling import Superseded
from partita.runtime.delivery import Delivery, Unit
from partita.runtime.expiry import may_be_forgotten, refuse_forgotten
from partita.runtime.pipeline import Pipeline, pack
from partita.runtime.saga_steps import SagaBatch
from partita.runtime.tx import SerialTx
from partita.store.port import Session


async def run_outside(pipeline: Pipeline, delivery: Delivery, held: Held) -> Counter[str]:
    """Handle one delivery whose handlers call outside: the transaction opens at the first use of `tx`, or after
    the handlers, so that no lock is held during the call. The call may happen again after a crash; it carries
    the same idempotency key.

    Raises:
        HandlerFailed, Fenced, StoreUnavailable: as `Pipeline.run`.
    """
    if await _need_not_call(pipeline, delivery):
        return await pipeline.run([delivery], held)
    try:
        async with AsyncExitStack() as stack:
            late = _LateSession(pipeline, delivery, held, stack)
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
    except Superseded:
        return await pipeline.run([delivery], held)
    pipeline.finished([each])
    return Counter([each.candidate.envelope.type])


async def _need_not_call(pipeline: Pipeline, delivery: Delivery) -> bool:
    """Spares the call outside for a plain duplicate, and for what must wait behind a parked message of its key; the
    transaction decides again."""
    envelope = delivery.envelope
    assert envelope is not None
    asked = list(pipeline.admission.business_keys(delivery))
    if delivery.parked is None:
        asked.append((pipeline.service.name, envelope.id))
    address = envelope.saga if envelope.kind == "command" else None
    async with pipeline.store.reading() as session:
        overtakes = False
        if address is not None:
            if await session.tombstones.find([(address.saga, address.saga_id, address.step)]):
                return True
            step = f"{address.saga}/{address.saga_id}/{address.step}"
            overtakes = address.kind == "undo" and bool(await session.parking.of_steps(pipeline.service.name, [step]))
        for consumer, key in asked:
            if await session.inbox.seen(consumer, [key]):
                return True
        candidate, now_us = pipeline.admission.candidate(delivery), await pipeline.store.now_us()
        old = may_be_forgotten(pipeline.service, [(delivery, candidate)], {}, now_us)
        if old and await refuse_forgotten(session, pipeline.service, old):
            return True
        if delivery.lane is None or delivery.parked is not None or overtakes or pipeline.service.order == "none":
            return False
        return bool(await session.parking.held(pipeline.service.name, [delivery.lane]))


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
                tx = SerialTx(self._unit, binding, self._session, holds=self._opened is not None)
                await self._pipeline.call(binding, self._unit, tx)
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
            (each,) = await pipeline.admission.admit(session, [self._delivery], self._held, self.now_us)
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

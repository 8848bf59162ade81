"""Messages whose handlers call outside: no lock is held during the call, and the transaction comes after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack

from partita.catalog.binding import Binding
from partita.catalog.rejection import Rejection
from partita.errors import NoTransaction
from partita.idempotency.inbox import Verdict
from partita.runtime.path.admission import Admitted
from partita.runtime.path.calling import Superseded
from partita.runtime.path.delivery import Delivery, Handling
from partita.runtime.path.handler_tx import SerialTx
from partita.runtime.path.handlers import refuse
from partita.runtime.path.pipeline import Pipeline
from partita.runtime.path.unit_of_work import UnitOfWork
from partita.runtime.path.waves import HandlerFailed
from partita.store.claims import Held
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
                break  # only the transaction knows why these may not run
    return await pipeline.run([delivery], held)


async def _run(pipeline: Pipeline, delivery: Delivery, held: Held, due: Sequence[Binding]) -> Counter[str]:
    async with AsyncExitStack() as stack:
        late = _LateUnit(pipeline, delivery, held, due, stack)
        await late.handlers()
        work, each = await late.open()
        await work.follow(each)
    pipeline.finished([each])
    return Counter([each.candidate.envelope.type])


async def _due(pipeline: Pipeline, delivery: Delivery) -> list[Binding]:
    """The handlers to call, as far as known before the transaction, which decides again. None for a copy, nor for a
    message that must wait for an earlier one of its key: its effect outside would come before that one's."""
    interest, now_us = delivery.interest, await pipeline.store.now_us()
    assert interest is not None
    async with pipeline.store.reading() as session:
        said = await pipeline.admission.foresee(session, delivery, now_us)
    if said.verdict is not Verdict.FRESH:
        return []
    return [each for each in interest.bindings if each.identity(interest.contract.identity) not in said.repeated]


class _LateUnit:
    """The unit of work of a delivery that calls outside first: begun at the first use of its `tx`."""

    def __init__(
        self, pipeline: Pipeline, delivery: Delivery, held: Held, due: Sequence[Binding], stack: AsyncExitStack
    ) -> None:
        self._pipeline = pipeline
        self._delivery = delivery
        self._held = held
        self._due = due
        self._stack = stack
        self._handling = Handling(delivery)
        self._opened: tuple[UnitOfWork, Admitted] | None = None
        self._failed: Exception | None = None
        self._writes = AsyncExitStack()  # a refusal undoes only the handler's own writes

    async def handlers(self) -> None:
        """Call the due handlers of the delivery."""
        for binding in self._due:
            try:
                answering, holds = self._pipeline.answering, self._opened is not None
                tx = SerialTx(self._handling, binding, self._session, answering, holds=holds)
                await self._pipeline.handlers.call(binding, self._handling, tx)
            except Rejection as refusal:
                await self._writes.__aexit__(type(refusal), refusal, refusal.__traceback__)
                refuse(binding, self._handling, refusal)
        await self._writes.aclose()

    async def open(self) -> tuple[UnitOfWork, Admitted]:
        """The open unit of work with the delivery admitted: fence and admission come first in it.

        After an error it raises the same error again: a handler may have caught it and continued, and a second transaction
        inside the first would wait for it for ever.

        Raises:
            Superseded: other handlers than these are due by now.
        """
        if self._failed is not None:
            raise self._failed
        if self._opened is None:
            try:
                work = await self._stack.enter_async_context(self._pipeline.units.begin(self._delivery))
                # Done again, this transaction would have its call outside done again.
                work.session.sequences.wait_for_others()
                (each,) = await work.admit([self._delivery], self._held)
                if [*each.due] != self._due:
                    raise Superseded
            except Exception as error:
                self._failed = error
                raise
            except BaseException:  # a limit of the handler's own
                cut = NoTransaction(
                    f"{self._pipeline.service.name}: a handler cut the opening of its transaction short."
                )
                self._failed = HandlerFailed(self._handling, cut)
                raise
            each.handling = self._handling
            self._opened = (work, each)
        return self._opened

    async def _session(self) -> Session:
        first = self._opened is None
        work, _ = await self.open()
        if first:
            self._stack.push_async_exit(self._writes)
            await self._writes.enter_async_context(work.session.savepoint())
        return work.session

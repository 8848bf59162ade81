"""The local door: commands sent in this process, handled at once by the same pipeline, many sends in one transaction."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from partita.bell import Bell
from partita.catalog.contract import Contract, contract_of
from partita.catalog.upcaster import refuse_old
from partita.clock import all_done
from partita.errors import DeclarationError, Malformed, PartitaError, StoreContended
from partita.message import TRACE_OF_CORRELATION, Envelope
from partita.runtime.path.after_conflict import TRIES_MAX, pause_after
from partita.runtime.path.calling_outside import run_outside
from partita.runtime.path.delivery import Delivery
from partita.runtime.path.pipeline import Pipeline
from partita.runtime.path.running_handler import refuse_to_wait, running_handler
from partita.runtime.path.waves import CommitRefused, HandlerFailed
from partita.texts.cause import told_of

WAITING_MAX = 10_000
STOP_S = 5.0
AGAIN = "Send it again with the same idempotency_key: it is handled once."


def id_of(service: str, identity: str, idempotency_key: str) -> str:
    """The message id of an idempotency key of a command: the same key is the same message, also after a crash, and in
    another version of the command.

    Raises:
        Malformed: the key is no text, a lone surrogate, or empty, which all callers without a key would share.
    """
    try:
        named = f"{service}\0{identity}\0{idempotency_key}".encode() if isinstance(idempotency_key, str) else b""
    except UnicodeEncodeError:
        named = b""
    if not named or not idempotency_key:
        raise Malformed(
            f"The idempotency key of {identity} is {idempotency_key!r:.80}.",
            hint="A key is a text that names one request; None sends without one.",
        )
    digest = hashlib.sha256(named).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"


class Door:
    """Takes commands for one service; `send` returns when the answer is durable."""

    def __init__(self, pipeline: Pipeline, batch: int = 500) -> None:
        self.name = f"door of {pipeline.service.name}"
        self._pipeline = pipeline
        self._batch = batch
        self._waiting: deque[Delivery] = deque()
        self._running: dict[asyncio.Task[None], None] = {}
        self.bell = Bell()

    @property
    def busy(self) -> bool:
        """Whether a send is in work."""
        return bool(self._waiting or self._running)

    async def send(self, command: Any, idempotency_key: str | None) -> Any:
        """Handle a command; returns its reply.

        Raises:
            Rejection: the declared refusal. Conflict: the key was used with another content.
            StoreUnavailable: if the connection was lost during the commit, it may have been kept; send it again with the same
            key. Any other PartitaError, or any error of the handler: nothing was kept.
        """
        contract = contract_of(type(command))
        asking = running_handler()
        if asking is not None:
            refuse_to_wait(asking, contract.name, contract.service.name, idempotency_key)
        interest = self._pipeline.interests.get(contract.full_name)
        if contract.kind != "command":
            raise DeclarationError(
                f"{contract.name} is {'an' if contract.kind == 'event' else 'a'} {contract.kind}; only a command can be sent.",
                hint="A handler returns events or calls tx.publish(...); outside of handlers there is app.outbox(service).",
            )
        if interest is None:
            raise DeclarationError(
                f"{contract.name} is not handled by {self._pipeline.service.name}.",
                hint=f"@{self._pipeline.service.name}.handles({contract.name})",
            )
        if len(self._waiting) >= WAITING_MAX:
            raise PartitaError(f"{WAITING_MAX:,} sends are waiting already.", hint="Send slower, or in more processes.")
        if contract.upcaster is not None:
            refuse_old(contract)
        delivery = self._delivery(contract, command, idempotency_key)
        delivery.interest = interest
        answer = delivery.answer = asyncio.get_running_loop().create_future()
        self._waiting.append(delivery)
        self.bell.ring("command")
        if asking is None:
            return await answer
        asking.asking += 1
        try:
            return await answer
        finally:
            asking.asking -= 1

    def _delivery(self, contract: Contract, command: Any, idempotency_key: str | None) -> Delivery:
        pipeline = self._pipeline
        message_id = (
            pipeline.ids.new()
            if idempotency_key is None
            else id_of(pipeline.service.name, contract.identity, idempotency_key)
        )
        fingerprint, value = pipeline.codec.encode(contract.shape, command)
        envelope = Envelope(
            id=message_id,
            source=pipeline.store.source,
            type=contract.full_name,
            time_us=pipeline.clock.now_us(),
            correlation_id=message_id,
            kind="command",
            traceparent=TRACE_OF_CORRELATION,
            schema=fingerprint,
        )
        key, repeatable = contract.key_of(command), idempotency_key is not None
        return Delivery(envelope, contract.topic, key, value, message=command, repeatable=repeatable)

    async def step(self, now: float) -> float:
        """Handle the waiting commands, in one transaction if the handlers allow it."""
        batch: list[Delivery] = []
        named: set[str] = set()
        behind: list[Delivery] = []
        while self._waiting and len(batch) < self._batch:
            delivery = self._waiting.popleft()
            if delivery.interest and delivery.interest.calls_out:
                task = asyncio.create_task(self._outside(delivery))
                self._running[task] = None
                task.add_done_callback(self._running.pop)
            elif delivery.repeatable and delivery.name in named:
                behind.append(delivery)  # its answer is kept when this batch has committed
            else:
                batch.append(delivery)
                if delivery.repeatable:
                    named.add(delivery.name)
        self._waiting.extendleft(reversed(behind))
        if batch:
            await self._together(batch)
        return now if self._waiting else now + 60.0

    async def stop(self) -> None:
        """Answer the waiting senders."""
        if self._running:
            running = list(self._running)
            if not await all_done(self._pipeline.clock, running, STOP_S):
                for task in running:
                    task.cancel()
                await asyncio.wait(running)
        for delivery in self._waiting:
            _fail(
                delivery, PartitaError("The process is stopping; the command was not handled.", hint="Send it again.")
            )

    async def _together(self, batch: list[Delivery]) -> None:
        await self._settle(batch, lambda some: self._pipeline.run(some, ()))

    async def _outside(self, delivery: Delivery) -> None:
        await self._settle([delivery], lambda some: run_outside(self._pipeline, some[0], ()))

    async def _settle(self, batch: list[Delivery], run: Callable[[list[Delivery]], Awaitable[object]]) -> None:
        """Run these until each has its answer, whatever happens: its sender has no other source."""
        tries = 1
        while batch:
            try:
                await run(batch)
                return
            except HandlerFailed as failed:
                if isinstance(failed, CommitRefused) and len(batch) > 1:
                    for delivery in batch:
                        await self._settle([delivery], run)
                    return
                culprit = failed.handling.delivery
                _fail(culprit, failed.error)
                batch = [d for d in batch if d is not culprit]
            except StoreContended as error:
                # Rolled back for certain, so the caller need not know; the cause may last for a while.
                if tries == TRIES_MAX:
                    _fail_all(batch, error)
                    return
                await self._pipeline.clock.sleep(pause_after(tries))
                tries += 1
            except PartitaError as error:
                _fail_all(batch, error)
                return
            except asyncio.CancelledError:
                _fail_all(batch, PartitaError("The process is stopping; the command may be handled.", hint=AGAIN))
                raise
            except BaseException as error:
                _fail_all(batch, error)
                raise


def _fail_all(deliveries: Sequence[Delivery], error: BaseException) -> None:
    for delivery in deliveries:
        _fail(delivery, error)


def _fail(delivery: Delivery, error: BaseException) -> None:
    if delivery.answer is None or delivery.answer.done():
        return
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        delivery.answer.set_exception(error)
        return
    # Raised in the caller's task, it would end that task, or the whole process; a future does not accept a StopIteration.
    ended = PartitaError(f"Nothing was kept, the handler raised {told_of(error)}.", hint="Raise an Exception.")
    ended.__cause__ = error
    delivery.answer.set_exception(ended)

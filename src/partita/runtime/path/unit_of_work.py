"""The unit of work: one transaction that admits messages, runs their handlers and sagas, and writes what they cause.

Walk 3: the fence, the admission, the handlers, the sagas; then the saga states, the marks and the outbox rows, and the commit.

A batch from the bus, a command at the local door, a handler that called outside, a timer, an operator's verb and a rehearsal
all use it. They differ in what they do before it is closed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from partita.catalog.catalog import Catalog
from partita.clock import Ids
from partita.codec.port import Codec
from partita.errors import PartitaError, TransactionEnded
from partita.idempotency.inbox import AT_ONCE, mark_of
from partita.message import Message
from partita.outbox.outbox import Composer, Kept, Leaving, kept_to_bytes, reply_to_bytes, stored
from partita.runtime.path.admission import Admission, Admitted, ReadAhead
from partita.runtime.path.answering import PENDING
from partita.runtime.path.delivery import Delivery, Handling, Output
from partita.runtime.path.handlers import Handlers
from partita.runtime.path.pending_commands import keep_pending
from partita.runtime.path.saga_steps import SagaBatch, SagaDirectory
from partita.runtime.path.sub_sagas import DEFERRED, Ended, close_ended, recalled
from partita.runtime.path.waves import CommitRefused, HandlerFailed
from partita.store.claims import Held
from partita.store.inbox import InboxRow
from partita.store.port import Session, Store
from partita.store.tombstones import Tombstone


class UnitOfWork:
    """An open transaction and its work."""

    def __init__(self, parts: UnitsOfWork, session: Session, now_us: int) -> None:
        self.session = session
        self.now_us = now_us
        self.sagas = SagaBatch(parts.sagas, session, now_us, parts.ids)
        self.admitted: list[Admitted] = []
        self._parts = parts
        self._leaving = Leaving(session, now_us)
        # The source is read here: a restored database has another one since it was opened.
        self._composer = Composer(parts.store.source, parts.codec, parts.ids)
        self._handlings: list[Handling] = []

    async def admit(
        self, deliveries: Sequence[Delivery], held: Held = (), ahead: ReadAhead | None = None
    ) -> list[Admitted]:
        """Check the fence and decide about each delivery; see `Admission.admit`."""
        loaded = self.sagas.concerned(deliveries) if ahead is None else ()
        admitted = await self._parts.admission.admit(self.session, deliveries, held, self.now_us, ahead, loaded)
        self.admitted += admitted
        return admitted

    async def handle(self, admitted: Sequence[Admitted], *, waves: bool = False) -> None:
        """Run the handlers and sagas of these, and compose the messages they cause.

        Raises:
            HandlerFailed: a handler or a saga raised for its delivery. NotForWaves: see `run_wave`.
        """
        await self.sagas.load([a.handling for a in admitted if a.fresh])
        carried_out = self._parts.admission.carried_out
        recalls = await self.sagas.running(recalled(admitted, self.admitted, carried_out)) if carried_out else {}
        for round_ in _rounds(admitted):
            due = [(b, each.handling) for each in round_ if each.handling not in recalls for b in each.due]
            if due:
                await self._parts.handlers.run(self.session, due, waves)
            self.sagas.advance([a.handling for a in round_ if a.fresh], recalls)
        await self.leave([each.handling for each in admitted])

    async def follow(self, admitted: Admitted) -> None:
        """Run the sagas of a delivery whose handlers have run, and compose the messages they cause."""
        await self.sagas.load([admitted.handling])
        self.sagas.advance([admitted.handling])
        await self.leave([admitted.handling])

    async def leave(self, handlings: Sequence[Handling]) -> None:
        """Compose and number the messages that these handlings cause.

        Raises:
            HandlerFailed: a message does not fit its schema, is too large, or has no receiver; its cause fails.
        """
        for handling in handlings:
            handling.sent = [self._compose(handling, output) for output in handling.outputs]
        messages = [message for handling in handlings for message in handling.sent]
        if messages:
            await self._leaving.expect(messages)
            for message in messages:
                self._leaving.number(message)
            self._handlings += handlings

    async def close(self) -> None:
        """Write the sagas' states, the marks and the outbox rows."""
        for handling in self._handlings:
            try:
                for message in handling.sent:
                    self._leaving.pack(message)
            except PartitaError as error:
                raise HandlerFailed(handling, error) from error
        # Pending commands are locked before the instances that answer them, as an undo does it.
        ended = self.sagas.ended
        made = {a.candidate.envelope.id for a in self.admitted if a.handling.outcome == PENDING} if ended else ()
        await self._close_ended([each for each in ended if each.command.id not in made])
        await self.sagas.save()
        if self.admitted:
            await self._mark()
        await self._close_ended([each for each in ended if each.command.id in made])
        await self._leaving.write()

    async def _close_ended(self, ended: Sequence[Ended]) -> None:
        if ended:
            leaving = {o: m for h in self._handlings for o, m in zip(h.outputs, h.sent, strict=True)}
            await close_ended(self.session, self._parts.group, ended, leaving, self.now_us)

    def _compose(self, handling: Handling, output: Output) -> Message:
        envelope = output.cause.envelope
        assert envelope is not None
        if output.again is not None:
            output.again.envelope.source = self._composer.source
            return output.again
        try:
            if output.kind == "command" and output.address is None:
                self._parts.catalog.check_receiver(output.contract)  # those of sagas were checked at the start
            return self._composer.compose(
                output.contract,
                output.message,
                kind=output.kind,
                cause=envelope,
                now_us=self.now_us,
                cause_key=output.cause.key,
                address=output.address,
                message_id=output.message_id,
            )
        except Exception as error:
            # Also the user's code: its class defines comparison and construction.
            if isinstance(error, PartitaError) and error.retryable:
                raise
            raise HandlerFailed(handling, error) from error

    async def _mark(self) -> None:
        """Correct the marks, store undone steps and kept replies."""
        session, group = self.session, self._parts.group
        outcomes: list[tuple[str, str, bytes | None]] = []
        tombstones: list[Tombstone] = []
        parked: list[str] = []
        revived: list[str] = []  # dead letters that their saga has sent again
        unusual: list[InboxRow] = []
        pending: list[Admitted] = []
        for each in self.admitted:
            handling, delivery = each.handling, each.handling.delivery
            assert delivery.envelope is not None
            if delivery.parked is not None and each.fresh:
                parked.append(delivery.name)
            elif each.said.marked and each.fresh:
                revived.append(delivery.name)
            # Only a command has a reply.
            replies = handling.sent if delivery.envelope.kind == "command" else ()
            reply = _answer_of(delivery.envelope.id, replies) if replies else None
            asked_again = delivery.repeatable or (delivery.answer is not None and each.candidate.business)
            kept: bytes | None = None
            if reply is not None and asked_again:
                kept = kept_to_bytes(Kept(delivery.envelope.schema, delivery.value, stored(reply), delivery.version))
            if each.candidate.origin is AT_ONCE:
                if handling.outcome != "handled":
                    unusual.append(mark_of(group, each.candidate, self.now_us, handling.outcome))
            elif handling.outcome != "handled" or kept is not None or (each.said.marked and each.fresh):
                outcomes.append((delivery.envelope.id, handling.outcome, kept))
            if handling.outcome == PENDING:
                pending.append(each)
            if kept is not None:
                for consumer, key in each.candidate.business:
                    await session.inbox.resolve(consumer, [(key, handling.outcome, kept)])
            address = each.address
            if address is not None and address.kind == "undo" and handling.outcome == "handled" and reply is not None:
                tombstones.append(Tombstone(address, self.now_us, reply_to_bytes(reply)))
            elif address is not None and each.candidate.is_withdrawal and handling.outcome == "handled":
                tombstones.append(Tombstone(address, self.now_us, b""))  # no saga waits for an answer to it
        if tombstones:
            await session.tombstones.add(tombstones)
        if outcomes:
            await session.inbox.resolve(group, outcomes)
        if unusual:
            await session.inbox.mark(unusual)
        if pending:
            undos = [a for a in self.admitted if a.fresh and a.candidate.is_undo]
            waits = [a.candidate.step for a in undos if a.handling.outcome == DEFERRED]  # for a saga that runs
            undone = [a.candidate.step for a in undos if a.candidate.step not in waits]
            await keep_pending(
                session, group, [(a.candidate, a.handling.delivery) for a in pending], undone, self.now_us
            )
        if parked:
            await session.parking.remove(group, parked)
        if parked or revived:
            await session.dead_letters.settle(group, [*parked, *revived], "handled", self.now_us)


@dataclass(frozen=True, slots=True)
class UnitsOfWork:
    """Begins the units of work of one service."""

    group: str
    store: Store
    catalog: Catalog
    codec: Codec
    ids: Ids
    admission: Admission
    handlers: Handlers
    sagas: SagaDirectory
    steps: Counter[tuple[str, str]] = field(default_factory=Counter)  # (saga, entry in its history) since the start

    @asynccontextmanager
    async def begin(self, first: Delivery | None = None) -> AsyncIterator[UnitOfWork]:
        """A unit of work in a transaction of its own: closed and committed at the end of the block, rolled back when the
        block raises. `first` fails where it is not known which delivery is at fault.

        Raises:
            CommitRefused: the database refused the commit, or ended the transaction because it was idle.
            StoreUnavailable: no message is at fault.
        """
        now_us = await self.store.now_us()
        with _blaming(Handling(first or _NOBODYS)) as when_whole:
            async with self.store.transaction() as session:
                work = UnitOfWork(self, session, now_us)
                yield work
                await work.close()
                when_whole()
        self.admission.letters.log_committed(session)
        if work.sagas.entries:  # only after the commit is it true
            self.steps.update([(entry.saga, entry.kind) for entry in work.sagas.entries])

    @asynccontextmanager
    async def rehearsed(self, session: Session) -> AsyncIterator[UnitOfWork]:
        """A unit of work inside a transaction that the caller rolls back; its error undoes this unit alone."""
        async with session.savepoint():
            work = UnitOfWork(self, session, await self.store.now_us())
            yield work
            await work.close()


@contextmanager
def _blaming(handling: Handling) -> Iterator[Callable[[], None]]:
    """Attribute the end of a transaction to its messages, the first of which is `handling`. Call its result when all work of the
    transaction is done: from then on every failure is the commit's.

    Raises:
        CommitRefused: the database refused the commit, or ended the transaction because some code in it ran for too long.
            Treated as a lost database, both would be repeated for ever.
    """
    whole = False

    def when_whole() -> None:
        nonlocal whole
        whole = True

    try:
        yield when_whole
    except TransactionEnded as error:
        raise CommitRefused(handling, error) from error
    except PartitaError:
        raise
    except Exception as error:
        if not whole:
            raise
        raise CommitRefused(handling, error) from error


def _answer_of(command_id: str, sent: Sequence[Message]) -> Message | None:
    """The answer to a command among the messages that its handler has sent: some may answer others."""
    for message in sent:
        envelope = message.envelope
        if envelope.kind in ("reply", "refusal") and envelope.causation_id == command_id:
            return message
    return None


_NOBODYS = Delivery(None, "", None, b"")


def _rounds(admitted: Sequence[Admitted]) -> list[list[Admitted]]:
    """Split a batch so that a round has at most one message of a key, in order; and a command and its undo, which may have
    two keys, are in two rounds."""
    rounds: list[list[Admitted]] = []
    depth: dict[tuple[str, ...], int] = {}
    undoing = bool([each for each in admitted if each.candidate.is_undo])
    for each in admitted:
        if not each.fresh:
            continue
        delivery = each.handling.delivery
        lane = None if delivery.key is None else (delivery.topic, delivery.key)
        number = 0 if lane is None else depth.get(lane, 0)
        if undoing and (step := each.candidate.step) is not None:
            number = max(number, depth.get(step, 0))
            depth[step] = number + 1
        if lane is not None:
            depth[lane] = number + 1
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(each)
    return rounds

"""Setting aside: the writes in the service's database for a message that cannot be handled now.

It is parked and sent to a retry topic, made a dead letter, or discarded with a reason; its mark, its place in the key's
sequence and its outgoing messages are written in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from partita.catalog.retry import Decision, Discard, Retry, RetryAfter
from partita.catalog.service import Service
from partita.clock import duration_us
from partita.dead_letters.dead_letter import failure
from partita.errors import Expired, ProcessDied, StoodStill
from partita.idempotency.inbox import FATAL, FATAL_STEP, Verdict, mark_of
from partita.runtime.failing.retry_policy import delay_of
from partita.runtime.path.delivery import Delivery
from partita.runtime.path.parked_rows import parked_row
from partita.runtime.path.pipeline import Pipeline
from partita.store.claims import Held
from partita.store.parking import REPLAYED, ParkedRow
from partita.store.port import Session
from partita.texts.foreign_text import logger
from partita.topics.naming import retry_topic, span

log = logger(__name__)
LAID_BY_S = 60.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """The reason why a delivery is set aside: the last error, the number of tries in a row, and the retry policy that
    decided."""

    error: BaseException
    tries: int
    retry: Retry


@dataclass(frozen=True, slots=True)
class LaidBy:
    """The decision about bytes that cannot be read in a storm: they are kept for later, and are no dead letter yet."""


FOLLOWED: Mapping[type[Decision | LaidBy], str] = {RetryAfter: "retry", LaidBy: "retry", Discard: "discard"}


@dataclass(frozen=True, slots=True)
class Aside:
    """Sets deliveries of one service aside."""

    pipeline: Pipeline

    @property
    def service(self) -> Service:
        """The service whose deliveries these are."""
        return self.pipeline.service

    async def put(self, delivery: Delivery, trouble: Trouble, decision: Decision | LaidBy, held: Held) -> None:
        """Carry out the policy's decision about a delivery that could not be handled, in one transaction."""
        store = self.pipeline.store
        now_us = await store.now_us()
        async with store.transaction() as session:
            if held:
                await session.claims.check(self.service.name, held)
            match decision:
                case RetryAfter():
                    behind = 0 if delivery.parked is None else delivery.parked.delay + 1
                    delay = delay_of(trouble.retry, decision, behind)
                    await self.retry_later(session, delivery, trouble, delay, now_us)
                case LaidBy():
                    await self.lay_by(session, delivery, trouble, now_us)
                case Discard(reason):
                    await self.let_go(session, delivery, trouble, reason, now_us)
                case _:
                    if isinstance(trouble.error, Expired) and delivery.envelope is not None:
                        self.pipeline.tally[delivery.envelope.type, "expired"] += 1
                    await self.bury(session, delivery, trouble, now_us)
        self.pipeline.admission.letters.log_committed(session)
        self.pipeline.failures[FOLLOWED.get(type(decision), "dead")] += 1

    async def retry_later(
        self, session: Session, delivery: Delivery, trouble: Trouble, delay: int, now_us: int
    ) -> None:
        """Park it and send it to a retry topic; later messages of its key will queue behind it."""
        wait_s = trouble.retry.delays[delay]
        due_us = now_us + duration_us(wait_s * self.pipeline.time_scale)
        if await self._wait(session, delivery, trouble, now_us, delay=delay, due_us=due_us):
            topic = retry_topic(delivery.topic, self.service.name, wait_s)
            await self.pipeline.admission.letters.send_raw(session, delivery, topic, now_us)

    async def lay_by(self, session: Session, delivery: Delivery, trouble: Trouble, now_us: int) -> None:
        """Park it in a storm; that uses up no delay and no topic. A message that fails again in the storm is parked
        again without further writes."""
        stands, due_us = _stands(delivery), now_us + duration_us(LAID_BY_S * self.pipeline.time_scale)
        if stands is None:
            await self._wait(session, delivery, trouble, now_us, delay=-1, due_us=due_us)
            return
        row = (await session.parking.get(self.service.name, [delivery.name])).get(delivery.name)
        if row is not None and row.state == stands.state:
            await session.parking.move(self.service.name, [delivery.name], "waiting", stands.delay, due_us)

    async def _wait(
        self, session: Session, delivery: Delivery, trouble: Trouble, now_us: int, *, delay: int, due_us: int
    ) -> bool:
        """Let it wait for a time in the parking; False = it was settled elsewhere, or waits there for others already."""
        group, stands = self.service.name, _stands(delivery)
        entered = await self._enter(session, delivery, trouble, "waiting", now_us)
        if entered is Verdict.HELD:
            # Woken by its due time it would overtake those parked before it.
            await session.parking.add([parked_row(delivery, group, "behind", now_us, tries=trouble.tries)])
        elif entered is not None and stands is None:
            row = parked_row(delivery, group, "waiting", now_us, delay=delay, due_us=due_us, tries=trouble.tries)
            await session.parking.add([row])
        elif entered is not None:
            await session.parking.move(group, [delivery.name], "waiting", delay, due_us, tried=trouble.tries)
        return entered is Verdict.FRESH

    async def bury(self, session: Session, delivery: Delivery, trouble: Trouble, now_us: int) -> None:
        """Make it a dead letter. In a group that keeps order it holds its key until an operator decides.

        Its saga sends it again, which asks for another try, but not of a message that ended its process: each such try would
        end some more.
        """
        group, stands = self.service.name, _stands(delivery)
        fatal = isinstance(trouble.error, ProcessDied | StoodStill)
        if await self._enter(session, delivery, trouble, FATAL if fatal else "dead", now_us) is None:
            return
        if fatal:
            await self._mark_step(session, delivery, now_us)
        if self.service.order == "key" and delivery.key is not None:
            if stands is None:
                await session.parking.add([parked_row(delivery, group, "dead", now_us, tries=trouble.tries)])
            else:
                await session.parking.move(group, [delivery.name], "dead", stands.delay, 0, tried=trouble.tries)
        elif stands is not None:
            await session.parking.remove(group, [delivery.name])
        tries = sum(f.tries for f in await session.dead_letters.failures(group, delivery.name))
        await self.pipeline.admission.letters.write(session, delivery, trouble.error, tries, now_us)

    async def _mark_step(self, session: Session, delivery: Delivery, now_us: int) -> None:
        """Mark the step of an undo or a question: its saga sends them again under other ids."""
        if delivery.envelope is None:
            return
        candidate, group = self.pipeline.admission.candidate(delivery), self.service.name
        if candidate.fatal_step and not await session.inbox.seen(group, [candidate.fatal_step]):
            mark = mark_of(group, candidate, now_us, FATAL_STEP)
            await session.inbox.mark([mark._replace(message_id=candidate.fatal_step)])

    async def let_go(self, session: Session, delivery: Delivery, trouble: Trouble, reason: str, now_us: int) -> None:
        """Discard it as its policy decides; the reason is kept with its failures."""
        if await self._enter(session, delivery, trouble, "discarded", now_us) is None:
            return
        log.warning("%s discards %s of key %s: %s", self.service.name, delivery.name, delivery.key, reason)
        if _stands(delivery) is not None:
            await session.parking.remove(self.service.name, [delivery.name])

    async def _enter(
        self, session: Session, delivery: Delivery, trouble: Trouble, outcome: str, now_us: int
    ) -> Verdict | None:
        """Write its mark and its failure; None if it was settled elsewhere meanwhile, or its turn has not come."""
        group, name, verdict = self.service.name, delivery.name, Verdict.FRESH
        if delivery.parked is not None:
            row = (await session.parking.get(group, [name])).get(name)
            if row is None or row.state != delivery.parked.state:
                return None
        if delivery.envelope is not None and _stands(delivery) is None:
            verdict = await self._admit(session, delivery, now_us)
            if verdict not in (Verdict.FRESH, Verdict.HELD):
                return None
        stage = self._stage(delivery, trouble)
        await session.dead_letters.failed([failure(group, name, stage, trouble.tries, trouble.error, now_us)])
        if delivery.envelope is not None:
            await session.inbox.resolve(group, [(name, outcome, None)])
        return verdict

    async def _admit(self, session: Session, delivery: Delivery, now_us: int) -> Verdict:
        """Admit a delivery that was not admitted before: write its mark, its number, or its letter if it is a conflict."""
        group, admission = self.service.name, self.pipeline.admission
        candidate, said, undone = await admission.enter(session, delivery, now_us)
        waited = delivery.parked is not None
        if waited and not said.ahead:
            await admission.leave_gap(session, delivery)
        if said.ahead and not waited:
            await admission.keep_place(session, delivery, candidate, said, now_us)
        verdict = said.verdict
        if verdict is Verdict.CONFLICT or verdict is Verdict.PASSED:
            await admission.keep_letter(session, delivery, candidate, said, now_us)
        if verdict is Verdict.HELD and said.marked:
            await session.parking.move(group, [candidate.envelope.id], "ready", -1, 0)
            return Verdict.DUPLICATE
        if undone and not candidate.is_undo and verdict in (Verdict.UNDONE, Verdict.HELD):
            # Its step was undone while it failed: parked now, it would hold its key for a try that is refused.
            await session.inbox.resolve(group, [(candidate.envelope.id, "tombstone", None)])
            return Verdict.DUPLICATE
        return Verdict.FRESH if verdict is Verdict.UNDONE else verdict

    def _stage(self, delivery: Delivery, trouble: Trouble) -> str:
        if delivery.parked is None:
            return "in place"
        if delivery.parked.delay < 0:
            return "out of the parking"
        if delivery.parked.delay >= REPLAYED:
            return "replay"
        delays = trouble.retry.delays
        if delivery.parked.delay >= len(delays):
            return f"delay {delivery.parked.delay + 1} of an earlier version"
        return f"retry-{span(delays[delivery.parked.delay])}"


def _stands(delivery: Delivery) -> ParkedRow | None:
    """Its place in the parking; none if it only waited for its turn: then its number is admitted first."""
    return delivery.parked if delivery.parked is not None and delivery.parked.state != "gap" else None

"""Lanes: records handled alone, one after the other of a key, until each is handled or set aside.

A record comes here when its batch failed on it, when its handler calls outside, when a process died with it in hand,
or when it comes from the parking.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from partita.bell import Bell
from partita.bus.port import Record
from partita.catalog.retry import Counters, Decision, GiveUp, Retry, RetryNow
from partita.clock import all_done
from partita.dead_letters.dead_letter import envelope_or_none
from partita.errors import Fenced, PartitaError, ProcessDied, StoodStill, UnknownSchema, UnknownType
from partita.runtime.failing.retry_policy import decide, is_permanent
from partita.runtime.failing.setting_aside import Aside, LaidBy, Trouble
from partita.runtime.failing.storm import Storm
from partita.runtime.failing.worker_condition import Condition
from partita.runtime.path.calling_outside import run_outside
from partita.runtime.path.delivery import Delivery
from partita.runtime.path.pipeline import Pipeline
from partita.runtime.path.users_code import Escaped, ask
from partita.runtime.path.waves import HandlerFailed
from partita.store.groups import Said
from partita.store.parking import ParkedRow
from partita.store.tries import Tried
from partita.texts.cause import cause_of, fingerprint, text_of, told_of
from partita.texts.foreign_text import logger
from partita.texts.log_ration import Ration

log = logger(__name__)
Partition = tuple[str, int]
UNREADABLE = "(unreadable)"
NOT_KNOWN_MAX = 20


@dataclass(slots=True, eq=False)
class Item:
    """A record in a lane. `suspect`: a process died with it in hand, so tries are counted before it is decoded.

    `tries` are counted in the database, `failed` are those that were seen to fail: in the others the process died.
    """

    record: Record
    delivery: Delivery | None = None
    suspect: bool = False
    tries: int = 0
    failed: int = 0
    said: bool = False
    failure: BaseException | None = None
    parked: ParkedRow | None = None

    @property
    def is_counted_first(self) -> bool:
        """Whether it may kill the process, so that a try is counted before it begins."""
        return self.suspect or self.parked is not None

    @property
    def tries_before(self) -> int:
        """The tries before the present one, those before the parking included."""
        parked = self.parked.tries if self.parked is not None else 0
        return parked + self.tries - (1 if self.is_counted_first else 0)

    @property
    def key(self) -> object:
        """The key of its lane: records of one key share it; a record without a key has a lane of its own."""
        return (self.record.topic, self.record.key) if self.record.key is not None else self


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneOptions:
    """How many failing messages are tried at once, and how often a lost database is looked for."""

    failing_at_once: int = 16
    pause_s: float = 0.2


class Lanes:
    """The lanes of one consumer. `done` is called with each finished record; `epochs` are those of the partitions that
    this process may write for, as the consumer keeps them."""

    def __init__(
        self,
        pipeline: Pipeline,
        member: str,
        *,
        done: Callable[[Item], None],
        broken: Callable[[Sequence[Item]], None],
        bell: Bell,
        epochs: Mapping[Partition, int],
        condition: Condition | None = None,
        options: LaneOptions | None = None,
    ) -> None:
        self.name = f"consumer of {pipeline.service.name}"
        self._pipeline = pipeline
        self._group = pipeline.service.name
        self._member = member
        self._done = done
        self._broken = broken
        self._bell = bell
        self._epochs = epochs
        self._clock, self._ids = pipeline.clock, pipeline.ids
        self._options = options or LaneOptions()
        self._lanes: dict[object, deque[Item]] = {}
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._failing = asyncio.Semaphore(self._options.failing_at_once)
        self._outside: dict[object, asyncio.Semaphore] = {}
        # Suspects go one at a time: a process killed from outside must count against one message, not against all in hand.
        self._counted = asyncio.Semaphore(1)
        self._storms: dict[str, Storm] = {}
        self._not_known: set[str] = set()
        self.raging: set[str] = set()  # types in a storm
        self.parked: set[str] = set()  # ids of messages from the parking that are in a lane now
        self._aside = Aside(pipeline)
        self._ration = Ration(self._clock)
        self._condition = condition or Condition()
        self._stopping = False
        self.fenced = False

    def __len__(self) -> int:
        return len(self._lanes)

    def __contains__(self, key: object) -> bool:
        return key in self._lanes

    def items(self) -> list[Item]:
        """All items in the lanes."""
        return [item for lane in self._lanes.values() for item in lane]

    def put(self, item: Item) -> None:
        """Put an item at the end of its lane. An item from the parking goes behind the others from there: items from the bus
        will be parked behind them."""
        if item.parked is not None:
            self.parked.add(item.parked.message_id)
        lane = self._lanes.get(item.key)
        if lane is not None:
            at = len(lane)
            if item.parked is not None:
                at = next((n for n, each in enumerate(lane) if n and each.parked is None), at)
            lane.insert(at, item)
            return
        lane = self._lanes[item.key] = deque([item])
        task = asyncio.create_task(self._drain(item.key, lane), name=f"lane {item.key}")
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)

    def drop(self, place: Partition) -> None:
        """Drop the items of a partition that goes to another process; the one being handled is finished."""
        for lane in self._lanes.values():
            running, *rest = list(lane)
            kept = [item for item in rest if item.record.at != place]
            self.parked -= {item.parked.message_id for item in rest if item.parked and item not in kept}
            lane.clear()
            lane.extend([running, *kept])

    async def stop(self, grace_s: float) -> None:
        """Let the lanes finish, then cancel the rest."""
        self._stopping = True
        if self._tasks and grace_s:
            await all_done(self._clock, list(self._tasks), grace_s)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._lanes.clear()
        self.parked.clear()

    async def count(self, record: Record, *, tried: int, failed: int) -> Tried:
        """Count a try of a record, or that it failed, in a transaction of its own; returns the counts so far."""
        counted = Tried(0, 0, 0)
        tries, place = self._pipeline.store.tries, self._place_of(record)

        async def count() -> None:
            nonlocal counted
            counted = await tries.count(*place, tried=tried, failed=failed)

        await self._waited_out(count)
        return counted

    async def count_failure(self, record: Record, delivery: Delivery | None) -> Tried:
        """Count a failed try, as `count` does. If the user's policy is asked what to do, the failure is counted after its
        answer: a policy that kills the process counts as a death too."""
        return await self.count(record, tried=1, failed=0 if self._asks_policy(delivery) else 1)

    def _asks_policy(self, delivery: Delivery | None) -> bool:
        return self._retry_of(delivery).policy is not None

    def storm(self, type_name: str) -> Storm:
        """The storm over a message type."""
        found = self._storms.get(type_name)
        if found is None:
            interest = self._pipeline.interests.get(type_name)
            retry = self._pipeline.service.retry if interest is None else interest.retry

            async def report(error: str | None) -> None:
                await self._report_storm(type_name, error)

            found = self._storms[type_name] = Storm(
                self._clock, limit=retry.storm, pause_s_max=retry.storm_pause_s, report=report
            )
        return found

    async def calm(self, handled: Mapping[str, int]) -> None:
        """Record that so many messages of each type were handled."""
        if self._storms:
            handled_in_all = sum(handled.values())
            for type_name, count in handled.items():
                if type_name in self._storms:
                    await self._storms[type_name].succeeded(count)
            if (
                UNREADABLE in self._storms and handled_in_all
            ):  # none of these ever succeeds: their storm ends when enough others arrive
                await self._storms[UNREADABLE].succeeded(handled_in_all)

    async def _report_storm(self, type_name: str, error: str | None) -> None:
        if error is None:
            self.raging.discard(type_name)
            log.warning("%s: %s is handled again", self.name, type_name)
        else:
            self.raging.add(type_name)
            log.error("%s: %s fail, they go one at a time until one succeeds: %s", self.name, type_name, error)
        await self._waited_out(lambda: self._state("storm", type_name, error))

    async def _state(self, what: str, subject: str, detail: str | None) -> None:
        store = self._pipeline.store
        now_us = await store.now_us()
        async with store.transaction(durable=False) as session:
            if detail is None:
                await session.groups.unsay(self._group, self._member, what, subject)
            else:
                await session.groups.say(Said(self._group, self._member, what, subject, detail, now_us))

    async def _say_not_known(self, type_name: str, error: UnknownType) -> None:
        """Log once for each type, and for a few types only: any program may write one."""
        if type_name not in self._not_known and len(self._not_known) < NOT_KNOWN_MAX:
            self._not_known.add(type_name)
            await self._waited_out(lambda: self._state("unknown", type_name, error.what[:300]))

    async def _drain(self, key: object, lane: deque[Item]) -> None:
        try:
            while lane:
                item = lane[0]
                await self._settle(item)
                lane.popleft()
                self._end(item)
        except Fenced:
            self.fenced = True
        except Exception as error:
            # The lane ends with its task; its records do not: they go first again, before later ones of the key.
            self._trouble(error)
            again = self._ration.take(f"broke {fingerprint(error)}")
            if again is not None:
                log.error("%s: a lane broke; its messages are taken again%s", self.name, again, exc_info=error)
            await self._clock.sleep(self._options.pause_s)
            self._broken([item for item in lane if item.parked is None])
        except BaseException:
            if not self._stopping:  # after any other cancellation no one would hand these records out again
                self._broken([item for item in lane if item.parked is None])
            raise
        finally:
            self._lanes.pop(key, None)
            self.parked -= {item.parked.message_id for item in lane if item.parked}
            self._bell.ring("lane")

    def _end(self, item: Item) -> None:
        if item.parked is not None:
            self.parked.discard(item.parked.message_id)
        self._done(item)
        if self._condition.failures:
            self._condition.well(self._clock.monotonic())

    def _trouble(self, error: BaseException) -> None:
        self._condition.failed(self._clock.monotonic(), text_of(error))

    async def _settle(self, item: Item) -> None:
        """Finish one record: handled, or set aside as its retry policy decides."""
        failure, settled = item.failure, False
        while not settled:
            if failure is not None:
                self._say(item, failure)
                decision = self._decide(item, failure)
                if self._asks_policy(item.delivery) and not isinstance(failure, ProcessDied):
                    item.tries, item.failed, _ = await self.count(item.record, tried=0, failed=1)
                if isinstance(decision, RetryNow):
                    await self._clock.sleep(decision.wait_s)
                elif not await self._is_storm(item, failure):
                    await self._set_aside(item, failure, decision)
                    break
                elif item.delivery is not None and item.delivery.broken is failure:
                    # It needs no order to be tried, and a lane for each of thousands would hold up all other types.
                    await self._set_aside(item, failure, LaidBy())
                    break
            failure = await self._counted_try(item)
            settled = failure is None
        if item.tries:
            tries, place = self._pipeline.store.tries, self._place_of(item.record)
            await self._waited_out(lambda: tries.forget(*place))

    def _say(self, item: Item, failure: BaseException) -> None:
        """Log a failure with its stack at once: the delays may take half an hour. The same cause is logged once a minute."""
        if item.said or isinstance(failure, ProcessDied):
            return
        item.said = True
        again = self._ration.take(fingerprint(failure))
        if again is None:
            return
        what, ours = self._type_of(item) or "a message", isinstance(failure, PartitaError)
        stack = None if ours else failure
        words = (self.name, what, item.record.key, told_of(failure), again)
        log.warning("%s: %s of key %s failed: %s%s", *words, exc_info=stack)

    def _decide(self, item: Item, failure: BaseException) -> Decision:
        if isinstance(failure, ProcessDied):
            return GiveUp("it kills the process")
        counters = Counters(item.tries, 0 if item.parked is None else item.parked.delay + 1)
        retry, dice = self._retry_of(item.delivery), self._ids.random()
        if retry.policy is None:  # no code of the user's decides
            return decide(retry, failure, counters, None, dice)
        message = item.delivery.message if item.delivery is not None else None
        try:
            return ask(decide, retry, failure, counters, message, dice)
        except Exception as error:
            mistake = error.error if isinstance(error, Escaped) else error
            log.error(
                "%s: the retry policy of %s failed: %s", self.name, self._group, told_of(mistake), exc_info=mistake
            )
            return GiveUp(f"its retry policy failed: {cause_of(mistake)}")

    async def _counted_try(self, item: Item) -> BaseException | None:
        """Run one try. If the message may kill the process, the try is counted first; after too many deaths it is given up."""
        retry = self._retry_of(item.delivery)
        careful, lost = item.is_counted_first, 0
        async with self._counted if item.suspect else nullcontext():
            if careful:
                item.tries, item.failed, lost = await self.count(item.record, tried=1, failed=0)
            deaths = item.tries - 1 - item.failed
            if careful and deaths > retry.in_place:
                return ProcessDied(
                    f"The process died with this message in hand, {deaths} times.",
                    hint="Its bytes are kept raw; they were not decoded again.",
                )
            if lost > retry.in_place and not item.said:
                return self._stood_still(item, lost)
            broken = item.delivery is not None and item.delivery.broken is not None
            storm = None if broken else self._storms.get(self._storm_of(item))
            try:
                async with nullcontext() if storm is None else storm.turn():
                    failure = await self._try(item)
            except Fenced:
                if careful:
                    # It was paused so long that another member has the record. That is no death: this process still runs.
                    tries, place = self._pipeline.store.tries, self._place_of(item.record)
                    await self._waited_out(lambda: tries.survived(*place))
                raise
        if failure is not None:
            if not careful:
                item.tries, item.failed, _ = await self.count_failure(item.record, item.delivery)
            elif not self._asks_policy(item.delivery):
                item.tries, item.failed, _ = await self.count(item.record, tried=0, failed=1)
        return failure

    def _place_of(self, record: Record) -> tuple[str, str, int, int]:
        return self._group, record.topic, record.partition, record.offset

    def _stood_still(self, item: Item, times: int) -> StoodStill:
        """The error after each try lost its partition to another member, which would lose it too: it is treated as a
        failure."""
        item.said = True
        return StoodStill(
            f"Its handler held the event loop up so long that another process took the message, {times} times.",
            hint="A long handler must not hold the event loop up: a plain def runs in a thread.",
        )

    async def _is_storm(self, item: Item, failure: BaseException) -> bool:
        """Whether this failure is one of many alike, so that the message waits until the storm is over."""
        if isinstance(failure, UnknownType):
            await self._say_not_known(self._type_of(item), failure)
        if isinstance(failure, ProcessDied | UnknownType):
            return False
        permanent = is_permanent(self._retry_of(item.delivery), failure)
        return await self.storm(self._storm_of(item)).failed(failure, permanent=permanent)

    async def _try(self, item: Item) -> BaseException | None:
        """Run one try; failures that are not the message's are waited out."""
        pipeline = self._pipeline
        delivery = item.delivery or self._decode(item)
        if isinstance(delivery.broken, UnknownSchema) and await pipeline.learn_schema(delivery):
            delivery = self._decode(item)
        delivery.tries = item.tries_before
        if delivery.broken is not None or delivery.settled:
            return delivery.broken
        calls_out = delivery.interest is not None and delivery.interest.calls_out

        async def handle() -> None:
            async with self._turn(delivery, item):
                if calls_out:
                    handled = await run_outside(pipeline, delivery, self._held(item))
                else:
                    # One at a time, or a message would count failures of messages that it causes.
                    once = item.suspect or item.parked is not None or item.tries
                    handled = await pipeline.run([delivery], self._held(item), at_once=not once)
                await self.calm(handled)

        try:
            await self._waited_out(handle)
        except HandlerFailed as failed:
            return failed.error
        return None

    def _decode(self, item: Item) -> Delivery:
        item.delivery = self._pipeline.decoded(item.record, item.parked)
        return item.delivery

    async def _waited_out(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do work that a full disk or a lost database may delay; such a delay counts against no message."""
        done = False
        while not done:
            try:
                await work()
                done = True
            except PartitaError as error:
                if isinstance(error, Fenced) or not error.retryable:
                    raise
                self._trouble(error)
                again = self._ration.take(f"waits {fingerprint(error)}")
                if again is not None:
                    log.warning("%s waits: %s%s", self.name, error, again)
                await self._clock.sleep(self._options.pause_s)

    async def _set_aside(self, item: Item, error: BaseException, decision: Decision | LaidBy) -> None:
        record, delivery = item.record, item.delivery
        if delivery is None:
            envelope = envelope_or_none(record)
            delivery = Delivery(envelope, record.topic, record.key, record.value, record, parked=item.parked)
            delivery.interest = self._pipeline.interests.get(envelope.type) if envelope else None
        if not isinstance(decision, GiveUp):  # a dead letter has a line of its own, once it is committed
            self._log_decision(item, delivery, error, decision)
        trouble = Trouble(error, item.tries, self._retry_of(delivery))
        await self._waited_out(lambda: self._aside.put(delivery, trouble, decision, self._held(item)))

    def _log_decision(self, item: Item, delivery: Delivery, error: BaseException, decision: Decision | LaidBy) -> None:
        again = self._ration.take(f"{type(decision).__name__} {fingerprint(error)}")
        write = log.debug if again is None or isinstance(decision, LaidBy) else log.error
        what = delivery.envelope.type if delivery.envelope else "(unreadable)"
        words = (self.name, decision, item.record.key, item.tries, what, told_of(error), again or "")
        write("%s: %s of key %s after %d tries: %s: %s%s", *words)

    def _type_of(self, item: Item) -> str:
        delivery = item.delivery
        return delivery.envelope.type if delivery is not None and delivery.envelope is not None else ""

    def _storm_of(self, item: Item) -> str:
        """The name of its storm: a type that is handled here; all others share one, since any program may write a type."""
        type_name = self._type_of(item)
        return type_name if type_name in self._pipeline.interests else UNREADABLE

    def _retry_of(self, delivery: Delivery | None) -> Retry:
        """The retry policy for a delivery; unknown types and unreadable messages have no handler's policy."""
        interest = None if delivery is None else delivery.interest
        return self._pipeline.service.retry if interest is None else interest.retry

    def _held(self, item: Item) -> list[tuple[str, int, int]]:
        topic, partition = item.record.topic, item.record.partition
        return [(topic, partition, self._epochs.get((topic, partition), 0))]

    def _turn(self, delivery: Delivery, item: Item) -> asyncio.Semaphore:
        """The limit of parallel runs: the number that the handler declares, and few of those that fail."""
        if item.failed or item.suspect or delivery.interest is None:
            return self._failing
        for binding in delivery.interest.bindings:
            if binding.concurrency > 1:
                return self._outside.setdefault(binding.function, asyncio.Semaphore(binding.concurrency))
        return self._failing

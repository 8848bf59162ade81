"""The consumer: one service's part in its group; polls what waits, hands batches to the pipeline, isolates failures.

Walk 8: what is waiting forms the batch, never a wait. A message that fails leaves the batch and is tried alone in
a lane of its key; later messages of that key queue behind it, other keys go on.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

from partita.bus.port import Record, Subscription
from partita.dead_letters.dead_letter import envelope_or_none
from partita.dead_letters.retry_policy import RetryAfter, decide
from partita.errors import Fenced, PartitaError, UnknownSchema
from partita.runtime.delivery import Delivery, decode
from partita.runtime.pipeline import Pipeline
from partita.runtime.waves import HandlerFailed
from partita.store.port import InHand

log = logging.getLogger(__name__)
Place = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerOptions:
    """How much a consumer takes at once, how many lanes it keeps, how often it looks without being woken."""

    batch: int = 500
    lanes_max: int = 1_000
    failing_lanes: int = 16
    culprits_max: int = 3
    idle_poll_s: float = 0.5
    pause_s: float = 0.2


class ProcessDied(PartitaError):
    """The process died, again and again, while this message was in its hands."""

    code = "PTA-0603"


@dataclass(slots=True, eq=False)
class Item:
    """A record in a lane. `suspect`: a process died with it in hand, so tries are counted before it is decoded."""

    record: Record
    delivery: Delivery | None = None
    suspect: bool = False
    tries: int = 0
    failure: Exception | None = None


@dataclass(slots=True, eq=False)
class Lane:
    """Records handled alone, one after the other: those of one key, or one without a key."""

    items: deque[Item] = field(default_factory=deque)


class Consumer:
    """Consumes for one service. `subscribe` makes a subscription; a fenced consumer starts over with a new one."""

    def __init__(
        self,
        pipeline: Pipeline,
        subscribe: Callable[[], Subscription],
        member: str,
        options: ConsumerOptions | None = None,
    ) -> None:
        self.name = f"consumer of {pipeline.service.name}"
        self._pipeline = pipeline
        self._group = pipeline.service.name
        self._attempts = pipeline.store.attempts
        self._subscribe = subscribe
        self._member = member
        self._options = options or ConsumerOptions()
        self._subscription = subscribe()
        self._epochs: dict[Place, int] = {}
        self._suspects: dict[Place, InHand] = {}
        self._leaving: set[Place] = set()
        self._lanes: dict[object, Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._carried: list[Delivery] = []
        self._untaken: list[Record] = []
        self._fenced = False
        self._failing = asyncio.Semaphore(self._options.failing_lanes)
        self._outside: dict[object, asyncio.Semaphore] = {}
        # Suspects go one at a time: a process killed from outside must blame one message, not all it held.
        self._counted = asyncio.Semaphore(1)
        self.bell: Callable[[], None] = lambda: None

    @property
    def busy(self) -> bool:
        """Whether anything is in work here."""
        return bool(self._lanes or self._carried or self._untaken)

    async def keep(self) -> None:
        """Heartbeat of the group membership; also while a handler runs long."""
        await self._subscription.keep()

    async def step(self, now: float) -> float:
        """Handle what is waiting; returns when to look again."""
        if self._fenced:
            await self._start_over()
        self._subscription.on_wake = self.bell
        carried, self._carried = self._carried, []
        if carried:
            await self._batch(carried)
        room = self._options.batch if len(self._lanes) < self._options.lanes_max and not self._untaken else 0
        polled = await self._subscription.poll(room)
        if polled.assigned or polled.revoked or self._leaving:
            await self._assign(polled.assigned, polled.revoked)
        # The bus hands a record out once: kept here until it is written down, it outlives a disk that is full now.
        self._untaken += polled.records
        if not self._untaken:
            return now + self._options.idle_poll_s
        await self._take(self._untaken)
        records, self._untaken = self._untaken, []
        batch, later = self._sort(records)
        try:
            if batch:
                await self._batch(batch)
        finally:
            for item in later:
                self._enqueue(item)
        return now

    async def stop(self) -> None:
        """Let the lanes finish, write the position, leave the group."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5.0)
        for task in self._tasks:
            task.cancel()
        await self._subscription.close()

    async def _assign(self, assigned: Sequence[Place], revoked: Sequence[Place]) -> None:
        """Claim what came, in the service's own database: from here on a former holder can write nothing more."""
        for place in revoked:
            self._leaving.add(place)
            self._carried = [d for d in self._carried if d.record is None or d.record.at != place]
            self._untaken = [r for r in self._untaken if r.at != place]
            for lane in self._lanes.values():
                running, *rest = lane.items
                lane.items = deque([running, *(i for i in rest if i.record.at != place)])
        for place in assigned:
            epoch, in_hand = await self._attempts.claim(self._group, *place, self._member)
            self._epochs[place] = epoch
            self._leaving.discard(place)
            if in_hand is not None:
                self._suspects[place] = in_hand
        working = {item.record.at for lane in self._lanes.values() for item in lane.items}
        gone = [place for place in self._leaving if place not in working]
        if gone:
            for place in gone:
                self._leaving.discard(place)
                self._epochs.pop(place, None)
                self._suspects.pop(place, None)
            await self._subscription.release(gone)

    async def _take(self, records: Sequence[Record]) -> None:
        """Write down what is in hand before anything of it is decoded: if it kills the process, the next one knows."""
        ranges: dict[Place, tuple[int, int]] = {}
        for record in [*records, *(i.record for lane in self._lanes.values() for i in lane.items)]:
            low, high = ranges.get(record.at, (record.offset, record.offset))
            ranges[record.at] = (min(low, record.offset), max(high, record.offset))
        in_hand = [InHand(topic, part, low, high) for (topic, part), (low, high) in ranges.items()]
        await self._attempts.take(self._group, in_hand, [self._epochs.get((i.topic, i.partition), 0) for i in in_hand])

    def _sort(self, records: Sequence[Record]) -> tuple[list[Delivery], list[Item]]:
        """What goes in the batch, and what goes in a lane after it; of one key nothing passes anything."""
        batch: list[Delivery] = []
        later: list[Item] = []
        apart: set[tuple[str, str]] = set()
        for record in records:
            lane = (record.topic, record.key) if record.key is not None else None
            if lane is not None and (lane in self._lanes or lane in apart):
                later.append(Item(record, suspect=self._is_suspect(record)))
                continue
            if self._is_suspect(record):
                item = Item(record, suspect=True)
            else:
                delivery = self._decode(record)
                if delivery.settled:
                    self._subscription.done([record])
                    continue
                calls_out = delivery.interest is not None and delivery.interest.calls_out
                if delivery.broken is None and not calls_out:
                    batch.append(delivery)
                    continue
                item = Item(record, delivery)
            later.append(item)
            if lane is not None:
                apart.add(lane)
        return batch, later

    def _decode(self, record: Record) -> Delivery:
        pipeline = self._pipeline
        return decode(record, pipeline.interests, pipeline.codec, pipeline.store.source)

    def _is_suspect(self, record: Record) -> bool:
        in_hand = self._suspects.get(record.at)
        return in_hand is not None and in_hand.first <= record.offset <= in_hand.last

    async def _batch(self, deliveries: list[Delivery]) -> None:
        """Handle a batch; who fails goes to a lane with the later ones of its key, the others run again."""
        culprits = 0
        while deliveries:
            places = dict.fromkeys(d.record.at for d in deliveries if d.record is not None)
            held = [(*place, self._epochs.get(place, 0)) for place in places]
            try:
                await self._pipeline.run(deliveries, held)
            except HandlerFailed as failed:
                culprits += 1
                deliveries = await self._isolate(deliveries, failed, alone=culprits > self._options.culprits_max)
            except Fenced:
                self._fenced = True
                raise
            except Exception:
                # Whatever it is, they were handed out: dropped here, they would wait for the next start.
                self._carried = deliveries
                raise
            else:
                self._subscription.done([d.record for d in deliveries if d.record is not None])
                return

    async def _isolate(self, deliveries: list[Delivery], failed: HandlerFailed, *, alone: bool) -> list[Delivery]:
        """Move the culprit and what must not pass it to a lane; with `alone` everything: a storm is no batch."""
        culprit = failed.unit.delivery
        lane = culprit.lane
        assert culprit.record is not None
        culprit.tries = await self._count(culprit.record)
        position = next(i for i, d in enumerate(deliveries) if d is culprit)
        rest: list[Delivery] = []
        for index, delivery in enumerate(deliveries):
            assert delivery.record is not None
            behind = index > position and lane is not None and delivery.lane == lane
            if delivery is culprit:
                self._enqueue(Item(delivery.record, delivery, tries=culprit.tries, failure=failed.error))
            elif behind or alone:
                self._enqueue(Item(delivery.record, delivery))
            else:
                rest.append(delivery)
        return rest

    async def _count(self, record: Record) -> int:
        tries = 0

        async def count() -> None:
            nonlocal tries
            tries = await self._attempts.count(self._group, record.topic, record.partition, record.offset)

        await self._waited_out(count)
        return tries

    def _enqueue(self, item: Item) -> None:
        record = item.record
        key: object = (record.topic, record.key) if record.key is not None else item
        lane = self._lanes.get(key)
        if lane is not None:
            lane.items.append(item)
            return
        lane = self._lanes[key] = Lane(deque([item]))
        task = asyncio.create_task(self._drain(key, lane), name=f"lane {key}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drain(self, key: object, lane: Lane) -> None:
        try:
            while lane.items:
                item = lane.items[0]
                await self._settle(item)
                self._subscription.done([item.record])
                lane.items.popleft()
        except Fenced:
            self._fenced = True
        except Exception:
            # The lane ends with its task; its records do not: they go first again, before later ones of the key.
            log.exception("%s: a lane broke; what is in it is taken again", self.name)
            await self._pipeline.clock.sleep(self._options.pause_s)
            mine = self._epochs.keys() - self._leaving
            self._untaken[:0] = [item.record for item in lane.items if item.record.at in mine]
        finally:
            self._lanes.pop(key, None)
            self.bell()

    async def _settle(self, item: Item) -> None:
        """Bring one record to its end: handled, or buried with its cause and its number of tries."""
        retry = self._pipeline.service.retry
        failure, settled = item.failure, False
        while not settled:
            if failure is not None:
                decision = decide(retry, failure, item.tries, self._pipeline.ids.random())
                if not isinstance(decision, RetryAfter):
                    break
                await self._pipeline.clock.sleep(decision.wait_s)
            async with self._counted if item.suspect else nullcontext():
                if item.suspect or item.tries:
                    item.tries = await self._count(item.record)
                if item.suspect and item.tries > retry.in_place + 1:
                    failure = ProcessDied(
                        f"The process died with this message in hand, {item.tries - 1} times.",
                        hint="Its bytes are kept raw; they were not decoded again.",
                    )
                    break
                failure = await self._try(item)
            settled = failure is None
            if failure is not None and not item.tries:
                item.tries = await self._count(item.record)
        if failure is not None:
            await self._bury(item, failure)
        if item.tries:
            place = (self._group, *item.record.at, item.record.offset)
            await self._waited_out(lambda: self._attempts.forget(*place))

    async def _try(self, item: Item) -> Exception | None:
        """One try; what no message is to blame for is waited out."""
        pipeline = self._pipeline
        delivery = item.delivery or self._decode(item.record)
        item.delivery = delivery
        delivery.tries = max(item.tries - 1, 0)
        if isinstance(delivery.broken, UnknownSchema) and await pipeline.learn_schema(delivery):
            delivery = item.delivery = self._decode(item.record)
        if delivery.broken is not None or delivery.settled:
            return delivery.broken
        calls_out = delivery.interest is not None and delivery.interest.calls_out

        async def handle() -> None:
            async with self._turn(delivery, item):
                if calls_out:
                    await pipeline.run_late(delivery, self._held(item))
                else:
                    # One at a time, or a message would be blamed for what it causes.
                    await pipeline.run([delivery], self._held(item), at_once=not (item.suspect or item.tries))

        try:
            await self._waited_out(handle)
        except HandlerFailed as failed:
            return failed.error
        return None

    async def _waited_out(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do something that a full disk or a lost database may delay, but that no message is to blame for."""
        done = False
        while not done:
            try:
                await work()
                done = True
            except PartitaError as error:
                if isinstance(error, Fenced) or not error.retryable:
                    raise
                log.warning("%s waits: %s", self.name, error)
                await self._pipeline.clock.sleep(self._options.pause_s)

    async def _bury(self, item: Item, error: Exception) -> None:
        record = item.record
        delivery = item.delivery
        if delivery is None:
            envelope = envelope_or_none(record)
            delivery = Delivery(envelope, record.topic, record.key, record.value, record)
            delivery.interest = self._pipeline.interests.get(envelope.type) if envelope else None
        log.error(
            "%s: dead letter %s of key %s after %d tries: %s: %s",
            self.name,
            delivery.envelope.type if delivery.envelope else "(unreadable)",
            record.key,
            item.tries,
            type(error).__name__,
            error,
        )
        await self._waited_out(lambda: self._pipeline.bury(delivery, error, item.tries, self._held(item)))

    def _held(self, item: Item) -> list[tuple[str, int, int]]:
        place = item.record.at
        return [(*place, self._epochs.get(place, 0))]

    def _turn(self, delivery: Delivery, item: Item) -> asyncio.Semaphore:
        """How many run at once: as many as the handler declares, and only some of those that fail."""
        if item.tries or item.suspect or delivery.interest is None:
            return self._failing
        for binding in delivery.interest.bindings:
            if binding.concurrency > 1:
                return self._outside.setdefault(binding.function, asyncio.Semaphore(binding.concurrency))
        return self._failing

    async def _start_over(self) -> None:
        """Another process has our partitions: drop everything and join the group anew."""
        log.warning("%s was taken over while it stood still; it joins again", self.name)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._subscription.close()
        self._carried, self._untaken, self._lanes = [], [], {}
        self._epochs, self._suspects, self._leaving = {}, {}, set()
        self._subscription = self._subscribe()
        self._fenced = False


class Keeper:
    """Keeps a consumer's membership alive beside it: a handler that runs long must not cost the partitions."""

    def __init__(self, consumer: Consumer, every_s: float = 0.5) -> None:
        self.name = f"keeper of {consumer.name}"
        self._consumer = consumer
        self._every_s = every_s

    async def step(self, now: float) -> float:
        """One heartbeat."""
        await self._consumer.keep()
        return now + self._every_s

    async def stop(self) -> None:
        """Nothing to give back: the consumer leaves the group."""

"""The consumer of one service: polls waiting records, hands batches to the pipeline, isolates failures.

Walk 8: what is waiting forms the batch, never a wait. A message that fails leaves the batch and is tried alone in
a lane of its key; later messages of that key queue behind it, other keys go on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from partita.bell import Bell
from partita.bus.port import Polled, Record, Subscription
from partita.clock import duration_us
from partita.errors import Fenced, StoreContended
from partita.idempotency.inbox import whole_topic
from partita.runtime.background.group_position import compare
from partita.runtime.background.parking_room import Room
from partita.runtime.failing.lanes import Item, Lanes, Partition
from partita.runtime.failing.queued_behind import handle_queued
from partita.runtime.failing.worker_condition import CALM_S, Condition
from partita.runtime.path.delivery import Delivery, record_of
from partita.runtime.path.pipeline import Pipeline
from partita.runtime.path.waves import CommitRefused, HandlerFailed
from partita.store.claims import InHand
from partita.store.parking import ParkedRow
from partita.texts.foreign_text import logger

log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerOptions:
    """The size of a batch, the number of lanes, and how often the consumer looks without a wake-up."""

    batch: int = 500
    lanes_max: int = 1_000
    parked_at_once: int = 100
    culprits_max: int = 3
    small_batch: int = 50
    idle_poll_s: float = 0.5
    parking_read_s: float = 0.25
    overdue_s: float = 30.0


class Consumer:
    """Consumes for one service. `subscribe` makes a subscription that rings the bell given to it; a fenced consumer joins
    again with a new one."""

    def __init__(
        self,
        pipeline: Pipeline,
        subscribe: Callable[[Bell], Subscription],
        member: str,
        options: ConsumerOptions | None = None,
    ) -> None:
        self.name = f"consumer of {pipeline.service.name}"
        self._pipeline = pipeline
        self._group = pipeline.service.name
        self._store = pipeline.store
        self._clock = pipeline.clock
        self._subscribe = subscribe
        self._member = member
        self._options = options or ConsumerOptions()
        self.bell = Bell()
        self._subscription = subscribe(self.bell)
        self.joined = False
        """Whether its group is known to the bus; before, the bus counts no record as unhandled by it."""
        self._epochs: dict[Partition, int] = {}
        self._suspects: dict[Partition, InHand] = {}
        self._claimed: dict[Partition, tuple[int, InHand | None]] = {}  # also partitions given back since
        self._compared: set[Partition] = set()
        self._leaving: set[Partition] = set()
        self._carried: list[Delivery] = []
        self._untaken: list[Record] = []
        # In order of arrival. True = another process is at work there, so nothing more of it is polled.
        self._unclaimed: dict[Partition, bool] = {}
        self._next_parking_read = 0.0
        self._paused = False
        self._room = Room(pipeline, member)
        self._behind_us: int | None = None  # its lag at the last read
        self._unread_since: float | None = None  # the time since which it has not read
        self.of_lanes = Condition(calm_s=CALM_S)
        self.lanes = self._new_lanes()

    @property
    def busy(self) -> bool:
        """Whether any message is in work here."""
        return bool(len(self.lanes) or self._carried or self._untaken)

    @property
    def behind_us(self) -> int | None:
        """The age of the oldest message on the bus that it may not have handled; None = it has not read since its start and
        holds no partition. While it does not read (paused, full, or at work), the age grows."""
        clock = self._clock
        if self._unread_since is None:
            return self._behind_us
        if self._behind_us is None:
            return clock.now_us()  # a record of any age may be there
        return self._behind_us + duration_us(max(clock.monotonic() - self._unread_since, 0.0))

    async def keep(self) -> None:
        """Send the heartbeat of the group membership, also during a long handler."""
        await self._subscription.keep()
        self.joined = True

    async def step(self, now: float) -> float:
        """Handle waiting messages; returns when to look again."""
        if self.lanes.fenced:
            await self._start_over()
        if self.bell.take("ready") or now >= self._next_parking_read:
            await self._read_parking(now)
        await self._room.look()
        carried, self._carried = self._carried, []
        await self._batch(self._free(carried))
        untaken = any(record.at not in self._unclaimed for record in self._untaken)
        full = self._paused or self._room.full or untaken or len(self.lanes) >= self._options.lanes_max
        # The bus reports each of these once: kept here until they are stored, they survive a database that is away now, or a
        # full disk.
        polled = await self._subscription.poll(0 if full else self._options.batch)
        self._hear(polled)
        self._measure(polled.records, full)
        if self._unclaimed or self._leaving:
            await self._settle_in()
        records, not_yet = self._untaken, list[Record]()
        if self._unclaimed:
            records = [record for record in self._untaken if record.at not in self._unclaimed]
            not_yet = [record for record in self._untaken if record.at in self._unclaimed]
        if not records:
            return min(now + self._options.idle_poll_s, self._next_parking_read)
        await self._take(records)
        batch, later = self._sort(records)
        self._untaken = not_yet  # only now: an error of `_sort` must not lose them
        try:
            await self._batch(batch)
        except BaseException:
            # The batch was not kept, or not in full: put into lanes now, these would overtake earlier messages of their key.
            self._untaken[:0] = [item.record for item in later]
            raise
        for item in later:
            self.lanes.put(item)
        return now

    async def stop(self) -> None:
        """Finish the lanes, write the position, leave the group."""
        await self.lanes.stop(5.0)
        await self._room.stop()
        await self._subscription.close()

    def _new_lanes(self) -> Lanes:
        return Lanes(
            self._pipeline,
            self._member,
            done=self._ended,
            broken=self._taken_again,
            bell=self.bell,
            epochs=self._epochs,
            condition=self.of_lanes,
        )

    def _ended(self, item: Item) -> None:
        if item.parked is None:
            self._subscription.done([item.record])
        else:
            self.bell.ring("ready")  # the next message of its key is ready now

    def _taken_again(self, items: Sequence[Item]) -> None:
        mine = self._epochs.keys() - self._leaving
        self._untaken[:0] = [item.record for item in items if item.record.at in mine]

    async def _read_parking(self, now: float) -> None:
        """Take ready messages out of the parking, and check whether the group is paused."""
        self._next_parking_read = now + self._options.parking_read_s
        places = list(self._epochs.keys() - self._leaving)
        rows: Sequence[ParkedRow] = ()
        async with self._store.reading(consistent=False) as session:
            self._paused = await session.groups.paused(self._group) is not None
            if places and not self._paused and len(self.lanes.parked) < self._options.parked_at_once:
                rows = await session.parking.ready(self._group, places, self._options.parked_at_once)
        rows = [row for row in rows if row.message_id not in self.lanes.parked]
        # Messages of such a key in a lane are parked behind these meanwhile, or come after them.
        untried = [row for row in rows if row.state == "ready" and not row.tries]
        alone = [row for row in rows if row not in untried]
        for at in dict.fromkeys((row.topic, row.partition) for row in untried):
            heads = [row for row in untried if (row.topic, row.partition) == at]
            if await handle_queued(self._pipeline, self.lanes, heads, at, self._epochs.get(at, 0), self._options.batch):
                self.bell.ring("ready")
            else:
                alone += heads
        for row in alone:
            self.lanes.put(Item(record_of(row), parked=row))

    def _hear(self, polled: Polled) -> None:
        """Keep the bus's reports; nothing here can fail. Revoked partitions come first: if one came back at once, its
        records are new."""
        for place in polled.revoked:
            self._leaving.add(place)
            self._unclaimed.pop(place, None)
            self._carried = [d for d in self._carried if d.record is None or d.record.at != place]
            self._untaken = [r for r in self._untaken if r.at != place]
            self.lanes.drop(place)
        self._unclaimed.update(dict.fromkeys(polled.assigned, False))
        self._untaken += polled.records

    def _measure(self, records: Sequence[Record], full: bool) -> None:
        """Measure the lag: the age of the oldest record received now; without any, the time since the last read."""
        clock = self._clock
        if records:
            self._behind_us = max(clock.now_us() - min(record.appended_us for record in records), 0)
            self._unread_since = clock.monotonic()
        elif not full:
            self._behind_us = 0 if self._epochs else self._behind_us
            self._unread_since = None
        elif self._unread_since is None and self._epochs:
            self._unread_since = clock.monotonic()

    async def _settle_in(self) -> None:
        """Claim new partitions in the service's own database: from here on a former holder can write nothing more."""
        for place in list(self._unclaimed):
            try:
                await self._claim(place)
            except StoreContended:
                # Its former holder is in a transaction: a long handler, whose message is done when it ends.
                if not self._unclaimed[place]:
                    log.info("%s: another process is at work in %s[%d]; waiting for it", self.name, *place)
                    self._unclaimed[place] = True
                    self._subscription.pause([place])
        working = {item.record.at for item in self.lanes.items()}
        gone = [place for place in sorted(self._leaving) if place not in working]
        if gone:
            for place in gone:
                self._leaving.discard(place)
                self._epochs.pop(place, None)
                self._suspects.pop(place, None)
            await self._subscription.release(gone)

    async def _claim(self, place: Partition) -> None:
        async with self._store.transaction(durable=False) as session:
            epoch, in_hand = await session.claims.claim(self._group, *place, self._member)
        before, suspects = self._claimed.get(place, (-1, None))
        if epoch != before + 1:
            suspects = in_hand
            self._compared.discard(place)
        if place not in self._compared:
            await self._compare(place)
        # Else no other process held it since: the records in hand were this process's own, and killed no process.
        self._claimed[place] = (epoch, suspects)
        await self._find_reset(place[0])
        self._epochs[place] = epoch
        self._leaving.discard(place)
        if suspects is not None:
            self._suspects[place] = suspects
        self._next_parking_read = 0.0
        if self._unclaimed.pop(place):
            self._subscription.resume([place])

    async def _compare(self, place: Partition) -> None:
        """Whether the database has handled the records that are done on the bus: one of them may be restored from a backup."""
        again = await compare(self._store, self._subscription, self._group, place)
        if again:
            self._untaken = [record for record in self._untaken if record.at != place]
        if again is not None:
            self._compared.add(place)

    async def _find_reset(self, topic: str) -> None:
        """Check for a reset. A reset takes the partitions from their holders, so it is seen at the next claim."""
        place = whole_topic(topic)
        async with self._store.reading(consistent=False) as session:
            if await session.sequences.bases_in(self._group, [place]):
                self._pipeline.recounted.add(topic)

    async def _take(self, records: Sequence[Record]) -> None:
        """Record which records are in hand before any is decoded: if one kills the process, the next process knows."""
        ranges: dict[Partition, tuple[int, int]] = {}
        in_lanes = [item.record for item in self.lanes.items() if item.parked is None]
        for topic, partition, offset, *_ in [*records, *in_lanes]:
            low, high = ranges.get((topic, partition), (offset, offset))
            ranges[topic, partition] = (min(low, offset), max(high, offset))
        in_hand = [InHand(topic, part, low, high) for (topic, part), (low, high) in ranges.items()]
        await self._store.take(self._group, in_hand, [self._epochs.get((i.topic, i.partition), 0) for i in in_hand])

    def _sort(self, records: Sequence[Record]) -> tuple[list[Delivery], list[Item]]:
        """Sort records into the batch and, after it, into lanes; within a key no record overtakes another."""
        pipeline = self._pipeline
        batch: list[Delivery] = []
        later: list[Item] = []
        apart: set[tuple[str, str]] = set()
        for record in records:
            lane = (record.topic, record.key) if record.key is not None else None
            suspect = bool(self._suspects) and self._is_suspect(record)
            if lane is not None and (lane in self.lanes or lane in apart):
                later.append(Item(record, suspect=suspect))
                continue
            if suspect:
                item = Item(record, suspect=True)
            else:
                delivery = pipeline.decoded(record)
                if delivery.settled:
                    self._subscription.done([record])
                    continue
                calls_out = delivery.interest is not None and delivery.interest.calls_out
                if delivery.broken is None and not calls_out and not self._in_a_storm(delivery):
                    batch.append(delivery)
                    continue
                item = Item(record, delivery)
            later.append(item)
            if lane is not None:
                apart.add(lane)
        return batch, later

    def _in_a_storm(self, delivery: Delivery) -> bool:
        """Whether its type is tried one at a time now: a batch of messages that succeed would end the storm for all."""
        return bool(self.lanes.raging) and delivery.envelope is not None and delivery.envelope.type in self.lanes.raging

    def _is_suspect(self, record: Record) -> bool:
        in_hand = self._suspects.get(record.at)
        return in_hand is not None and in_hand.first <= record.offset <= in_hand.last

    async def _batch(self, deliveries: list[Delivery]) -> None:
        """Handle a batch; a message that fails goes to a lane with the later ones of its key, the others run again."""
        culprits = 0
        while deliveries:
            places = {(d.record.topic, d.record.partition): None for d in deliveries if d.record is not None}
            held = [(*place, self._epochs.get(place, 0)) for place in places]
            try:
                handled = await self._pipeline.run(deliveries, held)
            except HandlerFailed as failed:
                culprits += 1
                many = culprits > self._options.culprits_max
                small = len(deliveries) <= self._options.small_batch
                alone = many and small or isinstance(failed, CommitRefused)
                try:
                    deliveries = await self._isolate(deliveries, failed, alone=alone)
                except BaseException:
                    self._carried = deliveries  # as below
                    raise
                if many and not small:
                    # Each failure makes all others run again: a few must not slow down many.
                    return await self._in_parts(deliveries)
            except Fenced:
                self.lanes.fenced = True
                raise
            except BaseException:
                # They were handed out: dropped here, they would wait for the next start.
                self._carried = deliveries
                raise
            else:
                self._subscription.done([d.record for d in deliveries if d.record is not None])
                await self.lanes.calm(handled)
                return

    async def _in_parts(self, deliveries: Sequence[Delivery]) -> None:
        rest = list(deliveries)
        while rest:
            part, rest = rest[: self._options.small_batch], rest[self._options.small_batch :]
            try:
                await self._batch(self._free(part))
            except BaseException:
                self._carried += rest
                raise

    def _free(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """The messages of keys without a lane; the others go behind those in their lane."""
        for delivery in deliveries:
            if delivery.lane in self.lanes and delivery.record is not None:
                self.lanes.put(Item(delivery.record, delivery))
        return [delivery for delivery in deliveries if delivery.lane not in self.lanes]

    async def _isolate(self, deliveries: list[Delivery], failed: HandlerFailed, *, alone: bool) -> list[Delivery]:
        """Move the message that failed and all of its key to a lane; with `alone` everything: a storm is no batch."""
        culprit = failed.handling.delivery
        lane = culprit.lane
        assert culprit.record is not None
        culprit.tries, seen, _ = await self.lanes.count_failure(culprit.record, culprit)
        rest: list[Delivery] = []
        for delivery in deliveries:
            assert delivery.record is not None
            if delivery is culprit:
                item = Item(delivery.record, delivery, tries=culprit.tries, failed=seen, failure=failed.error)
                self.lanes.put(item)
            elif alone or (lane is not None and delivery.lane == lane):
                # Also those before it: left in the batch, they would race with it.
                self.lanes.put(Item(delivery.record, delivery))
            else:
                rest.append(delivery)
        return rest

    async def _start_over(self) -> None:
        """Drop everything and join the group again: another process has this one's partitions."""
        log.warning("%s was taken over while it was paused; it joins again", self.name)
        await self.lanes.stop(0.0)
        await self._subscription.close()
        self._carried, self._untaken = [], []
        self._epochs, self._suspects, self._leaving, self._unclaimed = {}, {}, set(), {}
        self._subscription = self._subscribe(self.bell)
        self.lanes = self._new_lanes()


class Member(Protocol):
    """A worker that needs heartbeats: a consumer, the retry topics, or a relay."""

    @property
    def name(self) -> str:
        """For people."""
        ...

    async def keep(self) -> None:
        """Send one heartbeat."""
        ...


class Keeper:
    """Sends heartbeats for a member beside its work: a long handler must not cost the partitions, nor a slow bus the
    slots of a relay."""

    def __init__(self, member: Member, every_s: float = 0.5) -> None:
        self.name = f"keeper of {member.name}"
        self._member = member
        self._every_s = every_s

    async def step(self, now: float) -> float:
        """Send one heartbeat."""
        await self._member.keep()
        return now + self._every_s

    async def stop(self) -> None:
        """Do nothing: the member releases its own."""

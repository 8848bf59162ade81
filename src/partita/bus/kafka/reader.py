"""The thread that owns a consumer: it polls, hands partitions over, commits, and keeps its records until they are taken.

One thread does everything with the client, since rebalances are reported inside its polls. Requests of the event loop
(pause, resume, commit) wait in a list for the next turn, at most a tenth of a second.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from partita.bell import Bell
from partita.bus.kafka.errors import LastError, error_of, log, making_a_client, unavailable
from partita.bus.kafka.wire import record_of
from partita.bus.port import Record
from partita.bus.watermark import Watermark
from partita.clock import Clock, all_done
from partita.errors import BusError, PartitaError

Where = tuple[str, int]
READ_AT_ONCE = 500
POLL_S = 0.1
HELD_MAX = 4_000
FULL_S = 1.0
ASK_S = 10.0
BOUNDS_S = 3.0
CLUSTER_S = 1.0
RESTART_S = 1.0


@dataclass(slots=True)
class Part:
    """One held partition: the records that were read and not taken yet, and the watermark of the taken ones."""

    mark: Watermark
    held: deque[Record] = field(default_factory=deque)
    committed: int = -1
    begun: int = 0  # the group's offset when the partition came
    leaving: bool = False
    released: bool = False
    paused: bool = False  # by the subscriber
    stopped: bool = False  # at the client, by this thread
    lost: BusError | None = None
    bounds: tuple[int, int] | None = None  # the oldest offset when it came, and that of the next record
    seek: int | None = None  # read again from here; records still delivered from before the seek are void


class Reader:
    """A member of a consumer group. `bell` is rung on the event loop when there may be something to take.

    `hand_over_s` is how long a revoked partition waits for the work on it; `stale_s` is how long the event loop may be
    silent, with nothing in hand, before this member leaves the group; it joins again when the loop runs again.
    """

    def __init__(
        self,
        settings: dict[str, Any],
        topics: Sequence[str],
        clock: Clock,
        bell: Bell,
        *,
        where: str,
        hand_over_s: float = 5.0,
        stale_s: float = 60.0,
    ) -> None:
        self._settings = settings
        self._topics = list(topics)
        self._clock = clock
        self._bell = bell
        self._where = where
        self._hand_over_s = hand_over_s
        self._stale_s = stale_s
        self._loop = asyncio.get_running_loop()
        self._last_error = LastError(clock)
        self._closing = threading.Event()
        self._rung = False
        self._stumbled: KafkaException | None = None
        self._over: BusError | None = None
        self._commits: list[asyncio.Future[None]] = []
        self.cluster = ""
        self.changed = threading.Condition(threading.RLock())
        self.parts: dict[Where, Part] = {}
        self.assigned: list[Where] = []
        self.revoked: list[Where] = []
        self.error: PartitaError | None = None
        self.seen = clock.monotonic()
        self._consumer = self._join()
        self._thread = threading.Thread(target=self._run, name=f"kafka {settings['group.id']}", daemon=True)
        self._thread.start()

    def heard(self) -> None:
        """Record that the event loop runs."""
        self.seen = self._clock.monotonic()

    def taken(self) -> None:
        """Record that the event loop has taken the records: the next news rings again."""
        self.heard()
        self._rung = False

    async def commit(self) -> None:
        """Have the positions written; returns when they are, or after a moment if no broker answers."""
        done = self._loop.create_future()
        with self.changed:
            self._commits.append(done)
        await all_done(self._clock, [done], ASK_S / 5)

    async def close(self) -> None:
        """Write the positions and leave the group."""
        self._closing.set()
        with self.changed:
            self.changed.notify_all()
        await asyncio.to_thread(self._thread.join, ASK_S)

    def check(self) -> None:
        """Raise if the thread ended by itself, for any reason: it reads nothing more.

        Raises:
            BusError: it ended; or another process has this one's name and so its membership.
        """
        if self._over is not None:
            raise self._over
        if not self._thread.is_alive() and not self._closing.is_set():
            raise BusError(
                f"{self._where}: the reader of {self._settings['group.id']} ended by a defect; the log says which.",
                hint="Start this process again.",
            )

    def _run(self) -> None:
        while not self._closing.is_set() and self._over is None:
            try:
                self._turn()
            except KafkaException as error:
                self._start_over(error)
        self._commit(always=True)
        self._consumer.close()
        self._answer_commits()

    def _join(self) -> Consumer:
        with making_a_client(self._where):
            consumer = Consumer({**self._settings, "error_cb": self._last_error, "logger": log})
        consumer.subscribe(self._topics, on_assign=self._assign, on_revoke=self._revoke, on_lost=self._lost)
        return consumer

    def _turn(self) -> None:
        if self._is_stale():
            self._stand_aside()
        self._commit()
        self._seek()
        self._hold_back()
        if not self.cluster:
            self._learn_cluster()
        first = self._consumer.poll(POLL_S)
        stumbled, self._stumbled = self._stumbled, None
        if stumbled is not None:
            raise stumbled
        if first is not None:
            self._keep([first, *self._consumer.consume(READ_AT_ONCE - 1, 0)])

    def _is_stale(self) -> bool:
        silent = self._clock.monotonic() - self.seen > self._stale_s and not self._closing.is_set()
        return silent and not self._works()

    def _works(self) -> bool:
        """Whether records were handed out and not done: then a long handler may hold up the event loop."""
        with self.changed:
            return any(part.mark.open for part in self.parts.values())

    def _stand_aside(self) -> None:
        """Leave the group: an event loop that hangs with nothing in hand must not hold partitions. The client sends
        heartbeats on its own, and notices missing polls only after minutes. With a record in hand the member stays: the next
        one would run the same handler as long, lose its partitions as well, and the effect would never happen."""
        log.warning("%s was not heard of for %g s and leaves the group", self._settings["group.id"], self._stale_s)
        self._consumer.close()
        self._drop(list(self.parts), told=True)
        while self._is_stale():
            self._closing.wait(POLL_S)
        self._consumer = self._join()

    def _keep(self, messages: Sequence[Message]) -> None:
        with self.changed:
            for message in messages:
                error = message.error()
                if error is not None:
                    self._told(error, (message.topic() or "", message.partition() or 0))
                    continue
                record = record_of(message)
                part = self.parts.get(record.at)
                if part is not None and not part.leaving and part.seek is None:
                    part.held.append(record)
        self._ring()

    def _told(self, error: KafkaError, where: Where) -> None:
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            # The client reports it once, and reads such a partition no more.
            if where in self.parts:
                self.parts[where].lost = BusError(
                    f"{self._where}: {self._settings['group.id']} is at a position whose records were deleted ({error.str()}).",
                    hint="They are lost to this group; reset it when that is accepted: partita consumers reset",
                )
        elif error.fatal() or error.code() == KafkaError._FATAL:
            # Joining again would take the membership from its present owner, which would take it back, and so on for ever.
            self._over = BusError(
                f"{self._where}: {self._settings['group.id']} reads no more in this process ({error.str()}).",
                hint="A name (PARTITA_INSTANCE) is of one process at a time: the newest one has it. Start this one with another.",
            )
        elif error.code() == KafkaError._MAX_POLL_EXCEEDED:
            log.warning("%s was paused and lost its partitions; it joins again", self._settings["group.id"])
        else:
            self.error = unavailable(self._where, f"reading for {self._settings['group.id']}", error)

    def rewind(self, where: Where, offset: int) -> None:
        """Read a partition again from this offset on; the group's position moves back with it."""
        with self.changed:
            part = self.parts.get(where)
            if part is not None:
                part.held.clear()
                part.mark, part.committed, part.seek = Watermark(offset), offset - 1, offset

    def _seek(self) -> None:
        with self.changed:
            wanted = {where: part.seek for where, part in self.parts.items() if part.seek is not None}
        for (topic, number), offset in wanted.items():
            try:
                self._consumer.seek(TopicPartition(topic, number, offset))
            except KafkaException as error:
                # Not fetched yet: the next turn tries again.
                log.info("%s[%d] is not rewound yet: %s", topic, number, error_of(error).str())
                continue
            with self.changed:
                part = self.parts.get((topic, number))
                if part is not None and part.seek == offset:
                    part.seek = None

    def _learn_cluster(self) -> None:
        """Ask for the cluster's id before a poll. Inside a poll, in a callback, this query makes confluent-kafka forget
        that it polls: at the next callback of that poll (a broker is gone) it aborts the process."""
        try:
            self.cluster = self._consumer.list_topics(self._topics[0], timeout=CLUSTER_S).cluster_id or ""
        except KafkaException as error:
            log.info("the cluster is not known yet: %s", error_of(error).str())

    def _bounds(self, consumer: Consumer, place: TopicPartition) -> tuple[int, int] | None:
        """The bounds of a partition; None if unknown now: other partitions of the group need not wait for it."""
        try:
            return consumer.get_watermark_offsets(place, timeout=BOUNDS_S, cached=False)
        except KafkaException as error:
            log.info("%s[%d] cannot be looked at: %s", place.topic, place.partition, error_of(error).str())
            return None

    def _hold_back(self) -> None:
        """Full partitions are not read further; polls and the other partitions go on, so that the membership is kept."""
        with self.changed:
            if self._full():
                # Mostly a moment: a pause throws away the records that the client has fetched ahead.
                self.changed.wait_for(lambda: not self._full() or self._closing.is_set(), FULL_S)
            stop = [w for w, p in self.parts.items() if not p.stopped and len(p.held) >= HELD_MAX]
            go = [w for w, p in self.parts.items() if p.stopped and len(p.held) < HELD_MAX // 2]
            for where in (*stop, *go):
                self.parts[where].stopped = where in stop
        if stop:
            self._consumer.pause([TopicPartition(*where) for where in stop])
        if go:
            self._consumer.resume([TopicPartition(*where) for where in go])

    def _full(self) -> bool:
        return any(not p.stopped and not p.paused and len(p.held) >= HELD_MAX for p in self.parts.values())

    def _commit(self, *, always: bool = False) -> None:
        with self.changed:
            if not (self._commits or always):
                return
            moved = self._moved(list(self.parts))
        self._write(moved)
        self._answer_commits()

    def _answer_commits(self) -> None:
        with self.changed:
            asked, self._commits = self._commits, []
        if asked and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_resolve, asked)

    def _assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Begin with new partitions. An error is kept for the turn: raised here it would come out of the client's poll
        as an object that no `except` catches, and end the thread, while the group believes that it reads."""
        try:
            self._begin(consumer, partitions)
        except KafkaException as error:
            self._stumbled = error

    def _begin(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Begin at the group's position; a group new to a partition begins at its oldest record, and commits that, so that
        its lag is visible. A leaving member asks for no position: the answer may take as long as the group needs to settle."""
        if self._closing.is_set():
            return
        known = consumer.committed(partitions, timeout=ASK_S) if partitions else []
        begin: list[TopicPartition] = []
        new: list[TopicPartition] = []
        bounds: dict[Where, tuple[int, int] | None] = {}
        for place in known:
            if place.error is not None:
                raise KafkaException(place.error)
            if place.offset < 0:
                low = consumer.get_watermark_offsets(place, timeout=ASK_S, cached=False)[0]
                place = TopicPartition(place.topic, place.partition, low)
                new.append(place)
            begin.append(TopicPartition(place.topic, place.partition, place.offset))
            bounds[place.topic, place.partition] = self._bounds(consumer, place)
        consumer.incremental_assign(begin)
        if new:
            consumer.commit(offsets=new, asynchronous=True)
        with self.changed:
            for place in begin:
                where = (place.topic, place.partition)
                self.parts[where] = Part(
                    Watermark(place.offset), committed=place.offset, begun=place.offset, bounds=bounds[where]
                )
                self.assigned.append(where)
        self._ring()

    def _revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Give the work on them time to end, write its position, and release them."""
        places = [(p.topic, p.partition) for p in partitions]
        with self.changed:
            self._untell(places)
            for where in places:
                if where in self.parts:
                    self.parts[where].leaving = True
                    self.parts[where].held.clear()
                    self.revoked.append(where)
            self._ring()
            self.changed.wait_for(lambda: self._closing.is_set() or self._all_released(places), self._hand_over_s)
            moved = self._moved(places)
        self._write(moved)
        self._drop(places)
        _let_go(consumer, partitions)

    def _lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Drop partitions that other members already have; nothing is written any more."""
        places = [(p.topic, p.partition) for p in partitions]
        log.warning("%s lost %d partitions", self._settings["group.id"], len(places))
        self._drop(places, told=True)
        _let_go(consumer, partitions)

    def _all_released(self, places: Sequence[Where]) -> bool:
        return all(self.parts[where].released for where in places if where in self.parts)

    def _drop(self, places: Sequence[Where], *, told: bool = False) -> None:
        with self.changed:
            gone = [where for where in places if self.parts.pop(where, None) is not None]
            self._untell(gone)
            if told:
                self.revoked += gone
        if told:
            self._ring()

    def _untell(self, places: Sequence[Where]) -> None:
        """Drop the news that these came: claiming one that has gone meanwhile would fence the member that has it."""
        self.assigned = [where for where in self.assigned if where not in places]

    def _moved(self, places: Sequence[Where]) -> list[tuple[Where, int]]:
        """The positions that moved since they were written: forward only."""
        parts = [(where, self.parts[where]) for where in places if where in self.parts]
        return [(where, part.mark.position) for where, part in parts if part.mark.position > part.committed]

    def _write(self, moved: Sequence[tuple[Where, int]]) -> None:
        if not moved:
            return
        offsets = [TopicPartition(topic, number, position) for (topic, number), position in moved]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            # Unwritten records are handed out again, to this member or to the new holder: their marks are known.
            log.info("%s could not write its positions: %s", self._settings["group.id"], error_of(error).str())
            return
        with self.changed:
            for where, position in moved:
                if where in self.parts:
                    self.parts[where].committed = position

    def _start_over(self, error: KafkaException) -> None:
        self.error = unavailable(self._where, f"reading for {self._settings['group.id']}", error_of(error))
        self._drop(list(self.parts), told=True)
        self._consumer.close()
        self._closing.wait(RESTART_S)
        self._consumer = self._join()

    def _ring(self) -> None:
        if not self._rung and not self._loop.is_closed():
            self._rung = True
            self._loop.call_soon_threadsafe(self._bell.ring, "records")


def _let_go(consumer: Consumer, partitions: list[TopicPartition]) -> None:
    # The client remembers a pause beyond the assignment: a partition that comes back would never be read.
    consumer.resume(partitions)
    consumer.incremental_unassign(partitions)


def _resolve(asked: Sequence[asyncio.Future[None]]) -> None:
    for done in asked:
        if not done.done():
            done.set_result(None)

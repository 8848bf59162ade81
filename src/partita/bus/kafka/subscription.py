"""A member of a consumer group on Kafka, by the port: it takes the reader's records without waiting."""

from __future__ import annotations

from collections.abc import Sequence

from partita.bus.kafka.reader import Part, Reader, Where
from partita.bus.port import Polled, Record, Stand

IN_FLIGHT_MAX = 10_000


class KafkaSubscription:
    """See `partita.bus.port.Subscription`."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._turn = 0

    async def poll(self, count: int) -> Polled:
        """At most `count` records that were read.

        Raises:
            BusError: records of a held partition were deleted unread; raised as long as it is held, so that silence is not
                taken for health. Assigned and revoked partitions are reported nevertheless.
        """
        reader = self._reader
        reader.check()
        with reader.changed:
            reader.taken()
            error, reader.error = reader.error, None
            if error is not None:
                raise error
            assigned, reader.assigned = reader.assigned, []
            revoked, reader.revoked = reader.revoked, []
            lost = next((part.lost for part in reader.parts.values() if part.lost is not None), None)
            if lost is not None:
                if assigned or revoked:
                    return Polled([], assigned, revoked)
                raise lost
            records = self._take(list(reader.parts.values()), count) if count > 0 else []
            if records:
                reader.changed.notify_all()
        return Polled(records, assigned, revoked)

    def _take(self, parts: Sequence[Part], count: int) -> list[Record]:
        """Take from each in turn, so that none starves."""
        ready = [p for p in parts if p.held and not (p.leaving or p.paused) and len(p.mark.open) < IN_FLIGHT_MAX]
        self._turn += 1
        shift = self._turn % len(ready) if ready else 0
        records: list[Record] = []
        for number, part in enumerate(ready[shift:] + ready[:shift]):
            share = max(1, (count - len(records)) // (len(ready) - number))
            for _ in range(min(share, len(part.held), count - len(records))):
                record = part.held.popleft()
                part.mark.hand_out(record.offset)
                records.append(record)
        return records

    def done(self, records: Sequence[Record]) -> None:
        """Mark these as handled."""
        with self._reader.changed:
            for record in records:
                part = self._reader.parts.get(record.at)
                if part is not None:
                    part.mark.done(record.offset)

    def pause(self, partitions: Sequence[Where]) -> None:
        """Deliver nothing more of these; the client reads on until it holds enough."""
        self._flag(partitions, paused=True)

    def resume(self, partitions: Sequence[Where]) -> None:
        """Deliver from these again."""
        self._flag(partitions, paused=False)

    def _flag(self, partitions: Sequence[Where], *, paused: bool) -> None:
        with self._reader.changed:
            for where in partitions:
                if where in self._reader.parts:
                    self._reader.parts[where].paused = paused

    async def stand(self, partition: Where) -> Stand | None:
        """The group's position when it was given this partition; the log is the cluster, since a topic that was made again has
        fewer records than were handled."""
        with self._reader.changed:
            part = self._reader.parts.get(partition)
            if part is None or part.bounds is None or not self._reader.cluster:
                return None
            return Stand(self._reader.cluster, part.begun, *part.bounds, part.bounds[0] > 0)

    async def rewind(self, partition: Where, offset: int) -> None:
        """Hand out again from this offset on."""
        self._reader.rewind(partition, offset)

    async def release(self, partitions: Sequence[Where]) -> None:
        """The caller no longer works on these."""
        with self._reader.changed:
            for where in partitions:
                part = self._reader.parts.get(where)
                # A partition that came back meanwhile is held again, and not released by this call.
                if part is not None and part.leaving:
                    part.released = True
            self._reader.changed.notify_all()

    async def keep(self) -> None:
        """Report that this process is alive, and have the positions written."""
        self._reader.heard()
        await self._reader.commit()

    async def close(self) -> None:
        """Write the positions and leave the group."""
        await self._reader.close()

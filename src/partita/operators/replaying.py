"""Replaying dead letters: released in growing batches to the group that failed, watched, stopped when they fail again.

The group's own consumers handle them, in the order of their keys. An operation's progress is stored with each batch, so
that it continues after a crash; when two operators replay the same letters, each letter is released once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

from partita.catalog.service import Service
from partita.clock import Clock, Ids
from partita.errors import Conflict, NotFound
from partita.operators.audit import in_words, record
from partita.runtime.path.parked_rows import row_of_letter
from partita.store.dead_letters import DeadLetter, LetterFilter
from partita.store.operations import OperationRow
from partita.store.parking import REPLAYED
from partita.store.port import Session, Store

LOOK_S = 0.05
PAGE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The pace of a replay: batch sizes (the last one repeats), letters per second at most, the part of failures (0 to 1)
    at which it stops, and the time to wait for one batch in seconds."""

    ramp: tuple[int, ...] = (1, 5, 20, 100)
    rate: float = 200.0
    stop_at_errors: float = 0.1
    patience_s: float = 30.0


class Plan(NamedTuple):
    """The result of a filter: the number of letters, and a digest that changes with them."""

    letters: int
    digest: str


@dataclass(slots=True)
class Progress:
    """The progress of a replay."""

    planned: int
    handled: int = 0
    failed: int = 0
    waiting: int = 0
    stopped: str = ""


class Replay:
    """Replays dead letters of one group."""

    def __init__(self, service: Service, store: Store, clock: Clock, ids: Ids, by: str) -> None:
        self._service = service
        self._store = store
        self._clock = clock
        self._ids = ids
        self._by = by

    async def plan(self, where: LetterFilter) -> Plan:
        """The letters that the filter selects now."""
        digest = hashlib.sha256()
        after, count, more = "", 0, True
        while more:
            async with self._store.reading() as session:
                page = await session.dead_letters.find(self._service.name, PAGE, where, after)
            for letter in page:
                digest.update(f"{letter.id} {letter.status} {letter.attempts}\n".encode())
                after, count = letter.id, count + 1
            more = len(page) == PAGE
        return Plan(count, digest.hexdigest()[:12])

    async def begin(self, where: LetterFilter, pace: Pace, reason: str) -> OperationRow:
        """Store a replay; no letter is released yet."""
        plan = await self.plan(where)
        now_us = await self._store.now_us()
        row = OperationRow(
            f"op_{self._ids.new()[-12:]}",
            "dlq replay",
            json.dumps(where._asdict()),
            json.dumps(asdict(pace)),
            reason,
            self._by,
            "running",
            plan.letters,
            0,
            0,
            "",
            now_us,
            now_us,
        )
        async with self._store.transaction() as session:
            await session.operations.begin(row)
            await record(
                session,
                now_us,
                self._by,
                row.verb,
                in_words(where),
                detail=f"{row.id} plans {row.planned}",
                reason=reason,
            )
        return row

    async def run(self, operation_id: str, told: Callable[[Progress], None] = lambda progress: None) -> Progress:
        """Carry out an operation from its stored progress, to its end or to its stop rule.

        Raises:
            NotFound: there is no such operation. Conflict: it is done already.
        """
        async with self._store.reading() as session:
            row = await session.operations.get(operation_id)
        if row is None:
            raise NotFound(f"There is no operation {operation_id} in {self._service.name}.", hint="partita op list")
        if row.status == "done":
            raise Conflict(f"Operation {operation_id} is done already: {row.done} of {row.planned}.")
        options = json.loads(row.options)
        pace = Pace(**{**options, "ramp": tuple(options["ramp"])})
        target = json.loads(row.target)
        where = LetterFilter(**{**target, "ids": tuple(target["ids"]), "before_us": row.created_us + 1})
        progress = Progress(row.planned, row.done, row.failed)
        cursor = row.cursor
        sizes = iter(pace.ramp)
        size = next(sizes)
        more = True
        while more and not progress.stopped:
            begun = self._clock.monotonic()
            released, cursor, more = await self._release(operation_id, where, cursor, size, progress)
            await self._watch([letter.id for letter in released], pace, progress, told)
            tried = progress.handled + progress.failed
            if progress.failed and progress.failed / tried > pace.stop_at_errors:
                progress.stopped = f"{progress.failed} of {tried} failed again"
            elif progress.waiting and pace.patience_s:
                late = f"{progress.waiting} were not handled within {pace.patience_s:.0f} s"
                progress.stopped = f"{late}; does {self._service.name} run?"
            await self._clock.sleep(max(0.0, len(released) / pace.rate - (self._clock.monotonic() - begun)))
            size = next(sizes, size)
        await self._finish(operation_id, cursor, progress)
        return progress

    async def _release(
        self, operation_id: str, where: LetterFilter, cursor: str, size: int, progress: Progress
    ) -> tuple[Sequence[DeadLetter], str, bool]:
        """Release the next letters and store the progress, in one transaction."""
        now_us = await self._store.now_us()
        async with self._store.transaction() as session:
            page = await session.dead_letters.find(self._service.name, size, where, cursor)
            released = await session.dead_letters.release([letter.id for letter in page])
            for letter in released:
                await release(session, self._service, letter, now_us)
            cursor = page[-1].id if page else cursor
            await session.operations.progress(operation_id, progress.handled, progress.failed, cursor, now_us)
        return released, cursor, len(page) == size

    async def _watch(
        self, ids: Sequence[str], pace: Pace, progress: Progress, told: Callable[[Progress], None]
    ) -> None:
        """Wait until the batch is handled or failed again."""
        handled, failed = progress.handled, progress.failed
        until = self._clock.monotonic() + pace.patience_s
        waiting = len(ids)
        while waiting:
            async with self._store.reading() as session:
                found = await session.dead_letters.find(
                    self._service.name, len(ids), LetterFilter(status="", ids=tuple(ids))
                )
            by_status = [letter.status for letter in found]
            waiting = by_status.count("replaying")
            progress.failed = failed + by_status.count("open")
            progress.handled = handled + len(ids) - waiting - by_status.count("open")
            progress.waiting = waiting
            told(progress)
            if waiting and self._clock.monotonic() > until:
                return
            if waiting:
                await self._clock.sleep(LOOK_S)

    async def _finish(self, operation_id: str, cursor: str, progress: Progress) -> None:
        now_us = await self._store.now_us()
        async with self._store.transaction() as session:
            await session.operations.progress(operation_id, progress.handled, progress.failed, cursor, now_us)
            await session.operations.finish(operation_id, "stopped" if progress.stopped else "done", now_us)
            said = f"{progress.handled} handled, {progress.failed} failed again. {progress.stopped}".strip()
            await record(session, now_us, self._by, "dlq replay ended", operation_id, detail=said)


async def release(session: Session, service: Service, letter: DeadLetter, now_us: int) -> None:
    """Make a letter's message ready: at its place in its key, or at the end of the key if it has no place."""
    # Behind all retry topics: it is handled or fails again, without a wait of half an hour.
    if await session.parking.get(service.name, [letter.message_id]):
        await session.parking.move(service.name, [letter.message_id], "ready", REPLAYED, 0)
    else:
        await session.parking.add([row_of_letter(letter, "ready", REPLAYED, now_us)])

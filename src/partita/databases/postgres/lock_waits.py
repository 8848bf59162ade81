"""Patience with locks: a schema change blocks others for a moment at most, names the sessions it waits for, and has a limit.

A statement that waits for a table's lock makes all later statements wait, so a migration behind a long transaction
would stop the live service. It first looks which sessions hold locks, and asks for a lock only for a moment at a time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeVar

from partita.clock import Clock
from partita.databases.postgres.asking import Link
from partita.errors import StoreContended, StoreUnavailable
from partita.migrations.migration import WAIT_S
from partita.texts.foreign_text import logger

T = TypeVar("T")
log = logger(__name__)
OLD_S = 1.0
LOOK_S = 0.25
ASK_AGAIN_S = 5.0
SAY_EVERY_S = 15.0
MOMENT, BRIEFLY = "500ms", "100ms"
# An automatic vacuum gives way, but only to a request that has waited for deadlock_timeout.
FOR_A_VACUUM = "2500ms"
NAMED_MAX = 3
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"
TOLD = """
SELECT a.pid, coalesce(a.application_name, ''), coalesce(a.state, ''), coalesce(a.backend_type, ''),
       extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.state_change))::float8,
       to_char(coalesce(a.xact_start, a.state_change) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')
FROM pg_stat_activity AS a
"""
HOLDERS = f"""
{TOLD} WHERE a.pid <> pg_backend_pid() AND EXISTS (
    SELECT FROM pg_locks AS l WHERE l.pid = a.pid AND l.granted
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (l.locktype = 'relation' AND l.relation IN (
                SELECT c.oid FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = $1)
            OR l.locktype = 'advisory' AND l.objsubid = 1
                AND (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended($2, 0)))
ORDER BY 5 DESC NULLS LAST
"""
WRITERS = f"{TOLD} WHERE a.pid <> pg_backend_pid() AND a.backend_xid IS NOT NULL ORDER BY 5 DESC NULLS LAST"
"""The sessions with an open transaction that has written: a replication slot is made after all of them have ended."""


class Holder(NamedTuple):
    """A session that holds a lock; `age_s` of its transaction is None where this user may not see it."""

    pid: int
    application: str
    state: str
    kind: str
    age_s: float | None
    since: str | None

    def __str__(self) -> str:
        since = f", {self.state or 'working'} since {self.since} UTC" if self.since else ""
        return f"process {self.pid} ({self.application or self.kind or 'without a name'}{since})"


FindHolders = Callable[[], Awaitable[Sequence[Holder]]]


async def holders(link: Link, schema: str) -> Sequence[Holder]:
    """The sessions that hold a table of a schema, or the lock under which it is changed."""
    return [Holder(*row) for row in await link.rows(HOLDERS, schema, f"partita/{schema}")]


class Waiting(NamedTuple):
    """The waiting work, its place, and its time limit; `find_holders` returns the sessions that may be in the way."""

    what: str
    where: str
    find_holders: FindHolders
    whole_s: float = WAIT_S


async def patiently(clock: Clock, waiting: Waiting, attempt: Callable[[str], Awaitable[T]]) -> T:
    """The result of `attempt`, which gets the lock_timeout to set and is called until it finds the way free.

    Raises:
        StoreUnavailable: it was not free within the time; names the sessions in the way.
    """
    began = clock.monotonic()
    say_at = began + OLD_S
    tried = False
    while not tried or clock.monotonic() < began + waiting.whole_s:
        tried = True  # also without any time: the way may be free
        before = await waiting.find_holders()
        old = [each for each in before if each.age_s is None or each.age_s > OLD_S]
        vacuums = bool(old) and all(each.kind == "autovacuum worker" for each in old)
        try:
            return await attempt(FOR_A_VACUUM if vacuums else BRIEFLY if old else MOMENT)
        except StoreContended:
            ask_at = clock.monotonic() + ASK_AGAIN_S
        while clock.monotonic() < min(ask_at, began + waiting.whole_s):
            now = await waiting.find_holders()
            if clock.monotonic() >= say_at and now:
                log.warning("%s: %s waits for %s", waiting.where, waiting.what, _named(now))
                say_at = clock.monotonic() + SAY_EVERY_S
            if not {each.pid for each in old} <= {each.pid for each in now} or not old:
                break
            await clock.sleep(LOOK_S)
        await clock.sleep(LOOK_S)
    left = await waiting.find_holders()
    raise StoreUnavailable(
        f"{waiting.where}: {waiting.what} waited {waiting.whole_s:g} s for {_named(left)}; nothing was changed.",
        hint="Run it again when that has ended, or end it: SELECT pg_terminate_backend(PID).",
    )


def _named(found: Sequence[Holder]) -> str:
    if not found:
        return "a lock of a session that cannot be seen (a prepared transaction? see pg_prepared_xacts)"
    return ", ".join(map(str, found[:NAMED_MAX])) + (
        f" and {len(found) - NAMED_MAX} more" if len(found) > NAMED_MAX else ""
    )

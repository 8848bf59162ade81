"""Leases in a SQLite file: which member of a scope works on which resource, fenced by epochs."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from partita.clock import Clock
from partita.databases.leases import Heartbeats, Holding, holding_of, share_of
from partita.machine.port import Alive

LEASE_TABLES = """
CREATE TABLE lease_member (
    scope TEXT NOT NULL, member TEXT NOT NULL, token TEXT NOT NULL, beat INTEGER NOT NULL,
    PRIMARY KEY (scope, member)
) WITHOUT ROWID;
CREATE TABLE lease (
    scope TEXT NOT NULL, resource TEXT NOT NULL, owner TEXT, epoch INTEGER NOT NULL,
    PRIMARY KEY (scope, resource)
) WITHOUT ROWID;
"""

BEAT = """
INSERT INTO lease_member (scope, member, token, beat) VALUES (?, ?, ?, 1)
ON CONFLICT (scope, member) DO UPDATE SET beat = beat + 1, token = excluded.token
"""
BEAT_AGAIN = "UPDATE lease_member SET beat = beat + 1 WHERE scope = ? AND member = ? AND token = ?"
MEMBERS = "SELECT member, token, beat FROM lease_member WHERE scope = ? ORDER BY member"
EJECT = "DELETE FROM lease_member WHERE scope = ? AND member = ?"
FREE = "UPDATE lease SET owner = NULL WHERE scope = ? AND owner = ?"
RELEASE = "UPDATE lease SET owner = NULL WHERE scope = ? AND resource = ? AND owner = ?"
CREATE = "INSERT INTO lease (scope, resource, owner, epoch) VALUES (?, ?, NULL, 0) ON CONFLICT DO NOTHING"
HELD = "SELECT resource, owner, epoch FROM lease WHERE scope = ?"
CLAIM = (
    "UPDATE lease SET owner = ?, epoch = epoch + 1 WHERE scope = ? AND resource = ? AND owner IS NULL RETURNING epoch"
)


class LeaseBook:
    """One process's view of the leases in a file; every method runs inside a write transaction of the caller."""

    def __init__(self, alive: Alive, clock: Clock, *, stale_s: float = 3.0) -> None:
        self._alive = alive
        self._heartbeats = Heartbeats(clock, stale_s)

    def tick(self, db: sqlite3.Connection, scope: str, resources: Sequence[str], member: str) -> Holding:
        """Send a heartbeat, eject dead members, claim free resources up to this member's share."""
        db.execute(BEAT, (scope, member, self._alive.token))
        share = share_of(member, self._living(db, scope, member), resources)
        rows = {row[0]: (row[1], row[2]) for row in db.execute(HELD, (scope,))}
        held = {r: epoch for r, (owner, epoch) in rows.items() if owner == member}
        for resource in sorted(share - held.keys()):
            if resource not in rows:
                db.execute(CREATE, (scope, resource))
            elif rows[resource][0] is not None:
                continue
            claimed = db.execute(CLAIM, (member, scope, resource)).fetchone()
            if claimed is not None:
                held[resource] = claimed[0]
        return holding_of(held, share)

    def beat(self, db: sqlite3.Connection, scope: str, member: str) -> None:
        """Send the heartbeat of a member, if it still is one."""
        db.execute(BEAT_AGAIN, (scope, member, self._alive.token))

    def release(self, db: sqlite3.Connection, scope: str, resources: Sequence[str], member: str) -> None:
        """Release these resources."""
        db.executemany(RELEASE, [(scope, resource, member) for resource in resources])

    def leave(self, db: sqlite3.Connection, scope: str, member: str) -> None:
        """Release everything and leave the scope."""
        db.execute(FREE, (scope, member))
        db.execute(EJECT, (scope, member))

    def beats(self, db: sqlite3.Connection, scope: str) -> frozenset[tuple[str, str, int]]:
        """The members of a scope with their last heartbeats. Eject dead members; where the kernel does not know, eject those
        whose heartbeat has not moved for several looks."""
        self._living(db, scope, "")
        return frozenset(db.execute(MEMBERS, (scope,)))

    def _living(self, db: sqlite3.Connection, scope: str, me: str) -> list[str]:
        living = []
        for member, token, beat in db.execute(MEMBERS, (scope,)).fetchall():
            if member == me or not self._is_gone(scope, member, token, beat):
                living.append(member)
            else:
                db.execute(FREE, (scope, member))
                db.execute(EJECT, (scope, member))
        return living

    def _is_gone(self, scope: str, member: str, token: str, beat: int) -> bool:
        if token != self._alive.token and self._alive.is_dead(token):
            return True
        return not self._alive.is_living(token) and self._heartbeats.stands_still(scope, member, beat)

"""Trimming the log: deletes records past their topic's retention that every group has passed."""

from __future__ import annotations

from partita.databases.postgres.database import Database

# One process at a time, from the oldest on. Deletable records are the front of a partition: the scan ends at the first
# record that must stay, and begins behind the floor, so it meets no dead rows again. A slow group is an alarm, not a loss.
# Places are locked in the order in which appends lock them. $1: how far ahead of the server's clock to look.
TRIM = """
WITH mine AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(hashtextextended('partita_log/trim', 0)) AS mine),
passed AS MATERIALIZED (
    SELECT p.place, p.floor,
           coalesce((SELECT min(g.position) FROM partita_log.progress AS g WHERE g.place = p.place), p.head) AS upto,
           (extract(epoch FROM clock_timestamp()) * 1000000)::bigint - t.retention_us + $1::bigint AS before_us
    FROM mine, partita_log.place AS p JOIN partita_log.topic AS t ON t.topic = p.topic
    WHERE mine.mine AND t.retention_us IS NOT NULL AND p.head > p.floor
),
oldest AS MATERIALIZED (
    SELECT r.place, r.position FROM passed AS b CROSS JOIN LATERAL (
        SELECT place, position, appended_us FROM partita_log.record
        WHERE place = b.place AND position > b.floor AND position <= b.upto ORDER BY position LIMIT $2) AS r
    WHERE r.appended_us < b.before_us LIMIT $2
),
gone AS (
    DELETE FROM partita_log.record AS r USING oldest AS o WHERE r.place = o.place AND r.position = o.position
    RETURNING r.place, r.position
),
floors AS MATERIALIZED (SELECT place, max(position) AS floor, count(*) AS count FROM gone GROUP BY place),
locked AS MATERIALIZED (
    SELECT p.place FROM partita_log.place AS p WHERE p.place IN (SELECT place FROM floors)
    ORDER BY p.place FOR NO KEY UPDATE
),
raised AS (
    UPDATE partita_log.place AS p SET floor = greatest(p.floor, f.floor)
    FROM floors AS f JOIN locked AS l ON l.place = f.place WHERE p.place = f.place RETURNING f.count
)
SELECT coalesce(sum(count), 0)::bigint, set_config('synchronous_commit', 'off', true) FROM raised
"""


async def trim(database: Database, ahead_us: int, limit: int) -> int:
    """Delete at most `limit` records; returns how many. Only the server's clock decides their age."""
    async with database.asking() as link:
        count: int = (await link.rows(TRIM, ahead_us, limit))[0][0]
        return count

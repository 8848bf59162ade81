"""The outbox of a service's schema inside a user's transaction on PostgreSQL: one statement per call.

It locks the key's number as the ledger of sequences does, so handlers and foreign transactions of one key run one
after the other, and commit in the order of their numbers. Every name is qualified: search path and settings are the
caller's.
"""

from __future__ import annotations

from collections.abc import Sequence

from partita.databases.postgres.arrays import columns, kept, unnest
from partita.databases.postgres.naming import outbox_channel, quoted, schema_of
from partita.databases.postgres.place import MAY_ASK_PLACE, PLACE
from partita.errors import NotFound, StoreMismatch
from partita.store.postgres.identity import IS_SOURCE, META, parts_of, source_of
from partita.store.postgres.outbox_columns import COLUMNS, KINDS, NOW_US
from partita.store.postgres.schema import MIGRATIONS
from partita.store.users_transaction import Script, Statement, UnnumberedRow

MAY_READ = "SELECT current_database(), to_regclass($1::text) IS NOT NULL AND to_regclass($2::text) IS NOT NULL"
APPLIED = "SELECT coalesce(max(number), 0) FROM {schema}.partita_migration"
# The row's seq is drawn from the result of `numbered`, so after the lock: rows of a key get it in commit order.
# The written rows are counted, not the queued ones: where another reader has the outbox, no row is queued.
QUEUE = """, queued AS (INSERT INTO {schema}.outbox_queue (slot, seq) SELECT slot, seq FROM added)
SELECT count(*) FROM added CROSS JOIN pg_notify(${channel}::text, '')"""
# A statement of its own for one message, the most frequent call: it costs a third of the one for many (bench/outbox.py).
ADD_ONE = f"""
WITH numbered AS (
    INSERT INTO {{schema}}.key_numbers AS k (key, version, sent, counted)
    SELECT $3::text, 1, jsonb_build_object($2::text, 1), '{{{{}}}}'
    WHERE {IS_SOURCE.format(meta="{schema}.partita_meta", id=11, incarnation=12)}
    ON CONFLICT (key) DO UPDATE SET version = k.version + 1,
        sent = k.sent || jsonb_build_object($2::text, coalesce((k.sent ->> $2::text)::bigint, 0) + 1)
    RETURNING (sent ->> $2::text)::bigint AS last
), added AS (
    INSERT INTO {{schema}}.outbox ({COLUMNS})
    SELECT $1::text, $2::text, $3::text, $4::text, $5::bytea,
           overlay($6::bytea PLACING int8send(last) FROM $10::int FOR 8), $7::text, $8::text, $9::bigint, {NOW_US}
    FROM numbered RETURNING slot, seq
){QUEUE.format(schema="{schema}", channel=13)}
"""
GIVEN = {name: kind for name, kind in KINDS.items() if name != "at_us"} | {"hole": "int"}
ADD_MANY = f"""
WITH given AS MATERIALIZED (
    SELECT * FROM {unnest(**GIVEN)} WHERE {IS_SOURCE.format(meta="{schema}.partita_meta", id=11, incarnation=12)}
), numbered AS (
    INSERT INTO {{schema}}.key_numbers AS k (key, version, sent, counted)
    SELECT aggregateid, 1, jsonb_object_agg(aggregatetype, n), '{{{{}}}}'
    FROM (SELECT aggregateid, aggregatetype, count(*) AS n FROM given WHERE aggregateid IS NOT NULL
          GROUP BY aggregateid, aggregatetype) AS counts GROUP BY aggregateid ORDER BY aggregateid
    ON CONFLICT (key) DO UPDATE SET version = k.version + 1, sent = k.sent || (
        SELECT jsonb_object_agg(topic, coalesce((k.sent ->> topic)::bigint, 0) + n::bigint)
        FROM jsonb_each_text(excluded.sent) AS counts(topic, n))
    RETURNING key, sent
), added AS (
    INSERT INTO {{schema}}.outbox ({COLUMNS})
    SELECT g.id, g.aggregatetype, g.aggregateid, g.type, g.payload,
           CASE WHEN n.sent IS NULL THEN g.headers ELSE overlay(
                g.headers PLACING int8send((n.sent ->> g.aggregatetype)::bigint + 1 - g.behind) FROM g.hole FOR 8) END,
           g.correlation_id, g.causation_id, g.slot, {NOW_US}
    FROM (SELECT *, count(*) OVER (PARTITION BY aggregatetype, aggregateid ORDER BY ord DESC) AS behind FROM given) AS g
    LEFT JOIN numbered AS n ON n.key = g.aggregateid
    ORDER BY g.ord RETURNING slot, seq
){QUEUE.format(schema="{schema}", channel=13)}
"""


class PostgresForeignTables:
    """See `partita.store.users_transaction.ForeignTables`."""

    def __init__(self, service: str) -> None:
        self._service = service
        schema = schema_of(service)
        self._outbox = f"{quoted(schema)}.outbox"
        self._meta = f"{quoted(schema)}.partita_meta"
        self._channel = outbox_channel(schema)
        self._applied = APPLIED.format(schema=quoted(schema))
        self._add_one = ADD_ONE.format(schema=quoted(schema))
        self._add_many = ADD_MANY.format(schema=quoted(schema))

    def source(self) -> Script[str]:
        """The identity of the database. Missing tables are looked up without an error, which would abort the transaction."""
        ((database, there),) = yield Statement(MAY_READ, (self._outbox, self._meta), asks=True)
        if not there:
            raise NotFound(
                f"The database {database} has no tables of {self._service}.",
                hint=f"Its relay makes them: PARTITA_STORE=postgresql://.../{database} partita run module:app "
                f"--only {self._service} --roles relay. Or this connection is to another database.",
            )
        meta = dict((yield Statement(META.replace("partita_meta", self._meta), asks=True)))
        if meta.get("service") != self._service:
            raise StoreMismatch(
                f"{self._meta} in {database} belongs to {meta.get('service')}, not to {self._service}.",
                hint="Nothing was written.",
            )
        ((version,),) = yield Statement(self._applied, asks=True)
        if version != len(MIGRATIONS):
            raise StoreMismatch(
                f"The tables of {self._service} in {database} have schema {version}, this Partita writes {len(MIGRATIONS)}.",
                hint="Run the same Partita here and in the relay; a relay that starts brings older tables up to date.",
            )
        yield from self._same_place(meta, database)
        return source_of(meta)

    def write(self, source: str, rows: Sequence[UnnumberedRow]) -> Script[bool]:
        """Number, write, queue and notify, in one round trip."""
        given = [(*_kept(each.row[:9]), each.hole + 1) for each in rows]  # SQL counts from 1
        last = (*parts_of(source), self._channel)
        if len(rows) == 1 and rows[0].hole >= 0:
            ((count,),) = yield Statement(self._add_one, (*given[0], *last), asks=True)
        else:
            ((count,),) = yield Statement(self._add_many, (*columns(given), *last), asks=True)
        return bool(count)

    def wake(self) -> None:
        """NOTIFY goes with the commit."""

    def _same_place(self, meta: dict[str, str], database: str) -> Script[None]:
        """A database restored from a backup counts its keys again. A Partita that starts on it gives it a new incarnation;
        before that, receivers would drop its messages as copies."""
        ((may_ask,),) = yield Statement(MAY_ASK_PLACE, asks=True)
        if not may_ask or "place" not in meta:
            return
        ((place,),) = yield Statement(PLACE, (self._outbox,), asks=True)
        if place is not None and place != meta["place"]:
            raise StoreMismatch(
                f"The database {database} was restored from a copy, or a standby took over, since {self._service} last "
                "started on it: new messages could be taken for copies of earlier ones.",
                hint=f"Start it once, so that it gets a new source: partita run module:app --only {self._service} --roles relay",
            )


def _kept(values: Sequence[object]) -> list[object]:
    return [kept(value) if isinstance(value, str) else value for value in values]

"""The tables of the log in its PostgreSQL schema, as numbered migrations; a released one is never changed."""

from __future__ import annotations

from partita.databases.postgres.leases import LEASE_TABLES

SCHEMA = "partita_log"
CHANNEL = "partita_log"
"""Notified with the number of each topic with new records; a channel belongs to a database, as the log does."""
FENCED = "PT001"
NO_PLACE = "PT002"

MIGRATIONS = (
    """
-- No service may take this schema for its own.
INSERT INTO partita_meta (name, value) VALUES ('service', '(the log)');

CREATE TABLE topic (
    topic BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name TEXT NOT NULL UNIQUE, partitions BIGINT NOT NULL,
    retention_us BIGINT
);
-- A few rows that every append changes: they stay on their pages.
CREATE TABLE place (
    place BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, topic BIGINT NOT NULL, partition BIGINT NOT NULL,
    head BIGINT NOT NULL DEFAULT 0, floor BIGINT NOT NULL DEFAULT 0, last_us BIGINT NOT NULL DEFAULT 0,
    UNIQUE (topic, partition)
) WITH (fillfactor = 20);
CREATE TABLE record (
    place BIGINT NOT NULL, position BIGINT NOT NULL, appended_us BIGINT NOT NULL, id TEXT NOT NULL, key TEXT,
    headers BYTEA NOT NULL, value BYTEA NOT NULL, PRIMARY KEY (place, position)
);
CREATE TABLE progress (
    grp TEXT NOT NULL, place BIGINT NOT NULL, position BIGINT NOT NULL, PRIMARY KEY (place, grp)
) WITH (fillfactor = 50);
CREATE TABLE producer (name TEXT PRIMARY KEY, epoch BIGINT NOT NULL) WITH (fillfactor = 50);
CREATE TABLE schema (fingerprint TEXT PRIMARY KEY, text TEXT NOT NULL);

-- One call from the first lock to the commit: a client that stands still holds no lock that others wait for.
-- Locks are taken in one order everywhere: producers by name, then places by number. An offset is taken under its
-- place's lock, which is let go when the record can be seen: who sees a record sees all that are before it.
CREATE FUNCTION append(
    names TEXT[], epochs BIGINT[], places BIGINT[], counts BIGINT[],
    whither BIGINT[], nth BIGINT[], ids TEXT[], keys TEXT[], heads BYTEA[], contents BYTEA[]
) RETURNS BIGINT LANGUAGE plpgsql AS $$
DECLARE
    stale TEXT;
    now_us BIGINT;
    written BIGINT;
BEGIN
    IF cardinality(names) > 0 THEN
        INSERT INTO partita_log.producer AS p (name, epoch)
        SELECT f.name, f.epoch FROM unnest(names, epochs) AS f(name, epoch) ORDER BY f.name
        ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch WHERE p.epoch < excluded.epoch;
        SELECT format('%s is relayed by another process now (epoch %s after %s)', p.name, p.epoch, f.epoch) INTO stale
        FROM partita_log.producer AS p JOIN unnest(names, epochs) AS f(name, epoch) USING (name)
        WHERE p.epoch > f.epoch LIMIT 1;
        IF stale IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'PT001', MESSAGE = stale;
        END IF;
    END IF;
    PERFORM 1 FROM partita_log.place AS p WHERE p.place = ANY(places) ORDER BY p.place FOR NO KEY UPDATE;
    -- Asked under the locks: what was caused by a record is later than it. It never goes back within a place.
    now_us := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
    WITH raised AS (
        UPDATE partita_log.place AS p SET head = p.head + c.count, last_us = greatest(p.last_us, now_us)
        FROM unnest(places, counts) AS c(place, count) WHERE p.place = c.place
        RETURNING p.place, p.head - c.count AS before, p.last_us
    )
    INSERT INTO partita_log.record (place, position, appended_us, id, key, headers, value)
    SELECT r.place, raised.before + r.nth, raised.last_us, r.id, r.key, r.headers, r.value
    FROM unnest(whither, nth, ids, keys, heads, contents) AS r(place, nth, id, key, headers, value)
    JOIN raised ON raised.place = r.place;
    GET DIAGNOSTICS written = ROW_COUNT;
    IF written <> cardinality(whither) THEN
        RAISE EXCEPTION USING ERRCODE = 'PT002', MESSAGE = 'a partition is not there any more';
    END IF;
    PERFORM pg_notify('partita_log', t.topic::text)
    FROM (SELECT DISTINCT p.topic FROM partita_log.place AS p WHERE p.place = ANY(places)) AS t;
    RETURN written;
END
$$;
"""
    + LEASE_TABLES,
)

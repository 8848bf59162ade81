"""The tables of the log in its PostgreSQL schema, as numbered migrations; a released one is never changed."""

from __future__ import annotations

from partita.databases.postgres.leases import LEASE_TABLES

FENCED = "PT001"
NO_PLACE = "PT002"

# The one place where offsets are taken: under the locks of their places, which are let go when the records can be seen.
# So a reader that sees a record sees all that are before it, and a transaction that is rolled back leaves no gap: it
# takes its offsets back. The caller does nothing else before its commit; else others would wait for that too, or in a circle.
# Locks are taken in one order everywhere: producers by name, then places by number.
PUT = """
CREATE FUNCTION put(
    of_writer TEXT, topics TEXT[], hashes BIGINT[], ids TEXT[], keys TEXT[], heads BYTEA[], contents BYTEA[],
    correlations TEXT[]
) RETURNS BIGINT LANGUAGE plpgsql AS $$
DECLARE
    whither BIGINT[];
    nth BIGINT[];
    now_us BIGINT;
BEGIN
    SELECT array_agg(found.place ORDER BY found.ord), array_agg(found.nth ORDER BY found.ord) INTO whither, nth
    FROM (
        SELECT r.ord, p.place, row_number() OVER (PARTITION BY p.place ORDER BY r.ord) AS nth
        FROM unnest(topics, hashes) WITH ORDINALITY AS r(topic, hash, ord)
        JOIN partita_log.topic AS t ON t.name = r.topic
        JOIN partita_log.place AS p ON p.topic = t.topic AND p.partition = r.hash % t.partitions) AS found;
    IF coalesce(cardinality(whither), 0) <> cardinality(topics) THEN
        RAISE EXCEPTION USING ERRCODE = 'PT002', MESSAGE = 'a topic or a partition is not there any more';
    END IF;
    PERFORM 1 FROM partita_log.place AS p WHERE p.place = ANY(whither) ORDER BY p.place FOR NO KEY UPDATE;
    -- Asked under the locks: what was caused by a record is later than it. It never goes back within a place.
    now_us := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
    WITH raised AS (
        UPDATE partita_log.place AS p SET head = p.head + c.count, last_us = greatest(p.last_us, now_us)
        FROM (SELECT w.place, count(*) AS count FROM unnest(whither) AS w(place) GROUP BY w.place) AS c
        WHERE p.place = c.place RETURNING p.place, p.head - c.count AS before, p.last_us
    )
    INSERT INTO partita_log.record (place, position, appended_us, id, key, headers, value, writer, correlation_id)
    SELECT r.place, raised.before + r.nth, raised.last_us, r.id, r.key, r.headers, r.value, of_writer, r.correlation_id
    FROM unnest(whither, nth, ids, keys, heads, contents, correlations)
        AS r(place, nth, id, key, headers, value, correlation_id)
    JOIN raised ON raised.place = r.place;
    PERFORM pg_notify('partita_log', t.topic::text)
    FROM (SELECT DISTINCT p.topic FROM partita_log.place AS p WHERE p.place = ANY(whither)) AS t;
    RETURN cardinality(whither);
END
$$;
"""
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
-- `writer` is the service that wrote the record in its own transaction: then this row is also the row of its outbox.
-- A relay's records have none, since their rows are in an outbox elsewhere.
CREATE TABLE record (
    place BIGINT NOT NULL, position BIGINT NOT NULL, appended_us BIGINT NOT NULL, id TEXT NOT NULL, key TEXT,
    headers BYTEA NOT NULL, value BYTEA NOT NULL, writer TEXT, correlation_id TEXT, PRIMARY KEY (place, position)
);
CREATE INDEX record_key ON record (key) WHERE writer IS NOT NULL;
CREATE INDEX record_correlation ON record (correlation_id) WHERE writer IS NOT NULL;
CREATE TABLE progress (
    grp TEXT NOT NULL, place BIGINT NOT NULL, position BIGINT NOT NULL, PRIMARY KEY (place, grp)
) WITH (fillfactor = 50);
CREATE TABLE producer (name TEXT PRIMARY KEY, epoch BIGINT NOT NULL) WITH (fillfactor = 50);
CREATE TABLE schema (fingerprint TEXT PRIMARY KEY, text TEXT NOT NULL);

"""
    + PUT
    + """
-- For relays. One call from the first lock to the commit: a client that stops in the middle holds no lock that others
-- wait for.
CREATE FUNCTION append(
    names TEXT[], epochs BIGINT[], topics TEXT[], hashes BIGINT[], ids TEXT[], keys TEXT[], heads BYTEA[],
    contents BYTEA[]
) RETURNS BIGINT LANGUAGE plpgsql AS $$
DECLARE
    stale TEXT;
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
    RETURN partita_log.put(NULL, topics, hashes, ids, keys, heads, contents, array_fill(NULL::text, ARRAY[cardinality(ids)]));
END
$$;
"""
    + LEASE_TABLES,
)

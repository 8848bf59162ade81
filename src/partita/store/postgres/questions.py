"""The questions about each batch, as functions of a service's schema that use indexes whatever the statistics say.

A plan is chosen when a statement is first prepared, often on tables that are still empty, and kept while they grow:
the driver's own statements then read whole tables for each batch, until the next ANALYZE (seen in their generic plans).
Here `LATERAL` leaves the planner one way of joining and the setting one way of reading; and all questions of a batch
cost one round trip.
"""

from __future__ import annotations

from partita.databases.postgres.asking import ANOTHER_SOURCE
from partita.store.sagas import HISTORY_MAX, SagaRow

REST = [name for name in SagaRow._fields if name not in ("saga", "saga_id", "data")]
HOW = "LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan"

# Each RETURN QUERY sees the commits before its own start, so a question after a lock sees what the lock's former holder
# committed. The locks of the sagas whose steps are asked about come first, in the one order for all (tombstones.py). The
# claims come next, with the weakest lock: transactions of one holder share it and may update what they have in hand. A
# take-over asks for the strongest lock, so it waits until all of them have ended. The queue is looked at after the numbers:
# a row that a transaction queued with the last of them is seen.
FIND_KNOWN = f"""
CREATE FUNCTION partita_known(
    of_consumer TEXT, claim_topics TEXT[], claim_partitions BIGINT[], mark_consumers TEXT[], mark_ids TEXT[],
    keys TEXT[], parked_keys TEXT[], undone_ids TEXT[], named BOOLEAN, within BOOLEAN, sagas TEXT[], saga_ids TEXT[]
) RETURNS TABLE (kind BIGINT, a TEXT, b TEXT, c TEXT, d TEXT, n BIGINT, m BIGINT, data BYTEA)
{HOW} AS $$
BEGIN
    IF cardinality(undone_ids) > 0 THEN
        PERFORM pg_advisory_xact_lock_shared(hashtext(current_schema() || '/undone'), lock)
        FROM (SELECT DISTINCT hashtext(r.id) & 255 AS lock FROM unnest(undone_ids) AS r(id) ORDER BY 1) AS locks;
    END IF;
    RETURN QUERY SELECT 1::bigint, r.topic, NULL::text, NULL::text, NULL::text, r.partition, found.epoch, NULL::bytea
    FROM unnest(claim_topics, claim_partitions) AS r(topic, partition) CROSS JOIN LATERAL (
        SELECT t.epoch FROM claim AS t WHERE t.consumer = of_consumer AND t.topic = r.topic AND t.partition = r.partition
        FOR KEY SHARE) AS found;
    IF cardinality(mark_ids) > 0 THEN
        RETURN QUERY SELECT 2::bigint, r.consumer, r.id, found.payload_hash, found.outcome, found.at_us, NULL::bigint,
                            found.reply
        FROM unnest(mark_consumers, mark_ids) AS r(consumer, id) CROSS JOIN LATERAL (
            SELECT t.* FROM inbox AS t WHERE t.message_id = r.id AND t.consumer = r.consumer LIMIT 1) AS found;
    END IF;
    IF named THEN
        RETURN QUERY SELECT 2::bigint, r.consumer, r.id, found.payload_hash, 'expired', found.at_us, NULL::bigint,
                            NULL::bytea
        FROM unnest(mark_consumers, mark_ids) AS r(consumer, id) CROSS JOIN LATERAL (
            SELECT t.* FROM inbox_key AS t WHERE t.message_id = r.id AND t.consumer = r.consumer LIMIT 1) AS found;
    END IF;
    IF cardinality(keys) > 0 THEN
        RETURN QUERY SELECT 3::bigint, r.key, found.sent::text, found.counted::text, NULL::text, found.version,
                            found.counted_version, NULL::bytea
        FROM unnest(keys) AS r(key) CROSS JOIN LATERAL (
            SELECT t.* FROM key_numbers AS t WHERE t.key = r.key LIMIT 1) AS found;
        IF within AND EXISTS (SELECT 1 FROM outbox_queue) THEN
            RETURN QUERY SELECT 6::bigint, NULL::text, NULL::text, NULL::text, NULL::text, NULL::bigint, NULL::bigint,
                                NULL::bytea;
        END IF;
    END IF;
    IF cardinality(parked_keys) > 0 THEN
        RETURN QUERY SELECT DISTINCT 4::bigint, t.topic, t.key, NULL::text, NULL::text, NULL::bigint, NULL::bigint,
                                     NULL::bytea
        FROM parked AS t WHERE t.key = ANY(parked_keys) AND t.consumer = of_consumer AND t.state <> 'gap';
    END IF;
    IF cardinality(undone_ids) > 0 THEN
        RETURN QUERY SELECT 5::bigint, t.saga, t.saga_id, t.step, NULL::text, t.epoch, t.at_us, t.reply
        FROM tombstone AS t WHERE t.saga_id = ANY(undone_ids);
    END IF;
    IF cardinality(saga_ids) > 0 THEN
        RETURN QUERY SELECT 7::bigint, r.saga, r.id, json_build_array(found.{", found.".join(REST)})::text, NULL::text,
                            NULL::bigint, NULL::bigint, found.data
        FROM unnest(sagas, saga_ids) AS r(saga, id) CROSS JOIN LATERAL (
            SELECT t.* FROM saga AS t WHERE t.saga_id = r.id AND t.saga = r.saga LIMIT 1) AS found;
    END IF;
END
$$;
"""
KEYS = f"""
CREATE FUNCTION partita_keys(keys TEXT[])
RETURNS TABLE (of_key TEXT, sent_at BIGINT, last_sent TEXT, counted_at BIGINT, last_counted TEXT)
{HOW} AS $$
BEGIN
    RETURN QUERY SELECT r.key, found.version, found.sent::text, found.counted_version, found.counted::text
    FROM unnest(keys) AS r(key) CROSS JOIN LATERAL (
        SELECT t.* FROM key_numbers AS t WHERE t.key = r.key LIMIT 1) AS found;
END
$$;
"""
RESOLVE = f"""
CREATE FUNCTION partita_resolve(of_consumer TEXT, ids TEXT[], outcomes TEXT[], replies BYTEA[])
RETURNS VOID {HOW} AS $$
BEGIN
    UPDATE inbox AS t SET outcome = r.outcome, reply = COALESCE(r.reply, t.reply)
    FROM unnest(ids, outcomes, replies) AS r(id, outcome, reply) CROSS JOIN LATERAL (
        SELECT i.ctid FROM inbox AS i WHERE i.message_id = r.id AND i.consumer = of_consumer LIMIT 1) AS found
    WHERE t.ctid = found.ctid;
END
$$;
"""
SAGAS = f"""
CREATE FUNCTION partita_sagas(of_saga TEXT, ids TEXT[]) RETURNS SETOF saga {HOW} AS $$
BEGIN
    RETURN QUERY SELECT found.* FROM unnest(ids) AS r(id) CROSS JOIN LATERAL (
        SELECT t.* FROM saga AS t WHERE t.saga_id = r.id AND t.saga = of_saga LIMIT 1) AS found;
END
$$;
"""
# An instance that another transaction has changed meanwhile has another place or version, so it is not counted.
MOVE_SAGAS = f"""
CREATE FUNCTION partita_move_sagas(
    sagas TEXT[], ids TEXT[], definitions BIGINT[], statuses TEXT[], steps TEXT[], epochs BIGINT[], datas BYTEA[],
    dues BIGINT[], errors TEXT[], times BIGINT[], versions BIGINT[], entries TEXT[]
) RETURNS BIGINT {HOW} AS $$
DECLARE
    moved BIGINT;
BEGIN
    WITH moving AS MATERIALIZED (
        SELECT r.*, found.place, found.history, octet_length(found.history) > {HISTORY_MAX} AS spills
        FROM unnest(sagas, ids, definitions, statuses, steps, epochs, datas, dues, errors, times, versions, entries)
            AS r(saga, id, definition, status, step, epoch, data, due, error, at, version, more)
        CROSS JOIN LATERAL (
            SELECT s.ctid AS place, s.history FROM saga AS s WHERE s.saga_id = r.id AND s.saga = r.saga LIMIT 1) AS found
    ), spilled AS (
        INSERT INTO saga_history (saga, saga_id, entries) SELECT m.saga, m.id, m.history FROM moving AS m WHERE m.spills
    )
    UPDATE saga AS t SET definition_version = m.definition, status = m.status, step = m.step, epoch = m.epoch,
        data = m.data, due_us = m.due, last_error = m.error, updated_us = m.at, version = t.version + 1,
        wake_us = CASE WHEN t.status = m.status AND t.wake_us > m.at THEN least(t.wake_us, m.due) ELSE m.due END,
        history = CASE WHEN m.spills THEN m.more ELSE m.history || m.more END
    FROM moving AS m WHERE t.ctid = m.place AND t.version = m.version;
    GET DIAGNOSTICS moved = ROW_COUNT;
    RETURN moved;
END
$$;
"""
# One index scan for each slot, all in one round trip; a merge join would read the whole history first.
UNSENT = f"""
CREATE FUNCTION partita_unsent(slots BIGINT[], most BIGINT)
RETURNS TABLE (in_slot BIGINT, number BIGINT, name TEXT, topic TEXT, of_key TEXT, head BYTEA, body BYTEA, at BIGINT)
{HOW} AS $$
BEGIN
    RETURN QUERY SELECT s.slot, r.seq, r.id, r.aggregatetype, r.aggregateid, r.headers, r.payload, r.at_us
    FROM unnest(slots) AS s(slot) CROSS JOIN LATERAL (
        SELECT o.* FROM outbox_queue AS q CROSS JOIN LATERAL (
            SELECT t.* FROM outbox AS t WHERE t.seq = q.seq LIMIT 1) AS o
        WHERE q.slot = s.slot
          AND NOT EXISTS (
              SELECT 1 FROM outbox_parked AS p WHERE p.slot = q.slot AND (p.seq = q.seq OR p.key = o.aggregateid))
          AND NOT EXISTS (SELECT 1 FROM partita_meta AS held WHERE held.name = 'outbox_held')
        ORDER BY q.seq LIMIT most) AS r
    ORDER BY r.seq;
END
$$;
"""
SENT = f"""
CREATE FUNCTION partita_sent(slots BIGINT[], seqs BIGINT[]) RETURNS VOID {HOW} AS $$
DECLARE
    of_slot RECORD;
BEGIN
    FOR of_slot IN SELECT r.slot, array_agg(r.seq) AS seqs FROM unnest(slots, seqs) AS r(slot, seq) GROUP BY r.slot LOOP
        DELETE FROM outbox_queue AS t WHERE t.slot = of_slot.slot AND t.seq = ANY(of_slot.seqs);
    END LOOP;
END
$$;
"""
# A number would belong to a source that the database no longer is.
IS_SOURCE = f"""
CREATE FUNCTION partita_is_source(of_id TEXT, of_incarnation TEXT) RETURNS VOID {HOW} AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM partita_meta AS m WHERE m.name = 'id' AND m.value = of_id)
        OR NOT EXISTS (SELECT 1 FROM partita_meta AS m WHERE m.name = 'incarnation' AND m.value = of_incarnation) THEN
        RAISE EXCEPTION 'this database has another source' USING ERRCODE = '{ANOTHER_SOURCE}';
    END IF;
END
$$;
"""
# New numbers of messages that leave are refused if another transaction gave some of the same topic since the row was read.
# Numbers counted are merged, one by one, where another one counted some. A row that is not the one that was read is not written
# by the first statement, and locked by it: nothing changes it before the second, which looks at each number.
COUNTED = """CASE WHEN {counted} = '{{}}' OR t.counted_version = {read} THEN t.counted || {counted} ELSE (
        SELECT jsonb_object_agg(name, n) FROM (
            SELECT name, max(value::bigint) AS n
            FROM (SELECT * FROM jsonb_each_text(t.counted) UNION ALL SELECT * FROM jsonb_each_text({counted}))
                 AS both_of(name, value) GROUP BY name) AS merged) END"""
WRITE_KEYS = f"""
CREATE FUNCTION partita_write_keys(changes JSONB, of_id TEXT, of_incarnation TEXT) RETURNS VOID {HOW} AS $$
DECLARE
    written TEXT[];
    merged BIGINT := 0;
BEGIN
    PERFORM partita_is_source(of_id, of_incarnation);
    WITH put AS (
        INSERT INTO key_numbers AS t (key, version, sent, counted_version, counted)
        SELECT e.change ->> 0, (e.change ->> 1)::bigint + (e.change -> 2 <> '{{}}')::int, e.change -> 2,
               (e.change ->> 3)::bigint + (e.change -> 4 <> '{{}}')::int, e.change -> 4
        FROM jsonb_array_elements(changes) WITH ORDINALITY AS e(change, ord) ORDER BY ord
        ON CONFLICT (key) DO UPDATE SET
            version = t.version + (excluded.sent <> '{{}}')::int, sent = t.sent || excluded.sent,
            counted_version = t.counted_version + (excluded.counted <> '{{}}')::int,
            counted = {COUNTED.format(counted="excluded.counted", read="excluded.counted_version - 1")}
        WHERE excluded.sent = '{{}}' OR t.version = excluded.version - 1 RETURNING t.key
    ) SELECT array_agg(key) INTO written FROM put;
    IF coalesce(cardinality(written), 0) = jsonb_array_length(changes) THEN
        RETURN;
    END IF;
    UPDATE key_numbers AS t SET
        version = t.version + 1, sent = t.sent || e.sent, counted_version = t.counted_version + (e.counted <> '{{}}')::int,
        counted = {COUNTED.format(counted="e.counted", read="e.counted_version")}
    FROM (
        SELECT c ->> 0 AS key, c -> 2 AS sent, (c ->> 3)::bigint AS counted_version, c -> 4 AS counted, c -> 5 AS before
        FROM jsonb_array_elements(changes) AS change(c)) AS e
    WHERE t.key = e.key AND NOT e.key = ANY(coalesce(written, '{{}}')) AND NOT EXISTS (
        SELECT 1 FROM jsonb_each_text(e.before) AS b(topic, number)
        WHERE coalesce((t.sent ->> b.topic)::bigint, 0) <> b.number::bigint);
    GET DIAGNOSTICS merged = ROW_COUNT;
    IF coalesce(cardinality(written), 0) + merged <> jsonb_array_length(changes) THEN
        RAISE EXCEPTION 'numbers of a key were given meanwhile' USING ERRCODE = 'serialization_failure';
    END IF;
END
$$;
"""
# The rows of a key leave the queue in the order in which they entered it, so the newest decides for all. Rows and queue are
# read after the key was locked, by a statement of its own: what the lock's former holder wrote is seen.
LOCK_KEYS = f"""
CREATE FUNCTION partita_lock_keys(topics TEXT[], keys TEXT[], of_id TEXT, of_incarnation TEXT, within BOOLEAN)
RETURNS TABLE (of_topic TEXT, of_key TEXT, sent_at BIGINT, last_sent TEXT, counted_at BIGINT, last_counted TEXT, waits BOOLEAN)
{HOW} AS $$
BEGIN
    PERFORM partita_is_source(of_id, of_incarnation);
    PERFORM 1 FROM unnest(keys) AS r(key) CROSS JOIN LATERAL (
        SELECT 1 FROM key_numbers AS t WHERE t.key = r.key FOR NO KEY UPDATE) AS locked;
    RETURN QUERY SELECT r.topic, r.key, found.version, found.sent::text, found.counted_version, found.counted::text,
        within AND EXISTS (SELECT 1 FROM outbox_queue) AND EXISTS (
            SELECT 1 FROM (
                SELECT o.slot, o.seq FROM outbox AS o
                WHERE o.aggregateid = r.key AND o.aggregatetype = r.topic AND o.slot >= 0 ORDER BY o.seq DESC LIMIT 1)
                AS newest
            JOIN outbox_queue AS q ON q.slot = newest.slot AND q.seq = newest.seq)
    FROM unnest(topics, keys) AS r(topic, key) LEFT JOIN LATERAL (
        SELECT t.* FROM key_numbers AS t WHERE t.key = r.key LIMIT 1) AS found ON true;
END
$$;
"""
QUESTIONS = IS_SOURCE + WRITE_KEYS + LOCK_KEYS + FIND_KNOWN + KEYS + RESOLVE + SAGAS + MOVE_SAGAS + UNSENT + SENT

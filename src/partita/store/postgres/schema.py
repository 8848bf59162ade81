"""The tables of a service in its PostgreSQL schema, as numbered migrations; a released one is never changed."""

from __future__ import annotations

from partita.databases.postgres.leases import LEASE_TABLES
from partita.databases.postgres.tables import OWN_MIGRATION
from partita.store.postgres.questions import QUESTIONS

MIGRATIONS = (
    """
CREATE TABLE inbox (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, consumer TEXT NOT NULL, message_id TEXT NOT NULL,
    type TEXT NOT NULL, key TEXT, correlation_id TEXT NOT NULL, causation_id TEXT, payload_hash TEXT NOT NULL,
    at_us BIGINT NOT NULL, outcome TEXT NOT NULL, reply BYTEA
);
CREATE UNIQUE INDEX inbox_once ON inbox (message_id, consumer);
-- What was named by a user and is past its window.
CREATE TABLE inbox_key (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, consumer TEXT NOT NULL, message_id TEXT NOT NULL,
    payload_hash TEXT NOT NULL, at_us BIGINT NOT NULL
);
CREATE UNIQUE INDEX inbox_key_once ON inbox_key (message_id, consumer);

CREATE TABLE key_numbers (
    key TEXT PRIMARY KEY, version BIGINT NOT NULL, sent JSONB NOT NULL, counted JSONB NOT NULL,
    counted_version BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE TABLE sequence_base (
    consumer TEXT NOT NULL, source TEXT NOT NULL, topic TEXT NOT NULL, key TEXT NOT NULL, base BIGINT NOT NULL,
    PRIMARY KEY (key, source, topic, consumer)
);

CREATE TABLE outbox (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id TEXT NOT NULL, aggregatetype TEXT NOT NULL,
    aggregateid TEXT, type TEXT NOT NULL, payload BYTEA NOT NULL, headers BYTEA NOT NULL,
    correlation_id TEXT NOT NULL, causation_id TEXT, slot BIGINT NOT NULL, at_us BIGINT NOT NULL
);
CREATE INDEX outbox_key ON outbox (aggregateid, seq);
CREATE INDEX outbox_correlation ON outbox (correlation_id);
-- A queue is mostly dead rows: vacuumed by their number, not by their share of a table that is nearly empty.
CREATE TABLE outbox_queue (slot BIGINT NOT NULL, seq BIGINT NOT NULL, PRIMARY KEY (slot, seq))
    WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
CREATE TABLE outbox_parked (
    slot BIGINT NOT NULL, seq BIGINT NOT NULL, key TEXT, reason TEXT NOT NULL, at_us BIGINT NOT NULL,
    PRIMARY KEY (slot, seq)
);

CREATE TABLE saga (
    seq BIGINT GENERATED ALWAYS AS IDENTITY, saga TEXT NOT NULL, saga_id TEXT NOT NULL,
    definition_version BIGINT NOT NULL, status TEXT NOT NULL, step TEXT NOT NULL, epoch BIGINT NOT NULL,
    data BYTEA NOT NULL, due_us BIGINT, last_error TEXT NOT NULL, correlation_id TEXT NOT NULL,
    started_us BIGINT NOT NULL, updated_us BIGINT NOT NULL, version BIGINT NOT NULL, wake_us BIGINT,
    history TEXT NOT NULL, PRIMARY KEY (saga_id, saga)
) WITH (fillfactor = 50);
-- A time to wake is never later than the due time, and moves later less often: most moves touch no index.
CREATE INDEX saga_wake ON saga (wake_us) WHERE wake_us IS NOT NULL;
CREATE INDEX saga_open ON saga (status) WHERE status IN ('running', 'compensating', 'needs_attention');
-- The older entries of long histories.
CREATE TABLE saga_history (
    seq BIGINT GENERATED ALWAYS AS IDENTITY, saga TEXT NOT NULL, saga_id TEXT NOT NULL, entries TEXT NOT NULL,
    PRIMARY KEY (saga_id, saga, seq)
);
CREATE TABLE saga_definition (
    saga TEXT NOT NULL, version BIGINT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (saga, version)
);

-- Who is about to fire which timer: what is left of a process that died of one. Mostly dead rows, as a queue.
CREATE TABLE timer_in_hand (
    saga TEXT NOT NULL, saga_id TEXT NOT NULL, member TEXT NOT NULL, due_us BIGINT NOT NULL, at_us BIGINT NOT NULL,
    PRIMARY KEY (saga_id, saga, member)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

CREATE TABLE tombstone (
    saga TEXT NOT NULL, saga_id TEXT NOT NULL, step TEXT NOT NULL, epoch BIGINT NOT NULL, at_us BIGINT NOT NULL,
    reply BYTEA NOT NULL, PRIMARY KEY (saga_id, saga, step)
);
CREATE INDEX tombstone_early ON tombstone (at_us) WHERE step = '';

CREATE TABLE parked (
    idx BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, consumer TEXT NOT NULL, topic TEXT NOT NULL,
    partition BIGINT NOT NULL, "offset" BIGINT NOT NULL, key TEXT, message_id TEXT NOT NULL, type TEXT NOT NULL,
    state TEXT NOT NULL, delay BIGINT NOT NULL, due_us BIGINT NOT NULL, tries BIGINT NOT NULL, step TEXT NOT NULL,
    source TEXT NOT NULL, number BIGINT NOT NULL, headers BYTEA NOT NULL, value BYTEA NOT NULL,
    appended_us BIGINT NOT NULL, at_us BIGINT NOT NULL
);
CREATE UNIQUE INDEX parked_once ON parked (message_id, consumer);
CREATE INDEX parked_key ON parked (key, topic, consumer, idx);
CREATE INDEX parked_ready ON parked (consumer, idx) WHERE state IN ('ready', 'gap');
CREATE INDEX parked_due ON parked (consumer, due_us) WHERE state = 'waiting';
CREATE INDEX parked_step ON parked (step) WHERE step <> '';

-- Commands that were handled and whose answer comes later; an open one stays for any time.
CREATE TABLE pending (
    reply_to TEXT PRIMARY KEY, type TEXT NOT NULL, topic TEXT NOT NULL, key TEXT, headers BYTEA NOT NULL,
    value BYTEA NOT NULL, saga TEXT NOT NULL, saga_id TEXT NOT NULL, step TEXT NOT NULL, business BYTEA NOT NULL,
    at_us BIGINT NOT NULL, state TEXT NOT NULL, answer BYTEA, answered_by TEXT NOT NULL, closed_us BIGINT NOT NULL
);
CREATE INDEX pending_state ON pending (state, at_us, reply_to);
CREATE INDEX pending_saga ON pending (saga_id) WHERE saga <> '';
CREATE INDEX pending_closed ON pending (closed_us) WHERE state <> 'open';

CREATE TABLE group_pause (consumer TEXT PRIMARY KEY, reason TEXT NOT NULL, at_us BIGINT NOT NULL);
CREATE TABLE group_said (
    consumer TEXT NOT NULL, member TEXT NOT NULL, what TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL,
    at_us BIGINT NOT NULL, PRIMARY KEY (consumer, member, what, subject)
);
CREATE TABLE group_kept (
    consumer TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (consumer, name)
);

CREATE TABLE dead_letter (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id TEXT NOT NULL, consumer TEXT NOT NULL,
    topic TEXT NOT NULL, partition BIGINT NOT NULL, "offset" BIGINT NOT NULL, key TEXT, message_id TEXT NOT NULL,
    type TEXT NOT NULL, correlation_id TEXT NOT NULL, cause_type TEXT NOT NULL, cause TEXT NOT NULL,
    stack TEXT NOT NULL, fingerprint TEXT NOT NULL, attempts BIGINT NOT NULL, headers BYTEA NOT NULL,
    value BYTEA NOT NULL, at_us BIGINT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL,
    closed_us BIGINT NOT NULL, superseded_by TEXT NOT NULL
);
CREATE UNIQUE INDEX dead_letter_once ON dead_letter (message_id, consumer);
CREATE UNIQUE INDEX dead_letter_id ON dead_letter (id);
CREATE INDEX dead_letter_open ON dead_letter (consumer, fingerprint) WHERE status = 'open';
CREATE INDEX dead_letter_closed ON dead_letter (closed_us) WHERE status NOT IN ('open', 'replaying');
CREATE TABLE failure (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, consumer TEXT NOT NULL, message_id TEXT NOT NULL,
    at_us BIGINT NOT NULL, stage TEXT NOT NULL, tries BIGINT NOT NULL, cause_type TEXT NOT NULL, cause TEXT NOT NULL,
    fingerprint TEXT NOT NULL
);
CREATE INDEX failure_of ON failure (message_id, consumer);

CREATE TABLE alarm (
    fingerprint TEXT PRIMARY KEY, name TEXT NOT NULL, service TEXT NOT NULL, severity TEXT NOT NULL,
    summary TEXT NOT NULL, hint TEXT NOT NULL, since_us BIGINT NOT NULL, told_us BIGINT NOT NULL
);
CREATE TABLE operation (
    id TEXT PRIMARY KEY, verb TEXT NOT NULL, target TEXT NOT NULL, options TEXT NOT NULL, reason TEXT NOT NULL,
    actor TEXT NOT NULL, status TEXT NOT NULL, planned BIGINT NOT NULL, done BIGINT NOT NULL, failed BIGINT NOT NULL,
    cursor TEXT NOT NULL, created_us BIGINT NOT NULL, updated_us BIGINT NOT NULL
);
CREATE TABLE audit (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at_us BIGINT NOT NULL, actor TEXT NOT NULL,
    verb TEXT NOT NULL, target TEXT NOT NULL, detail TEXT NOT NULL, reason TEXT NOT NULL, hash TEXT NOT NULL
);
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is append-only';
END
$$;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();

CREATE TABLE worker_state (
    service TEXT NOT NULL, member TEXT NOT NULL, worker TEXT NOT NULL, state TEXT NOT NULL, since_us BIGINT NOT NULL,
    cause TEXT NOT NULL, beat_us BIGINT NOT NULL, PRIMARY KEY (member, worker)
);

CREATE TABLE claim (
    consumer TEXT NOT NULL, topic TEXT NOT NULL, partition BIGINT NOT NULL, epoch BIGINT NOT NULL,
    owner TEXT NOT NULL, first BIGINT, last BIGINT, log TEXT NOT NULL DEFAULT '', reached BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (consumer, topic, partition)
) WITH (fillfactor = 50);
CREATE TABLE tries (
    consumer TEXT NOT NULL, topic TEXT NOT NULL, partition BIGINT NOT NULL, "offset" BIGINT NOT NULL,
    tried BIGINT NOT NULL, failed BIGINT NOT NULL, lost BIGINT NOT NULL,
    PRIMARY KEY (consumer, topic, partition, "offset")
);
"""
    + LEASE_TABLES
    + OWN_MIGRATION
    + QUESTIONS,
)

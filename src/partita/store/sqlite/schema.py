"""The tables of a service's SQLite file, as numbered migrations; a released one is never changed."""

from __future__ import annotations

from partita.databases.sqlite.leases import LEASE_TABLES
from partita.databases.sqlite.tables import OWN_MIGRATION

APPLICATION_ID = 0x50525453

MIGRATIONS = (
    """
CREATE TABLE partita_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE inbox (
    seq INTEGER PRIMARY KEY, consumer TEXT NOT NULL, message_id TEXT NOT NULL, type TEXT NOT NULL, key TEXT,
    correlation_id TEXT NOT NULL, causation_id TEXT, payload_hash TEXT NOT NULL, at_us INTEGER NOT NULL,
    outcome TEXT NOT NULL, reply BLOB
);
CREATE UNIQUE INDEX inbox_once ON inbox (message_id, consumer);
-- What was named by a user and is past its window.
CREATE TABLE inbox_key (
    seq INTEGER PRIMARY KEY, consumer TEXT NOT NULL, message_id TEXT NOT NULL, payload_hash TEXT NOT NULL,
    at_us INTEGER NOT NULL
);
CREATE UNIQUE INDEX inbox_key_once ON inbox_key (message_id, consumer);

CREATE TABLE key_numbers (key TEXT PRIMARY KEY, version INTEGER NOT NULL, sent TEXT NOT NULL, counted TEXT NOT NULL)
WITHOUT ROWID;
CREATE TABLE sequence_base (
    consumer TEXT NOT NULL, source TEXT NOT NULL, topic TEXT NOT NULL, key TEXT NOT NULL, base INTEGER NOT NULL,
    PRIMARY KEY (key, source, topic, consumer)
) WITHOUT ROWID;

CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL, aggregatetype TEXT NOT NULL, aggregateid TEXT, type TEXT NOT NULL,
    payload BLOB NOT NULL, headers BLOB NOT NULL, correlation_id TEXT NOT NULL, causation_id TEXT,
    slot INTEGER NOT NULL, at_us INTEGER NOT NULL
);
CREATE INDEX outbox_key ON outbox (aggregateid);
CREATE INDEX outbox_correlation ON outbox (correlation_id);
CREATE TABLE outbox_queue (
    slot INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (slot, seq)
) WITHOUT ROWID;
CREATE TABLE outbox_parked (
    slot INTEGER NOT NULL, seq INTEGER NOT NULL, key TEXT, reason TEXT NOT NULL, at_us INTEGER NOT NULL,
    PRIMARY KEY (slot, seq)
) WITHOUT ROWID;

CREATE TABLE saga (
    saga TEXT NOT NULL, saga_id TEXT NOT NULL, definition_version INTEGER NOT NULL, status TEXT NOT NULL,
    step TEXT NOT NULL, epoch INTEGER NOT NULL, data BLOB NOT NULL, due_us INTEGER, last_error TEXT NOT NULL,
    correlation_id TEXT NOT NULL, started_us INTEGER NOT NULL, updated_us INTEGER NOT NULL, version INTEGER NOT NULL,
    wake_us INTEGER, history TEXT NOT NULL, PRIMARY KEY (saga_id, saga)
);
-- A time to wake is never later than the due time, and moves later less often.
CREATE INDEX saga_wake ON saga (wake_us) WHERE wake_us IS NOT NULL;
CREATE INDEX saga_open ON saga (status) WHERE status IN ('running', 'compensating', 'needs_attention');
-- The older entries of long histories.
CREATE TABLE saga_history (
    seq INTEGER PRIMARY KEY, saga TEXT NOT NULL, saga_id TEXT NOT NULL, entries TEXT NOT NULL
);
CREATE INDEX saga_history_of ON saga_history (saga_id, saga);
CREATE TABLE saga_definition (
    saga TEXT NOT NULL, version INTEGER NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (saga, version)
) WITHOUT ROWID;

-- Who is about to fire which timer: what is left of a process that died of one.
CREATE TABLE timer_in_hand (
    saga TEXT NOT NULL, saga_id TEXT NOT NULL, member TEXT NOT NULL, due_us INTEGER NOT NULL, at_us INTEGER NOT NULL,
    PRIMARY KEY (saga_id, saga, member)
) WITHOUT ROWID;

CREATE TABLE tombstone (
    saga TEXT NOT NULL, saga_id TEXT NOT NULL, step TEXT NOT NULL, epoch INTEGER NOT NULL, at_us INTEGER NOT NULL,
    reply BLOB NOT NULL, PRIMARY KEY (saga_id, saga, step)
) WITHOUT ROWID;
CREATE INDEX tombstone_early ON tombstone (at_us) WHERE step = '';

CREATE TABLE parked (
    idx INTEGER PRIMARY KEY AUTOINCREMENT, consumer TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL,
    "offset" INTEGER NOT NULL, key TEXT, message_id TEXT NOT NULL, type TEXT NOT NULL, state TEXT NOT NULL,
    delay INTEGER NOT NULL, due_us INTEGER NOT NULL, tries INTEGER NOT NULL, step TEXT NOT NULL,
    source TEXT NOT NULL, number INTEGER NOT NULL, headers BLOB NOT NULL, value BLOB NOT NULL,
    appended_us INTEGER NOT NULL, at_us INTEGER NOT NULL
);
CREATE UNIQUE INDEX parked_once ON parked (message_id, consumer);
CREATE INDEX parked_key ON parked (key, topic, consumer, idx);
CREATE INDEX parked_ready ON parked (consumer, idx) WHERE state IN ('ready', 'gap');
CREATE INDEX parked_due ON parked (consumer, due_us) WHERE state = 'waiting';
CREATE INDEX parked_step ON parked (step) WHERE step <> '';

-- Commands that were handled and whose answer comes later; an open one stays for any time.
CREATE TABLE pending (
    reply_to TEXT PRIMARY KEY, type TEXT NOT NULL, topic TEXT NOT NULL, key TEXT, headers BLOB NOT NULL,
    value BLOB NOT NULL, saga TEXT NOT NULL, saga_id TEXT NOT NULL, step TEXT NOT NULL, business BLOB NOT NULL,
    at_us INTEGER NOT NULL, state TEXT NOT NULL, answer BLOB, answered_by TEXT NOT NULL, closed_us INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX pending_state ON pending (state, at_us, reply_to);
CREATE INDEX pending_saga ON pending (saga_id) WHERE saga <> '';
CREATE INDEX pending_closed ON pending (closed_us) WHERE state <> 'open';

CREATE TABLE group_pause (consumer TEXT PRIMARY KEY, reason TEXT NOT NULL, at_us INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE group_said (
    consumer TEXT NOT NULL, member TEXT NOT NULL, what TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL,
    at_us INTEGER NOT NULL, PRIMARY KEY (consumer, member, what, subject)
) WITHOUT ROWID;
CREATE TABLE group_kept (
    consumer TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (consumer, name)
) WITHOUT ROWID;

CREATE TABLE dead_letter (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL, consumer TEXT NOT NULL, topic TEXT NOT NULL,
    partition INTEGER NOT NULL, "offset" INTEGER NOT NULL, key TEXT, message_id TEXT NOT NULL, type TEXT NOT NULL,
    correlation_id TEXT NOT NULL, cause_type TEXT NOT NULL, cause TEXT NOT NULL, stack TEXT NOT NULL,
    fingerprint TEXT NOT NULL, attempts INTEGER NOT NULL, headers BLOB NOT NULL, value BLOB NOT NULL,
    at_us INTEGER NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL, closed_us INTEGER NOT NULL,
    superseded_by TEXT NOT NULL
);
CREATE UNIQUE INDEX dead_letter_once ON dead_letter (message_id, consumer);
CREATE UNIQUE INDEX dead_letter_id ON dead_letter (id);
CREATE INDEX dead_letter_open ON dead_letter (consumer, fingerprint) WHERE status = 'open';
CREATE INDEX dead_letter_closed ON dead_letter (closed_us) WHERE status NOT IN ('open', 'replaying');
CREATE TABLE failure (
    seq INTEGER PRIMARY KEY, consumer TEXT NOT NULL, message_id TEXT NOT NULL, at_us INTEGER NOT NULL,
    stage TEXT NOT NULL, tries INTEGER NOT NULL, cause_type TEXT NOT NULL, cause TEXT NOT NULL,
    fingerprint TEXT NOT NULL
);
CREATE INDEX failure_of ON failure (message_id, consumer);

CREATE TABLE alarm (
    fingerprint TEXT PRIMARY KEY, name TEXT NOT NULL, service TEXT NOT NULL, severity TEXT NOT NULL,
    summary TEXT NOT NULL, hint TEXT NOT NULL, since_us INTEGER NOT NULL, told_us INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE operation (
    id TEXT PRIMARY KEY, verb TEXT NOT NULL, target TEXT NOT NULL, options TEXT NOT NULL, reason TEXT NOT NULL,
    actor TEXT NOT NULL, status TEXT NOT NULL, planned INTEGER NOT NULL, done INTEGER NOT NULL,
    failed INTEGER NOT NULL, cursor TEXT NOT NULL, created_us INTEGER NOT NULL, updated_us INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at_us INTEGER NOT NULL, actor TEXT NOT NULL, verb TEXT NOT NULL,
    target TEXT NOT NULL, detail TEXT NOT NULL, reason TEXT NOT NULL, hash TEXT NOT NULL
);
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_is_not_cut BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;

CREATE TABLE claim (
    consumer TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL, epoch INTEGER NOT NULL,
    owner TEXT NOT NULL, first INTEGER, last INTEGER, log TEXT NOT NULL DEFAULT '', reached INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (consumer, topic, partition)
) WITHOUT ROWID;
CREATE TABLE tries (
    consumer TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" INTEGER NOT NULL,
    tried INTEGER NOT NULL, failed INTEGER NOT NULL, lost INTEGER NOT NULL,
    PRIMARY KEY (consumer, topic, partition, "offset")
) WITHOUT ROWID;
"""
    + LEASE_TABLES
    + OWN_MIGRATION,
)

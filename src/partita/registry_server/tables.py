"""The registry's tables, as numbered migrations; a released one is never changed. Both databases take the same text."""

from __future__ import annotations

APPLICATION_ID = 0x50525452
SCHEMA = "partita_registry"
"""The schema in a PostgreSQL database."""

TABLES = """
-- Content has its id for ever: a purged schema loses its text alone, so that no id ever names two contents.
CREATE TABLE entry (
    id BIGINT PRIMARY KEY, identity TEXT NOT NULL, guid TEXT NOT NULL, language TEXT NOT NULL, text TEXT, refs TEXT NOT NULL
);
CREATE INDEX entry_identity ON entry (identity);
CREATE INDEX entry_guid ON entry (guid);
CREATE TABLE version (
    subject TEXT NOT NULL, version BIGINT NOT NULL, id BIGINT NOT NULL, deleted BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (subject, version)
);
CREATE INDEX version_id ON version (id);
CREATE TABLE referral (
    subject TEXT NOT NULL, version BIGINT NOT NULL, to_subject TEXT NOT NULL, to_version BIGINT NOT NULL,
    PRIMARY KEY (subject, version, to_subject, to_version)
);
CREATE INDEX referral_to ON referral (to_subject, to_version);
-- Of the whole registry where the subject is empty.
CREATE TABLE setting (
    subject TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (subject, name)
);
"""
MIGRATIONS = (TABLES,)
SERVER_MIGRATIONS = (f"INSERT INTO partita_meta (name, value) VALUES ('service', '(the registry)');\n{TABLES}",)
"""The first line keeps services from taking the schema for their own."""

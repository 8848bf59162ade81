"""The tables of the embedded log, as numbered migrations; a released one is never changed."""

from __future__ import annotations

from partita.databases.sqlite.leases import LEASE_TABLES

APPLICATION_ID = 0x5052544C

MIGRATIONS = (
    """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE topic (
    name TEXT PRIMARY KEY, partitions INTEGER NOT NULL, retention_us INTEGER
) WITHOUT ROWID;
CREATE TABLE place (
    place INTEGER PRIMARY KEY, topic TEXT NOT NULL, partition INTEGER NOT NULL,
    head INTEGER NOT NULL DEFAULT 0, floor INTEGER NOT NULL DEFAULT 0, UNIQUE (topic, partition)
);
CREATE TABLE record (
    position INTEGER PRIMARY KEY AUTOINCREMENT, place INTEGER NOT NULL, id TEXT NOT NULL, key TEXT,
    headers BLOB NOT NULL, value BLOB NOT NULL, appended_us INTEGER NOT NULL
);
CREATE INDEX record_place ON record (place, position);
CREATE TABLE progress (
    grp TEXT NOT NULL, place INTEGER NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (grp, place)
) WITHOUT ROWID;
CREATE TABLE producer (name TEXT PRIMARY KEY, epoch INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE schema (fingerprint TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
"""
    + LEASE_TABLES,
)

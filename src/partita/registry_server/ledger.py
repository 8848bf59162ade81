"""The registry's rows: schemas by id, versions by subject, settings; one statement for each question."""

from __future__ import annotations

import json
from collections.abc import Sequence

from partita.registry_server.entry import Entry, Reference, Version
from partita.registry_server.storage import Row, Rows

ENTRY = "SELECT id, guid, language, text, refs FROM entry WHERE id = $1 AND text IS NOT NULL"
ENTRY_OF_GUID = """
SELECT id, guid, language, text, refs FROM entry WHERE guid = $1 AND text IS NOT NULL ORDER BY id LIMIT 1
"""
IDS_OF_IDENTITY = "SELECT id FROM entry WHERE identity = $1 ORDER BY id"
IDENTITY_OF_ID = "SELECT identity FROM entry WHERE id = $1"
LAST_ID = "SELECT coalesce(max(id), 0) FROM entry"
ADD_ENTRY = """
INSERT INTO entry (id, identity, guid, language, text, refs) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (id) DO UPDATE SET text = excluded.text
"""
VERSIONS = "SELECT subject, version, id, deleted FROM version WHERE subject = $1 ORDER BY version"
ALL_VERSIONS = "SELECT subject, version, id, deleted FROM version"
USES = "SELECT subject, version, id, deleted FROM version WHERE id = $1"
ADD_VERSION = """
INSERT INTO version (subject, version, id) VALUES ($1, $2, $3)
ON CONFLICT (subject, version) DO UPDATE SET id = excluded.id, deleted = 0
"""
ADD_REFERRAL = """
INSERT INTO referral (subject, version, to_subject, to_version) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
"""
HIDE = "UPDATE version SET deleted = 1 WHERE subject = $1 AND version = $2"
PURGE = "DELETE FROM version WHERE subject = $1 AND version = $2"
PURGE_REFERRALS = "DELETE FROM referral WHERE subject = $1 AND version = $2"
PURGE_TEXT = """
UPDATE entry SET text = NULL WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM version AS v WHERE v.id = entry.id)
"""
REFERRERS = """
SELECT v.subject, v.version, v.id, v.deleted FROM referral AS r
JOIN version AS v ON v.subject = r.subject AND v.version = r.version
WHERE r.to_subject = $1 AND r.to_version = $2
"""
SETTING = "SELECT value FROM setting WHERE subject = $1 AND name = $2"
SET = """
INSERT INTO setting (subject, name, value) VALUES ($1, $2, $3)
ON CONFLICT (subject, name) DO UPDATE SET value = excluded.value
"""
UNSET = "DELETE FROM setting WHERE subject = $1 AND name = $2"
UNSET_ALL = "DELETE FROM setting WHERE subject = $1"


class Ledger:
    """Questions and changes within one transaction."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def entry(self, number: int) -> Entry | None:
        """The schema with that id; None = there is none, or it was purged."""
        return _entry(await self._rows.row(ENTRY, number))

    async def entry_of_guid(self, guid: str) -> Entry | None:
        """The schema with that guid."""
        return _entry(await self._rows.row(ENTRY_OF_GUID, guid))

    async def ids_of(self, identity: str) -> Sequence[int]:
        """The ids of a content, also of a purged one: several only where an import gave them."""
        return [row[0] for row in await self._rows.rows(IDS_OF_IDENTITY, identity)]

    async def identity_of(self, number: int) -> str | None:
        """The content to which an id belongs, also if it was purged."""
        row = await self._rows.row(IDENTITY_OF_ID, number)
        return None if row is None else str(row[0])

    async def last_id(self) -> int:
        """The highest id that was ever given."""
        row = await self._rows.row(LAST_ID)
        assert row is not None
        return int(row[0])

    async def add_entry(self, entry: Entry, identity: str) -> None:
        """Keep a schema under its id, or give a purged one its text back."""
        refs = json.dumps(entry.references, ensure_ascii=False)
        await self._rows.run(ADD_ENTRY, entry.id, identity, entry.guid, entry.language, entry.text, refs)

    async def versions(self, subject: str) -> Sequence[Version]:
        """All versions of a subject, hidden ones too, in their order."""
        return _versions(await self._rows.rows(VERSIONS, subject))

    async def all_versions(self) -> Sequence[Version]:
        """All versions of all subjects, by subject and number."""
        return _versions(await self._rows.rows(ALL_VERSIONS))

    async def uses(self, number: int) -> Sequence[Version]:
        """The versions that are the schema with that id."""
        return _versions(await self._rows.rows(USES, number))

    async def referrers(self, subject: str, version: int) -> Sequence[Version]:
        """The versions that refer to this one."""
        return _versions(await self._rows.rows(REFERRERS, subject, version))

    async def add_version(self, subject: str, version: int, entry: Entry) -> None:
        """Make a schema a version of a subject."""
        await self._rows.run(ADD_VERSION, subject, version, entry.id)
        await self._rows.run(PURGE_REFERRALS, subject, version)
        for reference in entry.references:
            await self._rows.run(ADD_REFERRAL, subject, version, reference.subject, reference.version)

    async def hide(self, versions: Sequence[Version]) -> None:
        """Delete softly: the versions are listed only on request, their ids still answer."""
        for each in versions:
            await self._rows.run(HIDE, each.subject, each.version)

    async def purge(self, versions: Sequence[Version]) -> None:
        """Delete for ever, with the text of each schema that no version uses any more."""
        for each in versions:
            await self._rows.run(PURGE, each.subject, each.version)
            await self._rows.run(PURGE_REFERRALS, each.subject, each.version)
            await self._rows.run(PURGE_TEXT, each.id)

    async def setting(self, subject: str, name: str) -> str | None:
        """A setting of a subject, or of the whole registry (subject "")."""
        row = await self._rows.row(SETTING, subject, name)
        return None if row is None else str(row[0])

    async def set(self, subject: str, name: str, value: str) -> None:
        """Keep a setting."""
        await self._rows.run(SET, subject, name, value)

    async def unset(self, subject: str, name: str) -> None:
        """Remove a setting."""
        await self._rows.run(UNSET, subject, name)

    async def unset_all(self, subject: str) -> None:
        """Remove all settings of a subject."""
        await self._rows.run(UNSET_ALL, subject)


def _entry(row: Row | None) -> Entry | None:
    if row is None:
        return None
    number, guid, language, text, refs = row
    return Entry(number, guid, language, text, tuple(Reference(*each) for each in json.loads(refs)))


def _versions(rows: Sequence[Row]) -> list[Version]:
    # Sorted here: two databases have two orders of texts.
    return sorted(Version(subject, version, number, bool(deleted)) for subject, version, number, deleted in rows)

"""The registry beside the embedded log, in the log's own file."""

from __future__ import annotations

from partita.databases.sqlite.file import SqliteFile

PUBLISH = "INSERT INTO schema (fingerprint, text) VALUES (?, ?) ON CONFLICT DO NOTHING"
IS_KNOWN = "SELECT 1 FROM schema WHERE fingerprint = ?"
FIND = "SELECT text FROM schema WHERE fingerprint = ?"


class LogRegistry:
    """See `partita.schemas.registry.Registry`. It works while the log is open."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    async def publish(self, fingerprint: str, text: str) -> None:
        """Keep a schema."""
        async with self._file.reading() as db:
            if db.execute(IS_KNOWN, (fingerprint,)).fetchone():
                return
        # Not synced by itself: the sync of the first record that needs it covers it, since both are in one file.
        async with self._file.writing(synced=False) as db:
            db.execute(PUBLISH, (fingerprint, text))

    async def find(self, fingerprint: str) -> str | None:
        """The schema of that fingerprint."""
        async with self._file.reading() as db:
            row = db.execute(FIND, (fingerprint,)).fetchone()
        return None if row is None else str(row[0])

"""The outbox of a service's file inside a user's transaction on SQLite.

The file has one writer at a time, so a writing transaction numbers its keys alone until it commits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from partita.databases.sqlite.high_water import HighWater
from partita.errors import NotFound, StoreMismatch
from partita.machine.wake import SocketWake
from partita.message import numbered_headers
from partita.store.sqlite.outbox import ADD, MARK, QUEUE
from partita.store.sqlite.schema import APPLICATION_ID, MIGRATIONS
from partita.store.sqlite.store import META, NEWEST_SENT, outbox_channel
from partita.store.users_transaction import Script, Statement, UnnumberedRow

# Written before anything is read: a transaction that reads first and writes later is refused ("database is locked")
# if another wrote in between.
IS_SOURCE = """
UPDATE partita_meta SET value = value WHERE name = 'incarnation' AND value = ?
AND EXISTS (SELECT 1 FROM partita_meta WHERE name = 'id' AND value = ?)
"""
NEXT = """
INSERT INTO key_numbers (key, version, sent, counted) VALUES (?, 1, json_object(?, 1), '{}')
ON CONFLICT (key) DO UPDATE SET version = version + 1,
    sent = json_set(sent, '$."' || ? || '"', coalesce(json_extract(sent, '$."' || ? || '"'), 0) + 1)
"""
NUMBER = "SELECT json_extract(sent, '$.\"' || ? || '\"') FROM key_numbers WHERE key = ?"


class SqliteForeignTables:
    """See `partita.store.users_transaction.ForeignTables`."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._wakes: dict[Path, Callable[[], None]] = {}
        self._path = Path()

    def source(self) -> Script[str]:
        """The identity of the file: the connection's own main database, by its `partita_meta`."""
        files = {name: path for _, name, path in (yield Statement("PRAGMA database_list", asks=True))}
        path = files.get("main") or "a database in memory"
        ((marked,),) = yield Statement("PRAGMA application_id", asks=True)
        if marked != APPLICATION_ID:
            # In WAL mode a commit over two attached files is not atomic in a crash: one of the two may be missing.
            beside = ", and an attached one is not committed with it as one" if len(files) > 1 else ""
            raise NotFound(
                f"{path} is no database of {self._service}{beside}.",
                hint=f"Open {self._service}.db in the folder of PARTITA_DATA, and keep your own tables in it "
                f"(Service(tables=...)). Its relay makes the file: partita run module:app --only {self._service} --roles relay",
            )
        ((version,),) = yield Statement("PRAGMA user_version", asks=True)
        if version != len(MIGRATIONS):
            raise StoreMismatch(
                f"{path} has schema {version}, this Partita writes {len(MIGRATIONS)}.",
                hint="Run the same Partita here and in the relay; a relay that starts brings an older file up to date.",
            )
        meta = dict((yield Statement(META, asks=True)))
        if meta.get("service") != self._service:
            raise StoreMismatch(
                f"{path} belongs to {meta.get('service')}, not to {self._service}.", hint="Nothing was written."
            )
        ((newest,),) = yield Statement(NEWEST_SENT, asks=True)
        sent = HighWater(Path(f"{path}.sent"))
        went_back = sent.seen() > newest
        sent.close()
        if went_back:
            raise StoreMismatch(
                f"{path} was restored from an older copy: new messages could be taken for copies of earlier ones.",
                hint=f"Start it once, so that it gets a new source: partita run module:app --only {self._service} --roles relay",
            )
        self._path = Path(path)
        return f"{meta['service']}/{meta['id']}.{meta['incarnation']}"

    def write(self, source: str, rows: Sequence[UnnumberedRow]) -> Script[bool]:
        """Number, write and queue; each statement is a call within this process."""
        name, incarnation = source.rpartition("/")[2].split(".")
        if not (yield Statement(IS_SOURCE, (incarnation, name))):
            return False
        ((mark,),) = yield Statement(MARK, asks=True)
        for row, hole in rows:
            written = row
            if hole >= 0:
                topic, key = row.aggregatetype, row.aggregateid
                yield Statement(NEXT, (key, topic, topic, topic))
                ((number,),) = yield Statement(NUMBER, (topic, key), asks=True)
                written = row._replace(headers=numbered_headers(row.headers, hole, number))
            yield Statement(ADD, tuple(written))
        yield Statement(QUEUE, (mark,))
        return True

    def wake(self) -> Callable[[], None]:
        """A datagram to the relays of the file that was written last; without it they poll twice a second."""
        folder = self._path.parent / "wake"
        if folder not in self._wakes:
            # One object per file: a caller that collects the calls makes each of them once.
            self._wakes[folder] = partial(SocketWake(folder).signal, [outbox_channel(self._service)])
        return self._wakes[folder]

"""The identity of a log's schema: it changes after a restore from a copy, or when a standby took over that may lack records."""

from __future__ import annotations

from partita.databases.postgres.database import Database
from partita.databases.postgres.lock_waits import LOCK
from partita.databases.postgres.place import MAY_ASK_PLACE, PLACE
from partita.texts.foreign_text import logger

log = logger(__name__)
META = "SELECT name, value FROM partita_log.partita_meta"
SET_META = """
INSERT INTO partita_log.partita_meta (name, value) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""


async def identity_of(database: Database, new_id: str) -> str:
    """The log's id and incarnation. If this user may not ask for the database's place, the incarnation never changes."""
    async with database.writing() as link:
        await link.rows(LOCK, "partita_log/identity")
        meta = {row[0]: row[1] for row in await link.rows(META)}
        may_ask = (await link.rows(MAY_ASK_PLACE))[0][0]
        place = ((await link.rows(PLACE, "partita_log.record"))[0][0] or "") if may_ask else ""
        new = {"place": place} if place else {}
        if "id" not in meta:
            new |= {"id": new_id, "incarnation": "1"}
        elif place and meta.get("place", place) != place:
            new["incarnation"] = str(int(meta["incarnation"]) + 1)
            log.warning("%s was restored from a copy: what was sent since is sent again", database.where)
        for name, value in new.items():
            if meta.get(name) != value:
                await link.run(SET_META, name, value)
    meta |= new
    return f"{meta['id']}.{meta['incarnation']}"

"""The answers that admission needs about a batch, in one round trip."""

from __future__ import annotations

from typing import Any

from partita.databases.postgres.arrays import columns
from partita.databases.postgres.asking import Link
from partita.message import is_users_key
from partita.store.claims import check_epochs
from partita.store.inbox import InboxEntry
from partita.store.port import Asked, Known
from partita.store.postgres.parking import PostgresParking
from partita.store.postgres.sequences import in_order
from partita.store.postgres.tombstones import undone

KNOWN = "SELECT * FROM partita_known($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
CLAIM, MARK, NUMBER, PARKED, UNDONE = 1, 2, 3, 4, 5
NONE: tuple[list[Any], ...] = ([], [], [])


async def read_known(link: Link, asked: Asked) -> Known:
    """Ask, lock the keys' numbers and the claims, and check the claims.

    Raises:
        Fenced: another process holds one of the partitions now.
    """
    claims = columns([held[:2] for held in asked.held]) or NONE[:2]
    marks = columns(asked.marks) or NONE[:2]
    places = columns(in_order(asked.places)) or NONE
    keys = list({key for _, key in asked.keys})
    ids = list({saga_id for _, saga_id, _ in asked.steps})
    named = any(is_users_key(message_id) for _, message_id in asked.marks)
    answers: dict[int, list[tuple[Any, ...]]] = {CLAIM: [], MARK: [], NUMBER: [], PARKED: [], UNDONE: []}
    for kind, *answer in await link.rows(KNOWN, asked.consumer, *claims, *marks, *places, keys, ids, named):
        answers[kind].append(tuple(answer))
    check_epochs(asked.consumer, asked.held, {(topic, n): epoch for topic, *_, n, epoch, _ in answers[CLAIM]})
    parked = frozenset((a, b) for a, b, *_ in answers[PARKED]) & frozenset(asked.keys)
    return Known(
        {(a, b): InboxEntry(c, d, n, data) for a, b, c, d, n, _, data in answers[MARK]},
        {(a, b, c): n for a, b, c, _, n, *_ in answers[NUMBER]},
        await PostgresParking(link).held(asked.consumer, sorted(parked)) if parked else parked,
        undone([(a, b, c, n, m, data) for a, b, c, _, n, m, data in answers[UNDONE]], asked.steps),
    )

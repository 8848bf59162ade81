"""The answers that admission needs about a batch, in one round trip."""

from __future__ import annotations

from typing import Any

from partita.databases.postgres.arrays import columns
from partita.databases.postgres.asking import Link
from partita.message import is_users_key
from partita.store.claims import check_epochs
from partita.store.inbox import InboxEntry
from partita.store.port import Asked, Known
from partita.store.postgres.key_rows import numbers_of
from partita.store.postgres.parking import PostgresParking
from partita.store.postgres.tombstones import undone
from partita.store.sequences import Sequences

KNOWN = "SELECT * FROM partita_known($1, $2, $3, $4, $5, $6, $7, $8, $9)"
CLAIM, MARK, NUMBER, PARKED, UNDONE = 1, 2, 3, 4, 5
NONE: tuple[list[Any], ...] = ([], [])


async def ask(link: Link, asked: Asked) -> dict[int, list[tuple[Any, ...]]]:
    """The rows of the answers by their kind. Locks the claims, and checks them.

    Raises:
        Fenced: another process holds one of the partitions now.
    """
    claims = columns([held[:2] for held in asked.held]) or NONE
    marks = columns(asked.marks) or NONE
    numbered = list({key for *_, key in asked.places})
    keys = list({key for _, key in asked.keys})
    ids = list({saga_id for _, saga_id, _ in asked.steps})
    named = any(is_users_key(message_id) for _, message_id in asked.marks)
    answers: dict[int, list[tuple[Any, ...]]] = {CLAIM: [], MARK: [], NUMBER: [], PARKED: [], UNDONE: []}
    for kind, *answer in await link.rows(KNOWN, asked.consumer, *claims, *marks, numbered, keys, ids, named):
        answers[kind].append(tuple(answer))
    check_epochs(asked.consumer, asked.held, {(topic, n): epoch for topic, *_, n, epoch, _ in answers[CLAIM]})
    return answers


async def read_known(link: Link, sequences: Sequences, asked: Asked) -> Known:
    """See `Session.read_known`."""
    answers = await ask(link, asked)
    parked = frozenset((a, b) for a, b, *_ in answers[PARKED]) & frozenset(asked.keys)
    sequences.learn(
        [key for *_, key in asked.places], {a: numbers_of(n, b, c) for a, b, c, _, n, *_ in answers[NUMBER]}
    )
    return Known(
        {(a, b): InboxEntry(c, d, n, data) for a, b, c, d, n, _, data in answers[MARK]},
        await sequences.last_in(asked.places),
        await PostgresParking(link).held(asked.consumer, sorted(parked)) if parked else parked,
        undone([(a, b, c, n, m, data) for a, b, c, _, n, m, data in answers[UNDONE]], asked.steps),
    )

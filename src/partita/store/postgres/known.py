"""The answers that admission needs about a batch, in one round trip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from partita.databases.postgres.arrays import columns
from partita.databases.postgres.asking import Link
from partita.message import is_users_key
from partita.store.claims import check_epochs
from partita.store.inbox import InboxEntry
from partita.store.port import Asked, Known
from partita.store.postgres.key_rows import numbers_of
from partita.store.postgres.parking import PostgresParking
from partita.store.postgres.sagas import PostgresSagas, saga_row
from partita.store.postgres.tombstones import undone
from partita.store.sequences import Sequences

KNOWN = "SELECT * FROM partita_known($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
CLAIM, MARK, NUMBER, PARKED, UNDONE, QUEUED, INSTANCE = range(1, 8)
NONE: tuple[list[Any], ...] = ([], [])


async def ask(
    link: Link, asked: Asked, numbered: Sequence[str] = (), *, within: bool = False
) -> dict[int, list[tuple[Any, ...]]]:
    """The rows of the answers by their kind. Locks the claims, and checks them.

    Raises:
        Fenced: another process holds one of the partitions now.
    """
    claims = columns([held[:2] for held in asked.held]) or NONE
    marks = columns(asked.marks) or NONE
    keys = list({key for _, key in asked.keys})
    ids = list({saga_id for _, saga_id, _ in asked.steps})
    named = any(is_users_key(message_id) for _, message_id in asked.marks)
    sagas = columns(asked.sagas) or NONE
    given = (*claims, *marks, numbered, keys, ids, named, within, *sagas)
    # A row that waits to be written is none of these: without ids asked about, the waiting marks may wait on.
    look = link.rows if asked.marks else link.look
    answers: dict[int, list[tuple[Any, ...]]] = {kind: [] for kind in range(CLAIM, INSTANCE + 1)}
    for kind, *answer in await look(KNOWN, asked.consumer, *given):
        answers[kind].append(tuple(answer))
    check_epochs(asked.consumer, asked.held, {(topic, n): epoch for topic, *_, n, epoch, _ in answers[CLAIM]})
    return answers


class PostgresKnown:
    """Reads the answers within one transaction. `within`: messages go straight into the log, unless one of their key waits in
    the queue; `free`: see `Sequences.learn`."""

    def __init__(
        self, link: Link, sequences: Sequences, sagas: PostgresSagas, *, within: bool = False, free: bool = False
    ) -> None:
        self._link = link
        self._sequences = sequences
        self._sagas = sagas
        self._within = within
        self._free = free
        self._quiet: set[str] = set()  # keys of which no message is parked, as of their numbers

    async def read(self, asked: Asked) -> Known:
        """See `Session.read_known`. Messages that are handled at once ask about keys again: what is known of them is of one
        moment, and no one else gives numbers of them, so nothing is asked."""
        keys, numbered = {key for _, key in asked.keys}, {*asked.sending, *[key for *_, key in asked.places]}
        again = self._quiet.issuperset(keys) and self._sequences.knows(keys | numbered)
        if again and not (asked.held or asked.marks or asked.steps or asked.sagas):
            return Known({}, await self._sequences.last_in(asked.places), frozenset(), {})
        return await self._asked(asked, keys, list(numbered))

    async def _asked(self, asked: Asked, keys: set[str], numbered: list[str]) -> Known:
        answers = await ask(self._link, asked, numbered, within=self._within)
        parked = frozenset((a, b) for a, b, *_ in answers[PARKED]) & frozenset(asked.keys)
        self._quiet |= keys - {b for _, b, *_ in answers[PARKED]}
        self._sequences.learn(
            numbered,
            {a: numbers_of(n, b, m, c) for a, b, c, _, n, m, _ in answers[NUMBER]},
            free=self._free and not answers[QUEUED],
        )
        self._sagas.learn(asked.sagas, {(a, b): saga_row(a, b, c, data) for a, b, c, *_, data in answers[INSTANCE]})
        return Known(
            {(a, b): InboxEntry(c, d, n, data) for a, b, c, d, n, _, data in answers[MARK]},
            await self._sequences.last_in(asked.places),
            await PostgresParking(self._link).held(asked.consumer, sorted(parked)) if parked else parked,
            undone([(a, b, c, n, m, data) for a, b, c, _, n, m, data in answers[UNDONE]], asked.steps),
        )

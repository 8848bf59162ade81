"""Discarding dead letters: closed in batches, so that their keys continue; for 7 days each can be opened again.

Its progress is stored before the first batch and with each one, so that an interrupted discard continues, and later
letters are not discarded.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from partita.catalog.service import Service
from partita.clock import Ids
from partita.errors import Conflict, NotFound
from partita.operators.audit import in_words, record
from partita.store.dead_letters import LetterFilter
from partita.store.operations import OperationRow
from partita.store.port import Store

VERB = "dlq discard"
BATCH = 500


async def begin_discard(
    store: Store, service: Service, where: LetterFilter, ids: Ids, *, reason: str, by: str
) -> OperationRow:
    """Store a discard; no letter is closed yet."""
    now_us = await store.now_us()
    async with store.transaction() as session:
        planned = await session.dead_letters.count(service.name, where)
        target = json.dumps(where._asdict())
        name = f"op_{ids.new()[-12:]}"
        row = OperationRow(name, VERB, target, "{}", reason, by, "running", planned, 0, 0, "", now_us, now_us)
        await session.operations.begin(row)
        await record(session, now_us, by, VERB, in_words(where), detail=f"{row.id} plans {planned}", reason=reason)
    return row


async def run_discard(
    store: Store, service: Service, operation_id: str, told: Callable[[int], None] = lambda done: None
) -> int:
    """Carry out a discard from its stored progress to its end; returns the number of letters that it closed in all.

    Raises:
        NotFound: there is no such operation. Conflict: it is done already.
    """
    async with store.reading() as session:
        row = await session.operations.get(operation_id)
    if row is None:
        raise NotFound(f"There is no operation {operation_id} in {service.name}.", hint="partita op list")
    if row.status == "done":
        raise Conflict(f"Operation {operation_id} is done already: {row.done} of {row.planned}.")
    target = json.loads(row.target)
    where = LetterFilter(**{**target, "ids": tuple(target["ids"]), "before_us": row.created_us + 1})
    done, more = row.done, True
    while more:
        now_us = await store.now_us()
        async with store.transaction() as session:
            page = await session.dead_letters.find(service.name, BATCH, where)
            for letter in page:
                await session.dead_letters.close([letter.id], "discarded", row.reason, now_us)
                await session.parking.remove(service.name, [letter.message_id])
                await session.inbox.resolve(service.name, [(letter.message_id, "discarded", None)])
            if page:
                ids = ", ".join(letter.id for letter in page[:5]) + (" ..." if len(page) > 5 else "")
                said = f"{operation_id}: {len(page)} letters"
                await record(session, now_us, row.actor, VERB, ids, detail=said, reason=row.reason)
            done, more = done + len(page), len(page) == BATCH
            cursor = page[-1].id if page else row.cursor
            await session.operations.progress(operation_id, done, 0, cursor, now_us)
            if not more:
                await session.operations.finish(operation_id, "done", now_us)
        told(done)
    return done


async def restore(store: Store, service: Service, letter_id: str, *, by: str) -> None:
    """Open a discarded letter again.

    Raises:
        NotFound: there is none. Conflict: it is not discarded.
    """
    now_us = await store.now_us()
    async with store.transaction() as session:
        found = await session.dead_letters.find(service.name, 1, LetterFilter(status="", ids=(letter_id,)))
        if not found:
            raise NotFound(f"There is no dead letter {letter_id} in {service.name}.", hint="partita dlq list")
        if found[0].status != "discarded":
            raise Conflict(f"Dead letter {letter_id} is {found[0].status}, not discarded.")
        await session.dead_letters.close([letter_id], "open", "", 0)
        await record(session, now_us, by, "dlq restore", letter_id)

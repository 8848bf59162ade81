"""Rehearsal: the real handlers handle parked messages and dead letters in a transaction that is rolled back; the result is
shown and nothing has happened.

Handlers that call outside are not run: a call cannot be rolled back. They are listed with their idempotency key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from partita.codec.learning import learn_writer
from partita.errors import PartitaError, UnknownSchema
from partita.runtime.path.calling import meta_of
from partita.runtime.path.delivery import Delivery, record_of
from partita.runtime.path.parked_rows import row_of_letter
from partita.runtime.path.pipeline import Pipeline
from partita.runtime.path.waves import HandlerFailed
from partita.store.dead_letters import DeadLetter
from partita.store.parking import ParkedRow
from partita.store.port import Session
from partita.texts.cause import cause_of, text_of

BEHIND_MAX = 1_000
Verdict = Literal["runs", "handled already", "fails", "calls outside"]


class Rehearsed(NamedTuple):
    """The result for one message: `leaves` are the types of the messages it would send, `calls` the handlers that
    would call outside, each with its idempotency key. `letter_id` is empty for one that queues behind a letter."""

    letter_id: str
    message_id: str
    type: str
    key: str | None
    verdict: Verdict
    error: str
    leaves: tuple[str, ...]
    calls: tuple[tuple[str, str], ...]


class _Undo(Exception):
    """Ends the transaction of a rehearsal."""


async def rehearse(pipeline: Pipeline, letters: Sequence[DeadLetter]) -> list[Rehearsed]:
    """The results of a replay of these letters, each with the messages behind it, in order. The schema of a writer that is not
    known here is looked up, as a running service does.

    Raises:
        BusUnavailable: the registry of schemas does not answer.
    """
    asked: set[str] = set()
    found, unknown = await _rolled_back(pipeline, letters)
    while new := [schema for schema in dict.fromkeys(unknown) if schema not in asked]:
        asked.update(new)
        # Outside the transaction: a registry may take seconds to answer, and the service waits for this database.
        if not any([await learn_writer(pipeline.codec, pipeline.find_schema, schema) for schema in new]):
            break
        found, unknown = await _rolled_back(pipeline, letters)
    return found


async def _rolled_back(pipeline: Pipeline, letters: Sequence[DeadLetter]) -> tuple[list[Rehearsed], list[str]]:
    """The results, and the schemas that are unknown here."""
    found: list[Rehearsed] = []
    unknown: list[str] = []
    try:
        async with pipeline.store.transaction() as session:
            for letter in letters:
                found += await _rehearse(pipeline, session, letter, unknown)
            raise _Undo
    except _Undo:
        return found, unknown


async def _rehearse(pipeline: Pipeline, session: Session, letter: DeadLetter, unknown: list[str]) -> list[Rehearsed]:
    group = pipeline.service.name
    now_us = await pipeline.store.now_us()
    there = await session.parking.get(group, [letter.message_id])
    if not there:
        await session.parking.add([row_of_letter(letter, "ready", 0, now_us)])
    first = (await session.parking.get(group, [letter.message_id]))[letter.message_id]
    rows: list[ParkedRow] = [first]
    if first.key is not None and pipeline.service.order == "key":
        behind = await session.parking.of_key(group, first.topic, first.key, BEHIND_MAX)
        rows += [row for row in behind if row.idx > first.idx and row.state != "gap"]
    found: list[Rehearsed] = []
    for row in rows:
        await session.parking.move(group, [row.message_id], "ready", 0, 0)
        delivery = pipeline.decoded(record_of(row), row._replace(state="ready"))
        if isinstance(delivery.broken, UnknownSchema):
            unknown.append(delivery.broken.schema)
        result = await _one(pipeline, session, delivery, letter.id if row is first else "")
        found.append(result)
        if result.verdict in ("fails", "calls outside"):
            break  # the messages behind it stay there, or their outcome is not known
    return found


async def _one(pipeline: Pipeline, session: Session, delivery: Delivery, letter_id: str) -> Rehearsed:
    row = delivery.parked
    assert row is not None
    told = Rehearsed(letter_id, row.message_id, row.type, row.key, "runs", "", (), ())
    if delivery.broken is not None:
        return told._replace(verdict="fails", error=cause_of(delivery.broken))
    if delivery.interest is not None and delivery.interest.calls_out:
        calls = [
            (b.name, meta_of(b, delivery).idempotency_key) for b in delivery.interest.bindings if b.concurrency > 1
        ]
        return told._replace(verdict="calls outside", calls=tuple(calls))
    try:
        leaves = await _handled(pipeline, session, delivery)
    except HandlerFailed as failed:
        return told._replace(verdict="fails", error=cause_of(failed.error))
    except PartitaError as error:
        return told._replace(verdict="fails", error=text_of(error))
    if leaves is None:
        return told._replace(verdict="handled already")
    return told._replace(leaves=leaves)


async def _handled(pipeline: Pipeline, session: Session, delivery: Delivery) -> tuple[str, ...] | None:
    async with pipeline.units.rehearsed(session) as work:
        (each,) = await work.admit([delivery])
        await work.handle([each])
    return tuple(message.envelope.type for message in each.handling.sent) if each.fresh else None

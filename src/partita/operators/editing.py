"""Looking at a dead letter and mending it: the edited copy takes the letter's place in one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from partita.bus.port import Record
from partita.clock import Ids
from partita.codec.port import Codec
from partita.dead_letters.dead_letter import envelope_or_none
from partita.errors import Conflict, Malformed, PartitaError
from partita.message import envelope_to_bytes
from partita.operators.audit import record
from partita.runtime.path.admission import row_of_letter
from partita.runtime.path.pipeline import Pipeline
from partita.store.dead_letters import DeadLetter
from partita.store.inbox import InboxRow


class View(NamedTuple):
    """A letter's value as people read it: `fields` where it can be decoded, else `problem`; the bytes as hex always."""

    fields: Mapping[str, Any] | None
    problem: str
    headers_hex: str
    value_hex: str


HEX_BYTES_MAX = 512


def view(letter: DeadLetter, codec: Codec) -> View:
    """A letter's value, by the schema of whoever wrote it."""
    headers, value = letter.headers[:HEX_BYTES_MAX].hex(" "), letter.value[:HEX_BYTES_MAX].hex(" ")
    envelope = envelope_or_none(_record(letter))
    if envelope is None:
        return View(None, "Its headers are no envelope.", headers, value)
    try:
        fields = codec.as_written(envelope.schema, letter.value)
    except PartitaError as error:
        return View(None, error.what, headers, value)
    plain = msgspec.to_builtins(fields)
    return View(plain if isinstance(plain, dict) else {"value": plain}, "", headers, value)


def edited(letter: DeadLetter, pipeline: Pipeline, ids: Ids, changes: Mapping[str, Any], *, whole: bool) -> DeadLetter:
    """The copy with these fields changed (`whole`: with these and no others); id and source are its own, key and
    correlation stay.

    Raises:
        Malformed: it does not fit the message's schema as declared now. Conflict: it cannot be edited.
    """
    envelope = envelope_or_none(_record(letter))
    if envelope is None:
        raise Conflict("Its headers are no envelope, so nobody knows what it should be.", hint="partita dlq discard")
    interest = pipeline.interests.get(envelope.type)
    if interest is None:
        raise Conflict(f"{pipeline.service.name} has no handler for {envelope.type}.")
    fields: dict[str, Any] = dict(changes)
    if not whole:
        seen = view(letter, pipeline.codec)
        if seen.fields is None:
            raise Conflict(
                f"Its value cannot be decoded: {seen.problem}", hint="Give the whole value: --data @value.json"
            )
        fields = {**seen.fields, **changes}
    shape = interest.contract.shape
    known = set(shape.struct.__struct_encode_fields__)
    strange = [name for name in fields if name not in known]
    if strange:
        raise Malformed(f"{shape.name} has no field {strange[0]!r}.", hint=f"It has: {', '.join(sorted(known))}.")
    try:
        value = msgspec.convert(fields, shape.struct, strict=False)
    except msgspec.ValidationError as error:
        raise Malformed(f"{shape.name}: {error}", hint="partita schema show " + shape.name) from error
    fingerprint, data = pipeline.codec.encode(shape, value)
    copy = msgspec.structs.replace(
        envelope,
        id=ids.new(),
        causation_id=envelope.id,
        schema=fingerprint,
        extra={**envelope.extra, "supersedes": envelope.id},
    )
    return letter._replace(
        id=ids.new(), message_id=copy.id, headers=envelope_to_bytes(copy), value=data, status="open", closed_us=0
    )


def difference(old: View, new: View) -> list[tuple[str, str, str]]:
    """(field, before, after) of what changed; fields that are absent are empty."""
    before, after = old.fields or {}, new.fields or {}
    names = dict.fromkeys([*before, *after])
    shown = [(n, _shown(before.get(n, "")), _shown(after.get(n, ""))) for n in names]
    return [each for each in shown if each[1] != each[2]]


async def supersede(pipeline: Pipeline, letter: DeadLetter, by: DeadLetter, *, actor: str, reason: str) -> None:
    """Put the edited copy in the letter's place: also in its key, where it stands first. Only one of them ever runs.

    Raises:
        Conflict: the letter is not open any more.
    """
    group, now_us = pipeline.service.name, await pipeline.store.now_us()
    envelope = envelope_or_none(_record(by))
    assert envelope is not None
    async with pipeline.store.transaction() as session:
        if not await session.dead_letters.release([letter.id]):
            raise Conflict(f"Dead letter {letter.id} is not open any more.", hint="partita dlq show " + letter.id)
        await session.dead_letters.supersede(letter.id, by._replace(at_us=now_us), now_us)
        mark = InboxRow(group, by.message_id, by.type, by.key, by.correlation_id, letter.message_id, "", now_us, "dead")
        await session.inbox.mark([mark])
        await session.inbox.resolve(group, [(letter.message_id, "discarded", None)])
        row = row_of_letter(by, "dead", -1, now_us)
        if not await session.parking.replace(group, letter.message_id, row) and pipeline.service.order == "key":
            await session.parking.add([row])
        detail = f"{letter.id} -> {by.id}"
        await record(session, now_us, actor, "dlq edit", letter.message_id, detail=detail, reason=reason)


def _record(letter: DeadLetter) -> Record:
    return Record(letter.topic, letter.partition, letter.offset, letter.key, letter.headers, letter.value, 0)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)

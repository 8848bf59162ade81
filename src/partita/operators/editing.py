"""Mending a dead letter: the edited copy takes the letter's place in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from partita.clock import Ids
from partita.errors import Conflict, Malformed
from partita.message import envelope_to_bytes
from partita.observability.letters import difference, envelope_of, open_letter, view
from partita.observability.reach import Stores
from partita.operators.audit import record
from partita.runtime.path.admission import row_of_letter
from partita.runtime.path.pipeline import Pipeline
from partita.store.dead_letters import DeadLetter
from partita.store.inbox import InboxRow


def edited(letter: DeadLetter, pipeline: Pipeline, ids: Ids, changes: Mapping[str, Any], *, whole: bool) -> DeadLetter:
    """The copy with these fields changed (`whole`: with these and no others); it has its own id and source, and the same
    key and correlation.

    Raises:
        Malformed: it does not fit the message's schema as declared now. Conflict: it cannot be edited.
    """
    envelope = envelope_of(letter)
    if envelope is None:
        raise Conflict("Its headers are no envelope, so its type is unknown.", hint="partita dlq discard")
    interest = pipeline.interests.get(envelope.type)
    if interest is None:
        raise Conflict(f"{pipeline.service.name} has no handler for {envelope.type}.")
    fields: dict[str, Any] = dict(changes)
    if not whole:
        seen = view(letter, pipeline.codec)
        if seen.fields is None:
            raise Conflict(
                f"Its value cannot be decoded: {seen.problem}", hint="Give the whole value: --data-file value.json"
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
        extra={**envelope.extra, "partitasupersedes": envelope.id},
    )
    return letter._replace(
        id=ids.new(), message_id=copy.id, headers=envelope_to_bytes(copy), value=data, status="open", closed_us=0
    )


@dataclass(frozen=True, slots=True)
class Proposed:
    """A letter, the edited copy, and what differs: (field, before, after)."""

    letter: DeadLetter
    copy: DeadLetter
    changes: tuple[tuple[str, str, str], ...]


async def propose(
    stores: Stores,
    pipelines: Mapping[str, Pipeline],
    ids: Ids,
    letter_id: str,
    changes: Mapping[str, Any],
    *,
    whole: bool,
) -> Proposed:
    """The edited copy of an open letter, to be looked at before `supersede` puts it in the letter's place.

    Raises:
        NotFound: there is no open letter of that id. Malformed, Conflict: as `edited`.
    """
    letter = await open_letter(stores, letter_id)
    pipeline = pipelines[letter.consumer]
    copy = edited(letter, pipeline, ids, changes, whole=whole)
    rows = difference(view(letter, pipeline.codec), view(copy, pipeline.codec))
    return Proposed(letter, copy, tuple(rows))


async def supersede(pipeline: Pipeline, letter: DeadLetter, by: DeadLetter, *, actor: str, reason: str) -> None:
    """Put the edited copy in the letter's place, also in the order of its key. Only one of the two ever runs.

    Raises:
        Conflict: the letter is no longer open.
    """
    group, now_us = pipeline.service.name, await pipeline.store.now_us()
    envelope = envelope_of(by)
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

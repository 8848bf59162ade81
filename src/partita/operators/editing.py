"""Editing a dead letter: the edited copy replaces the letter in one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from partita.catalog.contract import Contract
from partita.clock import Ids
from partita.codec.learning import learn_writer
from partita.codec.port import Codec
from partita.errors import Conflict, Malformed, UnknownSchema
from partita.message import envelope_to_bytes
from partita.observability.letters import View, difference, envelope_of, open_letter, view
from partita.observability.reach import Stores
from partita.operators.audit import record
from partita.runtime.path.parked_rows import row_of_letter
from partita.runtime.path.pipeline import Pipeline
from partita.schemas.fields.shape import Shape
from partita.store.dead_letters import DeadLetter
from partita.store.inbox import InboxRow


class AsTyped(NamedTuple):
    """A field's value as an operator types it: JSON, or plain text where that JSON does not fit the field, as `42` of a text."""

    text: str


def edited(letter: DeadLetter, pipeline: Pipeline, ids: Ids, changes: Mapping[str, Any], *, whole: bool) -> DeadLetter:
    """The copy with these fields changed (`whole`: with these and no others); it has its own id and source, and the same
    key and correlation.

    Raises:
        Malformed: it does not fit the message's schema as declared now. Conflict: it cannot be edited, or its key would change.
        UnknownSchema: the writer's schema is not known here.
    """
    return _edited(letter, pipeline, ids, changes, whole=whole).copy


@dataclass(frozen=True, slots=True)
class Proposed:
    """A letter, the edited copy, and what differs: (field, before, after). `names` are the given names of fields that have
    another name on the wire: (given, on the wire)."""

    letter: DeadLetter
    copy: DeadLetter
    changes: tuple[tuple[str, str, str], ...]
    names: tuple[tuple[str, str], ...]


async def propose(
    stores: Stores,
    pipelines: Mapping[str, Pipeline],
    ids: Ids,
    letter_id: str,
    changes: Mapping[str, Any],
    *,
    whole: bool,
) -> Proposed:
    """The edited copy of an open letter, to be looked at before `supersede` puts it in the letter's place. The schema of its
    writer is looked up where it is not known here, as a running service does.

    Raises:
        NotFound: there is no open letter of that id. Malformed, Conflict, UnknownSchema: as `edited`.
        BusUnavailable: the registry of schemas does not answer.
    """
    letter = await open_letter(stores, letter_id)
    pipeline = pipelines[letter.consumer]
    envelope = envelope_of(letter)
    if envelope is not None and pipeline.codec.schema_text(envelope.schema) is None:
        await learn_writer(pipeline.codec, pipeline.find_schema, envelope.schema)
    return _edited(letter, pipeline, ids, changes, whole=whole)


def _edited(letter: DeadLetter, pipeline: Pipeline, ids: Ids, changes: Mapping[str, Any], *, whole: bool) -> Proposed:
    envelope = envelope_of(letter)
    if envelope is None:
        raise Conflict("Its headers are not an envelope, so its type is unknown.", hint="partita dlq discard")
    interest = pipeline.interests.get(envelope.type)
    if interest is None:
        raise Conflict(f"{pipeline.service.name} has no handler for {envelope.type}.")
    contract = interest.written  # an edited copy of an old message stays one, and its upcaster runs when it is replayed
    changed, names = _by_wire_name(contract.shape, changes)
    before = _fields_now(letter, contract.shape, pipeline.codec, needed=not whole)
    value = _converted(contract.shape, changed) if whole else _with(contract.shape, before, changed)
    _check_key(letter, contract, value, changed, whole=whole)
    fingerprint, data = pipeline.codec.encode(contract.shape, value)
    copy = msgspec.structs.replace(
        envelope,
        id=ids.new(),
        causation_id=envelope.id,
        schema=fingerprint,
        extra={**envelope.extra, "partitasupersedes": envelope.id},
    )
    by = letter._replace(
        id=ids.new(), message_id=copy.id, headers=envelope_to_bytes(copy), value=data, status="open", closed_us=0
    )
    rows = difference(View(before, "", "", ""), View(msgspec.to_builtins(value), "", "", ""))
    return Proposed(letter, by, tuple(rows), names)


def _by_wire_name(shape: Shape, changes: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[tuple[str, str], ...]]:
    """The changes by the fields' names on the wire; a field may be given by its name in the class too."""
    fields = msgspec.structs.fields(shape.struct)
    on_the_wire = {field.encode_name for field in fields}
    in_class = {field.name: field.encode_name for field in fields if field.name not in on_the_wire}
    found: dict[str, Any] = {}
    for name, value in changes.items():
        wire_name = in_class.get(name, name)
        if wire_name not in on_the_wire:
            named = (f"{f.encode_name} ({f.name})" if f.name != f.encode_name else f.name for f in fields)
            raise Malformed(f"{shape.name} has no field {name!r}.", hint=f"It has: {', '.join(sorted(named))}.")
        if wire_name in found:
            raise Malformed(f"{shape.name}: {wire_name} is given twice, once as {name}.")
        found[wire_name] = value
    return found, tuple((name, in_class[name]) for name in changes if name in in_class)


def _fields_now(letter: DeadLetter, shape: Shape, codec: Codec, *, needed: bool) -> dict[str, Any]:
    """The letter's fields as the class declares them now, read with the schema of their writer. Where the value does not fit
    the class, those of its fields that the class has: the edit gives what is missing."""
    envelope = envelope_of(letter)
    assert envelope is not None
    with suppress(Malformed, UnknownSchema):
        plain: dict[str, Any] = msgspec.to_builtins(codec.decode(shape, envelope.schema, letter.value))
        return plain
    seen = view(letter, codec)
    if seen.fields is None and needed:
        raise Conflict(
            f"Its value cannot be decoded: {seen.problem}", hint="Give the whole value: --data-file value.json"
        )
    known = shape.struct.__struct_encode_fields__
    return {name: value for name, value in (seen.fields or {}).items() if name in known}


def _with(shape: Shape, before: Mapping[str, Any], changed: Mapping[str, Any]) -> msgspec.Struct:
    """The value with some fields changed. Only these are taken from text: an unchanged text "null" stays a text."""
    types = {field.encode_name: field.type for field in msgspec.structs.fields(shape.struct)}
    fields = dict(before)
    for name, given in changed.items():
        try:
            fields[name] = msgspec.to_builtins(_value_of(given, types[name]))
        except msgspec.ValidationError as error:
            raise _misfit(shape, f"{name}: {error}") from error
    return _converted(shape, fields, strict=True)


def _value_of(given: Any, kind: Any) -> Any:
    if not isinstance(given, AsTyped):
        return msgspec.convert(given, kind, strict=False)
    try:
        value = json.loads(given.text)
    except (ValueError, RecursionError):
        return msgspec.convert(given.text, kind, strict=False)
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError:
        with suppress(msgspec.ValidationError):
            return msgspec.convert(given.text, kind, strict=False)
        raise  # the error about the JSON says more


def _converted(shape: Shape, fields: Mapping[str, Any], *, strict: bool = False) -> msgspec.Struct:
    try:
        value: msgspec.Struct = msgspec.convert(fields, shape.struct, strict=strict)
    except msgspec.ValidationError as error:
        raise _misfit(shape, str(error)) from error
    return value


def _misfit(shape: Shape, why: str) -> Malformed:
    return Malformed(f"{shape.name}: {why}", hint="partita schema show " + shape.name)


def _check_key(
    letter: DeadLetter, contract: Contract, value: msgspec.Struct, changed: Mapping[str, Any], *, whole: bool
) -> None:
    """Refuse a change of the key: the copy takes the letter's place in the order of that key, and copies are known by it."""
    field = "key" if contract.kind == "fault" else contract.key_field
    if field is None:
        return
    wire_name = next(f.encode_name for f in msgspec.structs.fields(contract.shape.struct) if f.name == field)
    if (whole or wire_name in changed) and contract.key_of(value) != letter.key:
        raise Conflict(
            f"{wire_name} is the key of {contract.name}, which an edit leaves as it is: {letter.key!r}. The copy takes the "
            "letter's place in the order of its key.",
            hint=f"partita dlq discard --id {letter.id}, and send a new message with the other key.",
        )


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
            raise Conflict(f"Dead letter {letter.id} is no longer open.", hint="partita dlq show " + letter.id)
        await session.dead_letters.supersede(letter.id, by._replace(at_us=now_us), now_us)
        mark = InboxRow(group, by.message_id, by.type, by.key, by.correlation_id, letter.message_id, "", now_us, "dead")
        await session.inbox.mark([mark])
        await session.inbox.resolve(group, [(letter.message_id, "discarded", None)])
        row = row_of_letter(by, "dead", -1, now_us)
        if not await session.parking.replace(group, letter.message_id, row) and pipeline.service.order == "key":
            await session.parking.add([row])
        detail = f"{letter.id} -> {by.id}"
        await record(session, now_us, actor, "dlq edit", letter.message_id, detail=detail, reason=reason)

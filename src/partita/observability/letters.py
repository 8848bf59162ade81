"""Dead letters for reading: by cause, one by one, and an edited letter beside its original."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from partita.bus.port import Record
from partita.codec.learning import FindSchema, learn_writer
from partita.codec.port import Codec
from partita.dead_letters.dead_letter import envelope_or_none
from partita.errors import BusError, Conflict, NotFound, PartitaError
from partita.message import Envelope
from partita.observability.reach import Stores
from partita.store.dead_letters import DeadLetter, Failure, LetterFilter, LetterGroup
from partita.store.port import Session

HEX_BYTES_MAX = 512
LETTERS_MAX = 100_000
BEHIND_MAX = 1_000
IDS_MAX = 5
EVERY = LetterFilter(status="")


class View(NamedTuple):
    """A letter's value for people: `fields` if it can be decoded, else `problem`; always the bytes as hex."""

    fields: Mapping[str, Any] | None
    problem: str
    headers_hex: str
    value_hex: str


def view(letter: DeadLetter, codec: Codec) -> View:
    """A letter's value, by its writer's schema."""
    headers, value = letter.headers[:HEX_BYTES_MAX].hex(" "), letter.value[:HEX_BYTES_MAX].hex(" ")
    envelope = envelope_of(letter)
    if envelope is None:
        return View(None, "Its headers are not an envelope.", headers, value)
    try:
        fields = codec.as_written(envelope.schema, letter.value)
    except PartitaError as error:
        return View(None, error.what, headers, value)
    plain = msgspec.to_builtins(fields)
    return View(plain if isinstance(plain, dict) else {"value": plain}, "", headers, value)


async def view_learned(letter: DeadLetter, codec: Codec, find: FindSchema) -> View:
    """A letter's value as `view` has it, by a writer's schema that is looked up where this process does not know it: an
    earlier or later version of the service may have written it."""
    envelope = envelope_of(letter)
    if envelope is not None and codec.schema_text(envelope.schema) is None:
        try:
            await learn_writer(codec, find, envelope.schema)
        except BusError as error:
            seen = view(letter, codec)
            return seen._replace(problem=f"{seen.problem} The registry of schemas does not answer: {error.what}")
    return view(letter, codec)


@dataclass(frozen=True, slots=True)
class LetterShown:
    """A letter with its value decoded, its failed stages, and the number of messages of its key behind it."""

    letter: DeadLetter
    view: View
    failures: tuple[Failure, ...]
    behind: int


async def letter_groups(stores: Stores) -> list[LetterGroup]:
    """Open letters by cause, the largest group first."""
    found: list[LetterGroup] = []
    for store in stores.values():
        async with store.reading() as session:
            found += await session.dead_letters.groups()
    return sorted(found, key=lambda group: -group.letters)


async def letters(stores: Stores, where: LetterFilter, limit: int = LETTERS_MAX) -> list[DeadLetter]:
    """The letters that a filter selects, the oldest first."""
    found: list[DeadLetter] = []
    for name, store in stores.items():
        async with store.reading() as session:
            found += await session.dead_letters.find(name, limit, where)
    return sorted(found, key=lambda letter: letter.at_us)[:limit]


async def count_letters(stores: Stores, where: LetterFilter) -> dict[str, int]:
    """The number of letters that a filter selects, by group; groups without letters are left out."""
    found: dict[str, int] = {}
    for name, store in stores.items():
        async with store.reading() as session:
            found[name] = await session.dead_letters.count(name, where)
    return {name: count for name, count in found.items() if count}


async def the_letter(stores: Stores, letter_id: str) -> DeadLetter:
    """A letter of whatever status, by its id or the end of it.

    Raises:
        NotFound: there is none. Conflict: several ids end so.
    """
    (full_id,) = await full_ids(stores, (letter_id,))
    for name, store in stores.items():
        async with store.reading() as session:
            found = await session.dead_letters.find(name, 1, EVERY._replace(ids=(full_id,)))
        if found:
            return found[0]
    raise NotFound(f"There is no dead letter {letter_id!r}.", hint="partita dlq list")


async def full_ids(stores: Stores, ids: Sequence[str]) -> tuple[str, ...]:
    """The ids of letters that are named by their ids, or by the ends of these: `..3f9a1c`, as the demo prints them, or `3f9a1c`.

    Raises:
        NotFound: there is no such letter. Conflict: several ids end so.
    """
    full: list[str] = []
    for given in ids:
        found: list[str] = []
        for store in stores.values():
            async with store.reading() as session:
                if end := given.removeprefix(".."):
                    found += await session.dead_letters.ending(end, IDS_MAX)
        if given in found:
            found = [given]
        if not found:
            raise NotFound(f"There is no dead letter {given!r}.", hint="partita dlq list")
        if len(found) > 1:
            raise Conflict(
                f"{given!r} is the end of several ids: {', '.join(found[:IDS_MAX])}.", hint="Give more of one."
            )
        full += found
    return tuple(full)


async def open_where(stores: Stores, where: LetterFilter) -> LetterFilter:
    """A filter of open letters with the full ids of those that it names.

    Raises:
        NotFound: one does not exist, or none of them is open. Conflict: several ids end so.
    """
    if not where.ids:
        return where
    found = where._replace(ids=await full_ids(stores, where.ids))
    if not await count_letters(stores, found):
        states = [f"{each.id} is {each.status}" for each in await letters(stores, found._replace(status=""), IDS_MAX)]
        raise NotFound(
            f"No such dead letter is open: {', '.join(states) or 'the other options exclude it'}.",
            hint="partita dlq list --status any",
        )
    return found


async def open_letter(stores: Stores, letter_id: str) -> DeadLetter:
    """A letter that is open.

    Raises:
        NotFound: there is no open letter with that id.
    """
    letter = await the_letter(stores, letter_id)
    if letter.status != "open":
        raise NotFound(f"Dead letter {letter_id} is {letter.status}, not open.", hint="partita dlq list --status any")
    return letter


async def show_letter(stores: Stores, codec: Codec, find: FindSchema, letter_id: str) -> LetterShown:
    """One letter with all that is known of it.

    Raises:
        NotFound: there is none.
    """
    letter = await the_letter(stores, letter_id)
    seen = await view_learned(letter, codec, find)
    async with stores[letter.consumer].reading() as session:
        failures = tuple(await session.dead_letters.failures(letter.consumer, letter.message_id))
        return LetterShown(letter, seen, failures, await _behind(session, letter))


async def _behind(session: Session, letter: DeadLetter) -> int:
    if letter.key is None:
        return 0
    rows = await session.parking.of_key(letter.consumer, letter.topic, letter.key, BEHIND_MAX)
    return sum(row.state == "behind" for row in rows)


async def edit_of(stores: Stores, codec: Codec, find: FindSchema, letter_id: str) -> list[tuple[str, str, str]]:
    """The changes of an edit: `letter_id` is the original or the edited letter.

    Raises:
        NotFound: there is no such letter, or it was not edited.
    """
    letter = await the_letter(stores, letter_id)
    async with stores[letter.consumer].reading() as session:
        every = await session.dead_letters.find(letter.consumer, LETTERS_MAX, EVERY)
    if letter.superseded_by:
        old: DeadLetter | None = letter
        new = next((each for each in every if each.id == letter.superseded_by), letter)
    else:
        old, new = next((each for each in every if each.superseded_by == letter.id), None), letter
    if old is None:
        raise NotFound(f"Dead letter {letter_id} was not edited.", hint="partita dlq edit ID --set FIELD=VALUE")
    return difference(await view_learned(old, codec, find), await view_learned(new, codec, find))


def difference(old: View, new: View) -> list[tuple[str, str, str]]:
    """(field, before, after) of each changed field; the text of an absent field is empty."""
    before, after = old.fields or {}, new.fields or {}
    names = dict.fromkeys([*before, *after])
    shown = [(n, _shown(before.get(n, "")), _shown(after.get(n, ""))) for n in names]
    return [each for each in shown if each[1] != each[2]]


def envelope_of(letter: DeadLetter) -> Envelope | None:
    """The envelope in a letter's headers; None = there is no envelope."""
    record = Record(letter.topic, letter.partition, letter.offset, letter.key, letter.headers, letter.value, 0)
    return envelope_or_none(record)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)

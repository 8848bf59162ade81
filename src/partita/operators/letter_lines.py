"""Dead letters as lines of JSON: exported from one system, imported by another."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from partita.clock import US
from partita.errors import Malformed, NotFound
from partita.observability.reach import Stores
from partita.operators.audit import record
from partita.store.dead_letters import DeadLetter, LetterFilter
from partita.texts.cause import cause_of


@dataclass(frozen=True, slots=True)
class Taken:
    """The number of letters in an import, and the number of new ones among them."""

    taken: int
    seen: int


def exported(letter: DeadLetter) -> dict[str, object]:
    """A letter as it is exported: its bytes as hex."""
    return {**letter._asdict(), "headers": letter.headers.hex(), "value": letter.value.hex()}


def imported(line: bytes, number: int) -> DeadLetter:
    """A letter, read from its line.

    Raises:
        Malformed: the line is not an exported letter. A field of a wrong type would break every list that shows the letter.
    """
    try:
        content = json.loads(line)
        content["headers"] = bytes.fromhex(content["headers"])
        content["value"] = bytes.fromhex(content["value"])
        letter = msgspec.convert([*DeadLetter(**content)], DeadLetter)
        for at_us in (letter.at_us, letter.closed_us):
            datetime.fromtimestamp(at_us / US, UTC)  # a time outside the calendar
    except (ValueError, TypeError, KeyError, OverflowError, OSError, RecursionError) as error:
        raise Malformed(
            f"Line {number} is not an exported dead letter: {cause_of(error)}.",
            hint="The file is written by: partita dlq export FILE",
        ) from error
    return letter


async def take_letters(stores: Stores, lines: Iterable[bytes], *, by: str) -> Taken:
    """Import exported letters into their groups, each in a transaction of its own with its audit entry; existing letters
    are not changed.

    Raises:
        Malformed: a line is not an exported letter. NotFound: its group is not here. Letters of earlier lines stay.
    """
    taken = seen = 0
    for number, line in enumerate(lines, 1):
        letter = imported(line, number)
        store = stores.get(letter.consumer)
        if store is None:
            raise NotFound(f"Line {number}: there is no group {letter.consumer!r} here.")
        now_us = await store.now_us()
        seen += 1
        async with store.transaction() as session:
            known = LetterFilter(status="", ids=(letter.id,))
            if not await session.dead_letters.count(letter.consumer, known):
                await session.dead_letters.add([letter])
                await record(session, now_us, by, "dlq import", letter.id)
                taken += 1
    return Taken(taken, seen)

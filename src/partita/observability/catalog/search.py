"""Searching the catalog: the messages in whose names, meanings, fields or owners a text is found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from partita.observability.catalog.entry import Entry


@dataclass(frozen=True, slots=True)
class Match:
    """A message that a search found: the places where its words are, and the text there."""

    entry: Entry
    found: tuple[tuple[str, str], ...]


def search(entries: Iterable[Entry], words: str) -> tuple[Match, ...]:
    """The messages that have every word of a text, in any case. Messages with a word in their name come first."""
    wanted = words.casefold().split()
    found = [Match(entry, places) for entry in entries if (places := _places(entry, wanted))]
    return tuple(sorted(found, key=lambda match: not any(place == "name" for place, _ in match.found)))


def _places(entry: Entry, words: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The places that have one of the words; none where a word is missing in all of them."""
    texts = list(_texts(entry))
    if not words or not all(any(word in text.casefold() for _, text in texts) for word in words):
        return ()
    return tuple((place, text) for place, text in texts if any(word in text.casefold() for word in words))


def _texts(entry: Entry) -> Iterator[tuple[str, str]]:
    """Everything about a message that is searched, the most telling first."""
    yield "name", entry.declared_as
    if entry.wire_name != entry.declared_as:
        yield "name", entry.wire_name
    yield "type", entry.type
    yield "meaning", entry.meaning
    yield "owner", " ".join(filter(None, (entry.owner, entry.team)))
    yield "topic", entry.topic
    for field in entry.fields:
        yield f"field {field.name}", " ".join(filter(None, (field.name, field.type, field.marks, field.meaning)))
    for consumer in entry.consumers:
        yield "consumer", " ".join((consumer.service, *consumer.handlers, *consumer.sagas))

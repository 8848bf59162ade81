"""The catalog as a JSON document, for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from partita.observability.catalog.entry import Entry
from partita.observability.catalog.search import Match


def catalog_document(entries: Sequence[Entry]) -> dict[str, Any]:
    """All messages of a catalog."""
    return {"messages": [entry_document(each) for each in entries]}


def entry_document(entry: Entry) -> dict[str, Any]:
    """A message. Its kind is `message_kind`: `kind` is that of the document."""
    content = asdict(entry)
    kind = content.pop("kind")
    return {**content, "message_kind": kind}


def matches_document(matches: Sequence[Match]) -> dict[str, Any]:
    """The messages that a search found."""
    return {
        "matches": [
            {
                "type": match.entry.type,
                "declared_as": match.entry.declared_as,
                "message_kind": match.entry.kind,
                "owner": match.entry.owner,
                "found": [{"in": place, "text": text} for place, text in match.found],
            }
            for match in matches
        ]
    }

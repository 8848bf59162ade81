"""The identity of a service's schema: its own record of itself, the source of its messages, its place."""

from __future__ import annotations

from collections.abc import Mapping

META = "SELECT name, value FROM partita_meta"
# A statement that numbers keys checks it too: the number would belong to a source that the database no longer is.
IS_SOURCE = """
EXISTS (SELECT 1 FROM {meta} WHERE name = 'id' AND value = ${id}::text)
AND EXISTS (SELECT 1 FROM {meta} WHERE name = 'incarnation' AND value = ${incarnation}::text)
"""


def source_of(meta: Mapping[str, str]) -> str:
    """The source of the messages of a database with this `partita_meta`."""
    return f"{meta['service']}/{meta['id']}.{meta['incarnation']}"


def parts_of(source: str) -> tuple[str, str]:
    """The id and the incarnation that `IS_SOURCE` compares."""
    database, _, incarnation = source.rpartition("/")[2].partition(".")
    return database, incarnation

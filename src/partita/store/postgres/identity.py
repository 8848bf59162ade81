"""Who a service's schema is: what it remembers of itself, the source of its messages, the place it lies at."""

from __future__ import annotations

from collections.abc import Mapping

from partita.errors import StoreReplaced

META = "SELECT name, value FROM partita_meta"
# Who numbers a key asks it in the same statement: the number would belong to a source that the database is not any more.
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


def replaced(where: str) -> StoreReplaced:
    """The error of a process that still works for the database which was here when it was opened."""
    return StoreReplaced(
        f"{where}: this is not the database that this process opened: it was put back from a copy, or a standby took "
        "over. What is sent under the former source could be taken for copies of what was sent before.",
        hint="Start this process again: what it has in memory is of the former one.",
    )

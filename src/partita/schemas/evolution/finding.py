"""`Finding`: one reason why a schema cannot follow another."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """A reader cannot read each value of a writer.

    `rule` names the rule (`field-without-default`), `path` the place in the schema (`OrderPlaced.lines[].sku`), `old` and `new`
    the types of the two schemas there. `instead` is the line to write where the reader's schema is the newer of the two, `keep`
    the one where the writer's is. `version` is the earlier version that clashes and `hurts` those that are hurt: consumers,
    topics, outbox rows, dead letters, sagas in flight. `order` is the order of an upgrade at the level that was checked.
    """

    rule: str
    path: str
    old: str
    new: str
    instead: str = ""
    version: str = ""
    hurts: tuple[str, ...] = ()
    keep: str = ""
    order: str = ""

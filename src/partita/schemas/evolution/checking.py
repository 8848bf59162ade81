"""The check of a new schema against the earlier versions of it, by the level that it promises. No I/O."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from partita.schemas.evolution.finding import Finding
from partita.schemas.evolution.level import Level
from partita.schemas.evolution.rules import Rules


@dataclasses.dataclass(frozen=True, slots=True)
class Version:
    """An earlier version: its name (a number, a file, a commit) and its text."""

    name: str
    text: str


def check(new: str, earlier: Sequence[Version], level: Level, rules: Rules) -> list[Finding]:
    """Each reason why `new` cannot follow the earlier versions, oldest first in `earlier`; empty = it can.

    A finding of a forward check has the new schema as `old`, since it is the writer there: the two are given back in order of
    time.

    Raises:
        UnknownSchema: as `Rules.compare`.
    """
    if level is Level.NONE:
        return []
    found: list[Finding] = []
    for version in earlier if level.is_transitive else earlier[-1:]:
        if level.is_backward:
            hurt = f"readers of the new schema, by values of {version.name}"
            found += [
                dataclasses.replace(f, keep="", version=version.name, hurts=f.hurts or (hurt,), order=level.order)
                for f in rules.compare(new, version.text)
            ]
        if level.is_forward:
            hurt = f"readers of {version.name}, by values of the new schema"
            found += [
                dataclasses.replace(
                    f,
                    old=f.new,
                    new=f.old,
                    instead=f.keep or f.instead,
                    keep="",
                    version=version.name,
                    hurts=f.hurts or (hurt,),
                    order=level.order,
                )
                for f in rules.compare(version.text, new)
            ]
    return found

"""Values that a reader cannot read, built from a finding: its path leads to the place, its rule says which value to put there."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from typing import Any

from tests.oracles.avro_values import some_value

from partita.schemas.evolution.avro_schema import AvroType
from partita.schemas.evolution.finding import Finding

SHALLOW = 7
STEP = re.compile(r"\.[A-Za-z_][A-Za-z0-9_]*|\[\]|\{\}")


def counterexamples(finding: Finding, writer: AvroType, aliases: dict[str, set[str]]) -> Iterator[Any]:
    """Candidates, each a whole value of the writer's schema; `aliases` are those of the reader's fields, by field."""
    steps = STEP.findall(finding.path)
    return _values(writer, steps, finding, aliases)


def aliases_of(reader: AvroType) -> dict[str, set[str]]:
    """The aliases of all fields of a schema, by the name of the field."""
    found: dict[str, set[str]] = {}
    seen: list[AvroType] = []
    queue = [reader]
    while queue:
        kind = queue.pop()
        if kind in seen:
            continue
        seen.append(kind)
        queue += kind.within + [field.type for field in kind.fields]
        for field in kind.fields:
            found.setdefault(field.name, {field.name}).update(field.aliases)
    return found


def _values(kind: AvroType, steps: Sequence[str], finding: Finding, aliases: dict[str, set[str]]) -> Iterator[Any]:
    if kind.kind == "union":
        said = [branch for branch in kind.within if str(branch)[:200] == finding.old]
        for branch in said if said and not steps else kind.within:
            yield from ((branch, value) for value in _values(branch, steps, finding, aliases))
    elif not steps:
        yield from _at_the_place(kind)
    elif steps[0] == "[]" and kind.kind == "array":
        yield from ([item] for item in _values(kind.within[0], steps[1:], finding, aliases))
    elif steps[0] == "{}" and kind.kind == "map":
        yield from ({"key": item} for item in _values(kind.within[0], steps[1:], finding, aliases))
    elif kind.kind == "record":
        whole = some_value(kind, random.Random(0), SHALLOW)
        name = steps[0][1:]
        sources = [field for field in kind.fields if field.name in aliases.get(name, {name})]
        for field in sources:
            yield from ({**whole, field.name: value} for value in _values(field.type, steps[1:], finding, aliases))
        if not sources and len(steps) == 1:
            yield whole  # the field that the writer does not have


def _at_the_place(kind: AvroType) -> Iterator[Any]:
    if kind.kind == "enum":
        yield from reversed(kind.symbols)
    else:
        yield some_value(kind, random.Random(1), SHALLOW)

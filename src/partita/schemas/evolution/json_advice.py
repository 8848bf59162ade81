"""Findings about JSON Schemas in words: old, new, and the line to write instead."""

from __future__ import annotations

import json
from typing import Any

from partita.schemas.evolution.finding import Finding
from partita.schemas.evolution.json_bounds import Limit
from partita.schemas.evolution.json_document import TYPES


def said(value: Any) -> str:
    """A value as JSON, cut."""
    text = json.dumps(value)
    return text if len(text) <= 150 else f"{text[:150]} ..."


def said_types(types: frozenset[str]) -> str:
    """Types in words: a number includes the integers."""
    if types == frozenset(TYPES):
        return "any type"
    return " or ".join(kind for kind in TYPES if kind in types and not (kind == "integer" and "number" in types))


def types_narrowed(path: str, old: frozenset[str], new: frozenset[str]) -> Finding:
    """A reader does not take each type that is written."""
    named = [kind for kind in TYPES if kind in old | new and not (kind == "integer" and "number" in old | new)]
    text = '{"type": ' + (said(named[0]) if len(named) == 1 else said(named)) + "}"
    return Finding(
        "type-narrowed",
        path,
        said_types(old),
        said_types(new),
        f"Take both: {text}, or add a property with another name.",
        keep=f"Write only {said_types(new)}, or add a property with another name.",
    )


def limited(path: str, limit: Limit) -> Finding:
    """A reader's limit that a value may break."""
    old = f"no {limit.keyword}" if limit.old is None else f"{limit.keyword} {said(limit.old)}"
    before = f'leave out "{limit.keyword}"' if limit.old is None else f'keep "{limit.keyword}": {said(limit.old)}'
    return Finding(
        limit.rule,
        path,
        old,
        f"{limit.keyword} {said(limit.new)}",
        f"{before[0].upper()}{before[1:]}, or a wider limit: earlier values may break the new one.",
        keep=f'Keep "{limit.keyword}": {said(limit.new)}: the earlier schema asks for it.',
    )


def added_to_open_model(path: str, name: str, kind: str) -> Finding:
    """The most frequent wish, and the most frequently refused."""
    return Finding(
        "property-added-to-open-model",
        path,
        f"an open content model: {name} may hold anything",
        kind,
        f'The earlier schema does not have "additionalProperties": false (it is open), so a writer may have sent {name} as any '
        f'type already. Write "{name}": {{}} and check the value in code; or, where nothing else was ever sent, close the '
        'earlier model with "additionalProperties": false and release that first: an optional property passes then.',
        keep=f"Keep {name} in the new schema: readers of the earlier one check it, and an open model may send it as any type.",
    )


def removed_from_closed_model(path: str, name: str) -> Finding:
    """A closed model refuses each property that it does not name."""
    return Finding(
        "property-removed-from-closed-model",
        path,
        f"a property {name}",
        'no such property, and "additionalProperties": false (it is closed)',
        f'Keep "{name}" in the new schema, as an optional property, or leave out "additionalProperties": false.',
        keep=f'The earlier schema has "additionalProperties": false, so its readers refuse {name}. Leave that out and release it '
        f"first (the model is open then); or upgrade the readers before any {name} is sent, and promise BACKWARD.",
    )


def closed(path: str, keyword: str) -> Finding:
    """A model that becomes closed refuses values that its open form let through."""
    return Finding(
        "additional-properties-closed" if keyword == "additionalProperties" else "items-closed",
        path,
        f"{keyword} are allowed",
        f'"{keyword}": false',
        f'Leave out "{keyword}": false: earlier values may have more.',
        keep=f'Write "{keyword}": false, as the earlier schema does.',
    )


def required(path: str, name: str) -> Finding:
    """A reader asks for a property that a writer may leave out."""
    return Finding(
        "required-added",
        path,
        f"{name} may be absent",
        f"{name} is required, without a default",
        f'Take {said(name)} out of "required", or give it a default: "{name}": {{..., "default": ...}}',
        keep=f'Keep {said(name)} in "required": readers of the earlier schema need it.',
    )


def not_allowed(path: str, lost: list[Any], new: str, *, is_enum: bool) -> Finding:
    """Values of an enum that a reader does not take."""
    values = ", ".join(map(said, lost[:8])) + ", ..." * (len(lost) > 8)
    return Finding(
        "enum-narrowed" if is_enum else "value-not-allowed",
        path,
        f"values {values}",
        new,
        f"Keep the values {values}: earlier messages hold them.",
        keep=f"Send no {values} before each reader takes them.",
    )


def changed(rule: str, path: str, old: str, new: str, instead: str) -> Finding:
    """Any other finding, with one advice for both directions."""
    return Finding(rule, path, old, new, instead, keep=instead)

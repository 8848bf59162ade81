"""JSON Schema's rules beside a validator of another project: values that fit the old schema, and those that do not fit the new."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import pytest
from tests.oracles.json_instances import filled, near, varied
from tests.oracles.json_pairs import Schemas

from partita.schemas.evolution.json_schema import JsonSchemaRules

pytestmark = [pytest.mark.oracles, pytest.mark.timeout(900)]
jsonschema_rs = pytest.importorskip("jsonschema_rs", reason="no jsonschema-rs here; to have it: make .venv/oracles.ok")

PAIRS = 600
SEED = 15
TRIES = 40
UNSETTLED_MAX = 0.02
"""Refused pairs for which no value is found that the reader refuses. The rules look at one alternative of a union at a time, and
take a pattern and a length for independent; each such pair is refused although it fits."""


def values_of(writer: Any, reader: Any, dice: random.Random) -> list[Any]:
    """Values near either schema that fit the writer's."""
    written = jsonschema_rs.validator_for(writer)
    tried = [near(schema, schema, dice) for _ in range(TRIES) for schema in (writer, reader)]
    return [value for value in tried if written.is_valid(value)]


def more(values: list[Any], writer: Any) -> list[Any]:
    """Values that differ from these at one place and fit the writer's schema, too."""
    written = jsonschema_rs.validator_for(writer)
    return [each for value in values for each in varied(value) if written.is_valid(each)]


def test_each_value_of_a_compatible_pair_fits_and_one_of_an_incompatible_pair_does_not() -> None:
    """In both directions. The values come from the schemas and from single changes of other values, at each of their places."""
    dice = random.Random(SEED)
    schemas = Schemas(dice)
    count: Counter[str] = Counter()
    unsettled: Counter[tuple[str, ...]] = Counter()
    for _ in range(PAIRS):
        first, second = schemas.pair()
        for reader, writer in ((second, first), (first, second)):
            values = values_of(writer, reader, dice)
            if not values:
                continue
            reads = jsonschema_rs.validator_for(reader)
            found = JsonSchemaRules().compare(json.dumps(reader), json.dumps(writer))
            if not found:
                count["compatible"] += 1
                for value in [*values, *more(values[:5], writer)]:
                    count["values"] += 1
                    assert reads.is_valid(filled(value, reader, reader)), (
                        value,
                        json.dumps(reader),
                        json.dumps(writer),
                    )
                continue
            count["incompatible"] += 1
            if all(reads.is_valid(value) for value in values) and all(map(reads.is_valid, more(values[:25], writer))):
                unsettled[tuple(sorted({finding.rule for finding in found}))] += 1
    print(dict(count), dict(unsettled))
    assert count["values"] >= 2_000
    assert min(count["compatible"], count["incompatible"]) >= (count["compatible"] + count["incompatible"]) / 4
    assert unsettled.total() <= count["incompatible"] * UNSETTLED_MAX


def test_a_schema_follows_itself() -> None:
    """Whatever it says: a verdict that refuses an unchanged schema would stop each release."""
    schemas = Schemas(random.Random(SEED))
    refused = [
        text for text in (json.dumps(schemas.pair()[1]) for _ in range(2_000)) if JsonSchemaRules().compare(text, text)
    ]
    assert refused == []

"""Avro's rules beside Apache Avro: the verdict of its checker on random pairs, and values that are read, or are not."""

from __future__ import annotations

import io
import itertools
import json
import random
from collections import Counter
from collections.abc import Iterator
from decimal import DecimalException
from typing import Any

import fastavro
import pytest
from fastavro.read import SchemaResolutionError
from tests.oracles.avro_counterexamples import aliases_of, counterexamples
from tests.oracles.avro_pairs import LOGICAL, Schemas
from tests.oracles.avro_values import as_read, bare, defaults_of, encoded, some_value
from tests.oracles.java_checker import Checker, running_checker
from tests.oracles.text import dumps

from partita.schemas.evolution.avro import MEANING, AvroRules
from partita.schemas.evolution.avro_schema import AvroType, parse_avro
from partita.schemas.evolution.finding import Finding

pytestmark = [pytest.mark.oracles, pytest.mark.timeout(600)]

PAIRS = 2_000
VALUES = 2_000
SEED = 15

STRICTER = {
    "logical-type-changed": "Logical Types: a logical type is an Avro type with extra attributes to represent a derived type. "
    "The checker compares the underlying types alone; its reader then takes a number of milliseconds for one of microseconds.",
    "decimal-scale-changed": "Decimal: for the purposes of schema resolution, two schemas that are decimal logical types match "
    "if their scales and precisions match. The checker looks at neither.",
    "decimal-precision-narrowed": "Decimal: as before. A wider precision passes here, since each value is read back equal.",
}
"""The differences to Java's checker, each with the specification's text (1.12) and the reason."""


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checker]:
    with running_checker(tmp_path_factory.mktemp("checker")) as running:
        yield running


@pytest.fixture(scope="module")
def pairs() -> list[tuple[Any, Any]]:
    """Near misses: the second schema of a pair is the first after one or two steps."""
    schemas = Schemas(random.Random(SEED))
    return [schemas.pair() for _ in range(PAIRS)]


def without_logical(schema: Any) -> Any:
    """A schema of underlying types alone: readers make datetimes of a logical type, and not each number is one."""
    if isinstance(schema, list):
        return [without_logical(branch) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    if "logicalType" in schema:
        return schema["type"]
    inner = {key: without_logical(schema[key]) for key in ("type", "items", "values", "fields") if key in schema}
    return schema | inner


def test_the_verdict_is_that_of_the_reference(checker: Checker, pairs: list[tuple[Any, Any]]) -> None:
    """On each pair, in both directions. A difference is a rule of the table above and of no other kind."""
    verdicts: Counter[str] = Counter()
    for first, second in pairs:
        for reader, writer in ((second, first), (first, second)):
            found = AvroRules().compare(dumps(reader), dumps(writer))
            ours = "INCOMPATIBLE" if any(f.rule not in STRICTER for f in found) else "COMPATIBLE"
            assert checker.verdict(reader, writer) == ours, (dumps(reader), dumps(writer), found)
            verdicts[ours] += 1
            verdicts["stricter"] += bool(found) and ours == "COMPATIBLE"
    print(dict(verdicts))
    assert set(STRICTER) == MEANING
    assert min(verdicts["COMPATIBLE"], verdicts["INCOMPATIBLE"]) >= PAIRS * 2 / 4
    assert verdicts["stricter"] >= 20


@pytest.mark.parametrize("is_backward", [True, False], ids=["backward", "forward"])
def test_each_value_of_a_compatible_pair_is_read(checker: Checker, is_backward: bool) -> None:
    """Written by Apache Avro and read by it as the specification says, and by fastavro."""
    dice = random.Random(SEED + is_backward)
    schemas = Schemas(dice)
    deviations = 0
    read = 0
    while read < VALUES:
        first, second = map(without_logical, schemas.pair())
        reader, writer = (second, first) if is_backward else (first, second)
        if not (is_schema(first) and is_schema(second)) or AvroRules().compare(dumps(reader), dumps(writer)):
            continue
        reads, writes = parse_avro(dumps(reader)), parse_avro(dumps(writer))
        for _ in range(2):
            value = some_value(writes, dice)
            expected = as_read(value, writes, reads, defaults_of(reader))
            data = encoded(writes, value)
            assert by_fastavro(data, writer) == bare(value)
            answer = checker.read(reader, writer, data)
            assert isinstance(answer, bytes), (dumps(reader), dumps(writer), answer)
            assert by_fastavro(answer, reader) == expected, (dumps(reader), dumps(writer), bare(value))
            also = by_fastavro(data, writer, reader)
            assert loosely(also) == loosely(expected), (dumps(reader), dumps(writer), bare(value))
            deviations += also != expected
            read += 1
    print(f"{read} values, fastavro deviates on {deviations}")
    assert deviations < read / 20


def test_for_each_incompatible_pair_a_value_is_built_that_is_not_read(
    checker: Checker, pairs: list[tuple[Any, Any]]
) -> None:
    """From the path of the finding. A rule that refuses too much would find no such value."""
    built: Counter[str] = Counter()
    for first, second in pairs:
        first, second = without_logical(first), without_logical(second)
        if not (is_schema(first) and is_schema(second)):
            continue
        for reader, writer in ((second, first), (first, second)):
            found = AvroRules().compare(dumps(reader), dumps(writer))
            if not found:
                continue
            reads, writes = parse_avro(dumps(reader)), parse_avro(dumps(writer))
            for finding in found:
                candidates = list(counterexamples(finding, writes, aliases_of(reads)))
                assert candidates, (finding, dumps(reader), dumps(writer))
                failing = any(fails(checker, reader, writer, writes, value) for value in candidates)
                assert failing or is_lenient(finding, reads), (finding, dumps(reader), dumps(writer), candidates)
                built[finding.rule] += failing
    print(dict(built))
    expected = {"field-without-default", "type-changed", "null-not-read", "union-branch-missing", "name-changed"}
    assert {rule for rule, count in built.items() if count >= 20} >= expected | {
        "enum-symbol-unknown",
        "fixed-size-changed",
    }


def test_a_logical_type_passes_only_where_its_bytes_mean_the_same() -> None:
    """For each two types: some bytes have another meaning under the reader's type, or all of them have the same."""
    plain = ["long", "int", "bytes"]
    for reader, writer in itertools.product([*LOGICAL, *plain], repeat=2):
        if _underlying(reader) != _underlying(writer):
            continue
        found = AvroRules().compare(dumps(reader), dumps(writer))
        values = [0, 1, 10**6, 123_456_789] if _underlying(writer) != "bytes" else _unscaled(writer)
        data = [encoded(parse_avro(dumps(_underlying(writer))), value) for value in values]
        same = all(_meaning(each, writer) == _meaning(each, reader) for each in data)
        assert same == (not found), (reader, writer, found)


def _underlying(kind: Any) -> str:
    return str(kind["type"] if isinstance(kind, dict) else kind)


def _unscaled(kind: Any) -> list[bytes]:
    digits = kind["precision"] if isinstance(kind, dict) else 6
    return [number.to_bytes(17, "big", signed=True) for number in (1, 150, 10**digits - 1)]


def _meaning(data: bytes, kind: Any) -> str:
    try:
        return repr(by_fastavro(data, kind))
    except (DecimalException, OverflowError, ValueError) as error:
        return repr(error)


def is_schema(schema: Any) -> bool:
    """Two branches of a union may be one without their logical types."""
    try:
        fastavro.parse_schema(json.loads(dumps(schema)))
        parse_avro(dumps(schema))
    except Exception:
        return False
    return True


def by_fastavro(data: bytes, writer: Any, reader: Any = None) -> Any:
    """A value as fastavro reads it; no byte may be left."""
    source = io.BytesIO(data)
    parsed = [fastavro.parse_schema(json.loads(dumps(each))) if each is not None else None for each in (writer, reader)]
    found = fastavro.schemaless_reader(source, *parsed)
    assert not source.read()
    return found


def loosely(value: Any) -> Any:
    """Equal for values that differ by a deviation of fastavro: a union's first branch that fits is taken though a later one is
    exact (text for bytes), a promoted float keeps the digits of its int, a default of bytes stays a text."""
    match value:
        case dict():
            return {key: loosely(inner) for key, inner in value.items()}
        case list():
            return [loosely(inner) for inner in value]
        case bytes():
            return value.decode("utf-8", "replace")
        case bool():
            return value
        case int() | float():
            return float(f"{float(value):.6g}")
    return value


def is_lenient(finding: Finding, reads: AvroType) -> bool:
    """Whether both readers take an outermost record that the specification does not: Java's compares no names of records outside
    unions, and fastavro takes an alias of another namespace."""
    old = finding.old.rpartition(".")[2].removeprefix("record ")
    return (
        finding.rule == "name-changed"
        and "." not in finding.path
        and old in [a.rpartition(".")[2] for a in reads.aliases]
    )


def fails(checker: Checker, reader: Any, writer: Any, writes: AvroType, value: Any) -> bool:
    """Whether one of the two readers refuses a value."""
    data = encoded(writes, value)
    if isinstance(checker.read(reader, writer, data), str):
        return True
    try:
        by_fastavro(data, writer, reader)
    except SchemaResolutionError:
        return True
    return False

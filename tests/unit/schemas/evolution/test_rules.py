"""The duties of each schema language's rules, as one suite over all of them; rules that neglect a duty are found by it."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from typing import Any

import pytest

from partita.errors import UnknownSchema
from partita.schemas.evolution.connect import LANGUAGES, rules_of
from partita.schemas.evolution.finding import Finding
from partita.schemas.evolution.rules import Rules


def record(*fields: dict[str, Any]) -> str:
    return json.dumps({"type": "record", "name": "Order", "fields": list(fields)})


def schema(**properties: str) -> str:
    types = {name: {"type": kind} for name, kind in properties.items()}
    return json.dumps({"type": "object", "properties": types, "additionalProperties": False})


def proto(fields: str) -> str:
    return f'syntax = "proto3"; message Order {{ {fields} }}'


ID, NOTE = {"name": "id", "type": "string"}, {"name": "note", "type": "int", "default": 0}


@dataclasses.dataclass(frozen=True)
class Sample:
    """Schemas of a language: `wider` reads values of `first`, and `first` none of `wider`; `broken` and `first` read neither of
    each other. `junk` is no schema; `deep` is within no limit."""

    first: str
    laid_out: str
    wider: str
    broken: str
    junk: tuple[str, ...]
    deep: str


SAMPLES = {
    "avro": Sample(
        record(ID, NOTE),
        json.dumps(json.loads(record(ID, NOTE)), indent=4),
        record({**ID, "type": ["null", "string"]}, NOTE),
        record({**ID, "type": "int"}, NOTE),
        ("", "{", "nothing", '{"type": "record"}', '"\\ud800"'),
        '{"type": "array", "items": ' * 5_000,
    ),
    "json-schema": Sample(
        schema(id="string", note="integer"),
        json.dumps(json.loads(schema(id="string", note="integer")), indent=4),
        schema(id="string", note="number"),
        schema(id="integer", note="integer"),
        ("", "{", "nothing", '{"type": "record"}', "[]"),
        '{"items": ' * 5_000,
    ),
    "protobuf": Sample(
        proto("string id = 1; int32 note = 2;"),
        "/* An order. */\n" + proto("int32 note = 0x2 ;\n string id = 1 ;"),
        proto("string id = 1; int64 note = 2;"),
        proto("int32 id = 1; int32 note = 2;"),
        ("{", "nothing", proto("string id = 1"), proto("Missing id = 1;"), "\ud800"),
        "message A { " * 5_000,
    ),
}


def neglected(rules: Rules, sample: Sample) -> list[str]:
    """The duties that rules neglect."""
    found = []
    for text in (sample.first, sample.laid_out, sample.wider, sample.broken):
        if list(rules.compare(text, text)):
            found.append("a schema reads itself")
    if list(rules.compare(sample.laid_out, sample.first)) or list(rules.compare(sample.first, sample.laid_out)):
        found.append("layout means nothing")
    if list(rules.compare(sample.wider, sample.first)):
        found.append("the reader comes first")
    findings = [*rules.compare(sample.first, sample.wider), *rules.compare(sample.broken, sample.first)]
    if not findings or not list(rules.compare(sample.first, sample.broken)):
        found.append("a clash is found")
    if findings != [*rules.compare(sample.first, sample.wider), *rules.compare(sample.broken, sample.first)]:
        found.append("equal questions have equal answers")
    for finding in findings:
        if not re.fullmatch(r"[a-z]+(-[a-z]+)+", finding.rule) or not finding.path:
            found.append("a finding has a rule and a place")
        if not finding.old or not finding.new or finding.old == finding.new:
            found.append("a finding has both sides")
        if not finding.instead or not (finding.keep or finding.instead):
            found.append("a finding says what to write instead")
        if len("".join((finding.path, finding.old, finding.new, finding.instead))) > 2_000:
            found.append("a finding is short")
    for text in (*sample.junk, sample.deep):
        for pair in ((text, sample.first), (sample.first, text)):
            try:
                rules.compare(*pair)
            except UnknownSchema:
                continue
            except Exception as error:  # each other error is the complaint
                found.append(f"junk is refused, not {type(error).__name__}")
            else:
                found.append("junk is refused")
    return list(dict.fromkeys(found))


def test_each_language_has_a_sample() -> None:
    assert set(SAMPLES) == set(LANGUAGES)


@pytest.mark.parametrize("language", SAMPLES)
def test_rules_do_their_duties(language: str) -> None:
    assert neglected(rules_of(language), SAMPLES[language]) == []


class _Wrong:
    """Rules with one mistake."""

    def __init__(self, language: str) -> None:
        self.right = rules_of(language)

    def compare(self, reader: str, writer: str) -> Sequence[Finding]:
        return self.changed(self.right.compare(reader, writer))

    def changed(self, found: Sequence[Finding]) -> Sequence[Finding]:
        return found


class Swapped(_Wrong):
    def compare(self, reader: str, writer: str) -> Sequence[Finding]:
        return self.right.compare(writer, reader)


class Silent(_Wrong):
    def changed(self, found: Sequence[Finding]) -> Sequence[Finding]:
        return []


class Textual(_Wrong):
    def compare(self, reader: str, writer: str) -> Sequence[Finding]:
        self.right.compare(reader, writer)
        return [] if reader == writer else [Finding("text-changed", "all", "old", "new", "Keep it.")]


class Wordless(_Wrong):
    def changed(self, found: Sequence[Finding]) -> Sequence[Finding]:
        return [dataclasses.replace(each, instead="", keep="") for each in found]


class Placeless(_Wrong):
    def changed(self, found: Sequence[Finding]) -> Sequence[Finding]:
        return [dataclasses.replace(each, path="") for each in found]


class OneSided(_Wrong):
    def changed(self, found: Sequence[Finding]) -> Sequence[Finding]:
        return [dataclasses.replace(each, old=each.new) for each in found]


class Forgetful(_Wrong):
    asked = 0

    def changed(self, found: Sequence[Finding]) -> Sequence[Finding]:
        self.asked += 1
        return [dataclasses.replace(each, path=f"{each.path}{self.asked}") for each in found]


class Trusting(_Wrong):
    def compare(self, reader: str, writer: str) -> Sequence[Finding]:
        try:
            return self.right.compare(reader, writer)
        except UnknownSchema:
            return []


class Crashing(_Wrong):
    def compare(self, reader: str, writer: str) -> Sequence[Finding]:
        try:
            return self.right.compare(reader, writer)
        except UnknownSchema as error:
            raise KeyError(error.what) from error


PLANTED = {
    Swapped: "the reader comes first",
    Silent: "a clash is found",
    Textual: "layout means nothing",
    Wordless: "a finding says what to write instead",
    Placeless: "a finding has a rule and a place",
    OneSided: "a finding has both sides",
    Forgetful: "equal questions have equal answers",
    Trusting: "junk is refused",
    Crashing: "junk is refused, not KeyError",
}


@pytest.mark.parametrize("language", SAMPLES)
@pytest.mark.parametrize("wrong", PLANTED, ids=lambda wrong: wrong.__name__)
def test_wrong_rules_are_found(wrong: type[_Wrong], language: str) -> None:
    """A suite that nothing fails says nothing."""
    assert PLANTED[wrong] in neglected(wrong(language), SAMPLES[language])

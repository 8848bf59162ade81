"""The published schema of a brief and the reader agree: on the briefs of this checkout, and on thousands of changed ones."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.design.brief.briefs import SMALL

from partita.design.brief.json_schema import json_schema
from partita.design.brief.reading import read_brief
from partita.design.brief.refused import BriefRefused

pytestmark = pytest.mark.oracles
jsonschema_rs = pytest.importorskip("jsonschema_rs", reason="make oracles installs the package jsonschema-rs")

ROOT = Path(__file__).resolve().parents[2]
# Facts beside an app's code lie there too: they are no brief.
BRIEFS = [ROOT / f"docs/designs/{name}.yaml" for name in ("orders", "rides", "claims")]
VALUES: tuple[object, ...] = (
    None, True, 0, 1, -1, 1.5, 12.0, 1e9, "", " ", "x", "Abc", "abc-def", "abc_def", "30s", "0s", "forever", "none", "yes", "1",
    "kafka", "crud", "id", "class", "a" * 600, "\u202e", "<b>", [], {}, ["x"], ["Abc"], {"x": "id"}, {"type": "id"},
    {"type": "int", "default": "x"}, {"type": "list", "default": "x"}, {"type": "string", "default": 5},
    {"type": "money", "default": 5}, {"type": "record", "fields": {"a": "int"}}, {"steady": 5},
)  # fmt: skip


class Core(yaml.SafeLoader):
    """YAML 1.2 for a schema: `yes` and `on` are texts, as editors read them."""


Core.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}  # fmt: skip
Core.add_implicit_resolver("tag:yaml.org,2002:bool", yaml.resolver.re.compile("true|false"), list("tf"))  # type: ignore[attr-defined]


def value_of(text: str) -> Any:
    return yaml.load(text, Loader=Core)


def is_read(value: object) -> bool:
    """JSON is YAML: the reader takes the changed brief as it is."""
    try:
        read_brief(json.dumps(value, ensure_ascii=False), "brief")
    except BriefRefused:
        return False
    return True


def changed(value: Any) -> Iterator[tuple[str, Any]]:
    """The brief with each of its parts left out, renamed, or with another value."""
    for path in _paths(value):
        for new in VALUES:
            yield f"{path} = {new!r}", _with(value, path, new)
        yield f"{path} left out", _without(value, path)
        if isinstance(path[-1], str):
            moved = _without(value, path)
            _at(moved, path[:-1])[f"{path[-1]}x"] = _at(value, path)
            yield f"{path} renamed", moved


@pytest.mark.parametrize("text", [SMALL, *(path.read_text("utf-8") for path in BRIEFS)])
def test_the_briefs_are_valid(text: str) -> None:
    assert jsonschema_rs.validator_for(json_schema()).is_valid(value_of(text))


@pytest.mark.timeout(600)
def test_reader_and_schema_agree_on_changed_briefs() -> None:
    """An editor that marks a line which the reader takes, or is silent where the reader refuses, is worse than none."""
    validator = jsonschema_rs.validator_for(json_schema())
    value = value_of(SMALL)
    count, differ = 0, []
    for what, mutant in changed(value):
        count += 1
        if validator.is_valid(mutant) != is_read(mutant):
            differ.append(f"{what}: the schema says {validator.is_valid(mutant)}")

    assert count > 5_000
    assert differ == []


def _paths(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield (*before, key)
        yield from _paths(inner, (*before, key))


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def _with(value: Any, path: tuple[Any, ...], new: object) -> Any:
    found = copy.deepcopy(value)
    _at(found, path[:-1])[path[-1]] = new
    return found


def _without(value: Any, path: tuple[Any, ...]) -> Any:
    found = copy.deepcopy(value)
    del _at(found, path[:-1])[path[-1]]
    return found

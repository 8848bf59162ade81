"""JSON within limits: no text of another program fills the stack, and no number or character is let in that JSON lacks."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies

from partita.texts.bounded_json import bounded_json

VALUES = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.text(),
    lambda inner: strategies.lists(inner, max_size=3) | strategies.dictionaries(strategies.text(), inner, max_size=3),
    max_leaves=20,
)


@given(VALUES, strategies.booleans())
def test_a_value_comes_back(value: object, ascii_only: bool) -> None:
    assert bounded_json(json.dumps(value, ensure_ascii=ascii_only)) == value


def test_brackets_within_a_text_are_no_depth() -> None:
    assert bounded_json(json.dumps("[" * 1_000 + '"' + "{" * 1_000)) == "[" * 1_000 + '"' + "{" * 1_000


@pytest.mark.parametrize(
    "text",
    ["[" * 101 + "]" * 101, '{"a":' * 1_000_000, "[" * 101, "NaN", "[Infinity]", "-Infinity", '"\\ud800"', '{"\\udfff":1}', "", "{", '"\\'],
    ids=str.__len__,
)  # fmt: skip
def test_a_text_beyond_the_limits_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        bounded_json(text)


def test_a_pair_of_surrogates_is_a_character() -> None:
    assert bounded_json('"\\ud83c\\udf75"') == "\U0001f375"

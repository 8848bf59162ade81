"""A schema from elsewhere has limits that each of its readers takes from one place, before a parser sees it."""

from __future__ import annotations

import pytest

from partita.codec.writers_schema import SCHEMA_DEPTH_MAX, check_size
from partita.errors import UnknownSchema
from partita.schemas.evolution.json_text import DEPTH_MAX, parse
from partita.texts.bounded_json import SCHEMA_CHARS_MAX as CHARS_MAX
from partita.texts.bounded_json import oversize


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


@pytest.mark.parametrize(
    "text", ["[]", nested(100), '"' + "[" * 500 + '"', '"\\"' + "[" * 500 + '"', " " * CHARS_MAX, "]" * 500]
)
def test_brackets_within_a_text_and_those_that_close_are_no_depth(text: str) -> None:
    assert oversize(text, 100) == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (nested(101), "nested more than 100 levels deep"),
        ('"a\\\\"' + "{" * 101, "nested more than 100 levels deep"),
        (" " * (CHARS_MAX + 1), "it has 200,001 characters, the limit is 200,000"),
        ("[" * CHARS_MAX, "nested more than"),
    ],
)
def test_a_schema_beyond_a_limit_has_a_reason(text: str, why: str) -> None:
    assert why in oversize(text, 100)


def test_a_codec_and_the_rules_refuse_it_each_with_its_own_error() -> None:
    """A record of Avro takes three levels in a codec; a schema that people compare has fewer."""
    check_size(nested(SCHEMA_DEPTH_MAX))
    with pytest.raises(ValueError, match=f"more than {SCHEMA_DEPTH_MAX} levels"):
        check_size(nested(SCHEMA_DEPTH_MAX + 1))
    parse(nested(DEPTH_MAX))
    with pytest.raises(UnknownSchema, match=f"more than {DEPTH_MAX} levels"):
        parse(nested(DEPTH_MAX + 1))
    for reader in (check_size, parse):
        with pytest.raises((ValueError, UnknownSchema), match="the limit is 200,000"):
            reader(" " * (CHARS_MAX + 1))

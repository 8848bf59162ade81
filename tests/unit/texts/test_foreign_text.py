"""Foreign text reaches no log line, terminal or mail as it is; and what a database driver says of a row reaches none at all."""

from __future__ import annotations

import io
import json
import logging
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partita.cli.output import json_of, print_json, say, table, talk
from partita.errors import PartitaError, StoreUnavailable
from partita.texts.foreign_text import logger, shown, shown_error, shown_lines, shown_stack, without_rows

UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
CASES = {
    "a\r\nERROR forged": "a\\r\\nERROR forged",
    "\x1b[2J\x1b]0;title\x07": "\\x1b[2J\\x1b]0;title\\x07",
    "one\x9b31mred": "one\\x9b31mred",
    "del\x7f nul\0 tab\t": "del\\x7f nul\\x00 tab\\t",
    "pay\u202e001\u2066x\u2069": "pay\\u202e001\\u2066x\\u2069",
    "ze\u200bro\u200d\u2060wi\ufeffdth": "ze\\u200bro\\u200d\\u2060wi\\ufeffdth",
    "lines\u2028and\u2029\x85": "lines\\u2028and\\u2029\\x85",
    "lone \ud800 \udc80": "lone \\ud800 \\udc80",
    "tag \U000e0001 fill \u3164 \u115f \u2800 \ufe0f \u034f": "tag \\U000e0001 fill \\u3164 \\u115f \\u2800 \\ufe0f \\u034f",
}


def is_harmless(text: str) -> bool:
    return not any(unicodedata.category(c) in UNSEEN for c in text)


@pytest.mark.parametrize("text", CASES, ids=range(len(CASES)))
def test_what_is_not_seen_as_itself_is_written_out(text: str) -> None:
    assert shown(text) == CASES[text] and is_harmless(shown(text))


@pytest.mark.parametrize("text", ["", "plain", "Grüße, 東京 🚚 שלום", r"C:\path\x1b", "a 'b' \"c\" {d} %s"])
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert shown(text) == text


@given(st.text(st.characters(), max_size=40))
def test_any_text_is_one_harmless_line_and_shown_twice_the_same(text: str) -> None:
    assert is_harmless(shown(text)) and shown(shown(text)) == shown(text)


def test_no_line_of_a_stack_passes_for_a_line_of_ours() -> None:
    lines = shown_lines("Traceback\n  at x\nERROR forged\rX\n")
    assert lines == ["  Traceback", "    at x", "  ERROR forged\\rX"]


ROWS = {
    'duplicate key value violates unique constraint "u"\nDETAIL:  Key (email)=(ann@secret\nHINT: x) exists.\nHINT:  y': (
        'duplicate key value violates unique constraint "u"'
    ),
    "doppelter Schlüssel\nDETAIL:  Schlüssel »(e)=(secret)« existiert bereits.": "doppelter Schlüssel",
    "duplicat\nDÉTAIL : La clé (e)=(secret) existe": "duplicat",
    '(psycopg.errors.X) bad\nDETAIL:  (secret)\n[SQL: INSERT INTO t VALUES (%s)]\n[parameters: ("secret",)]': (
        "(psycopg.errors.X) bad"
    ),
    "syntax error at or near \"x\"\nLINE 1: INSERT INTO t VALUES ('secret')\n   ^": 'syntax error at or near "x"',
    'invalid input syntax for type integer: "secret"': "invalid input syntax for type integer: ...",
    'invalid input value for enum colour: "secret"': "invalid input value for enum colour: ...",
    'date/time field value out of range: "secret"': "date/time field value out of range: ...",
    'malformed array literal: "{secret"': "malformed array literal: ...",
    'value "se"cret" is out of range for type integer': 'value "..." is out of range for type integer',
    "invalid input for query argument $1: 'sec(r)et' (expected int, got str)": (
        "invalid input for query argument $1: ... (expected int, got str)"
    ),
    "invalid input for query argument $12: 'secret": "invalid input for query argument $12: ...",
    "unnamed\nCONTEXT:  COPY t, line 1, column n: secret": "unnamed",
}


@pytest.mark.parametrize("text", ROWS, ids=range(len(ROWS)))
def test_values_of_rows_are_left_out(text: str) -> None:
    assert without_rows(text) == ROWS[text] and "secret" not in without_rows(text)


@pytest.mark.parametrize(
    "text",
    ["UNIQUE constraint failed: account.name", 'null value in column "a" of relation "t"\nHINT:  fill it', "a: b\n  c"],
)
def test_what_names_no_value_stays(text: str) -> None:
    assert without_rows(text) == text


class Broken(Exception):
    """An exception whose own text cannot be made."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_an_exception_that_has_no_text_is_shown_all_the_same() -> None:
    assert shown_error(Broken()) == "(the text of Broken cannot be read)"
    assert "Broken" in shown_stack(Broken())
    assert (shown_error(TimeoutError()), shown_error(ValueError("a: b"))) == ("TimeoutError", "a: b")


def test_an_error_of_ours_is_one_line_with_what_to_do() -> None:
    assert shown_error(PartitaError("it\nfailed", hint="do this")) == "it\\nfailed (do this)"


def lines_of(log: Any) -> list[str]:
    """The lines that a user's handler writes while `log` is called."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    mine = logger("partita.test_foreign_text")
    mine.addHandler(handler)
    mine.propagate = False
    try:
        log(mine)
    finally:
        mine.removeHandler(handler)
    return out.getvalue().removesuffix("\n").split("\n")


def test_a_log_line_is_one_line_whatever_is_put_into_it() -> None:
    bad = "k\r\nERROR forged\x1b[1m"
    (line,) = lines_of(lambda log: log.warning("key %s of %d: %s (%s)", bad, 3, ValueError(bad), StoreUnavailable(bad)))
    assert line.startswith("WARNING key k\\r\\nERROR forged") and is_harmless(line)
    (line,) = lines_of(lambda log: log.warning("cannot: %s", Broken()))
    assert line == "WARNING cannot: (the text of Broken cannot be read)"


def test_a_logged_stack_forges_no_line_and_holds_no_row() -> None:
    told = "bad\nDETAIL:  Key (a)=(secret) exists."

    def fail(log: logging.Logger) -> None:
        try:
            try:
                raise ValueError(told)
            except ValueError as error:
                raise KeyError("x\nERROR forged\x1b[1m") from error
        except KeyError:
            log.exception("it failed")

    first, *rest = lines_of(fail)
    assert first == "ERROR it failed" and len(rest) > 6
    assert all(line.startswith("  ") or not line for line in rest) and all(map(is_harmless, rest))
    assert "secret" not in "".join(rest) and any("ValueError: bad" in line for line in rest)


def test_what_a_command_says_is_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    say("a\nb\x1b[1m", "c")
    say(*table(["one", "n"], [("x\r\ny", 1_000)]))
    talk("d\u202e")
    out, err = capsys.readouterr()
    assert out == "a\\nb\\x1b[1m\nc\none         n\nx\\r\\ny  1,000\n" and err == "d\\u202e\n"


@given(st.text(st.characters(), max_size=30))
def test_json_is_ascii_that_every_reader_takes(text: str) -> None:
    document = json_of([text, {text: [text]}])
    assert document.isascii() and "\x7f" not in document
    back = json.loads(document)[0]
    back.encode()  # no lone surrogate is left in it
    if is_harmless(text):
        assert back == text


def test_json_keeps_what_has_a_meaning_and_names_what_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    print_json("Kind", {"text": "\x1b\x7f\u202e🚚\n", "lone": "\udc80"})
    found = json.loads(capsys.readouterr().out)
    assert found == {"v": 1, "kind": "Kind", "text": "\x1b\x7f\u202e🚚\n", "lone": "\\udc80"}

"""Numbers and times in plain words: "twenty thousand" is 20000, "1, 5 and 30 minutes" are three times."""

from __future__ import annotations

import re
from dataclasses import dataclass

LONG_UNIT = r"milliseconds?|seconds?|minutes?|hours?|(?:working |business |calendar )?days?|weeks?|months?|years?"
UNIT = rf"({LONG_UNIT}|millis|ms|secs?|s|mins?|m|hrs?|h|d|wks?|w|yrs?|y)"
NUMBER = r"\d+(?:\.\d+)?"
_SMALL = {
    word: at
    for at, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
        "eighteen nineteen".split()
    )
} | {
    word: 10 * at
    for at, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)
}  # fmt: skip
_BIG = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_WORD = "|".join(sorted([*_SMALL, *_BIG, "dozen", "fourty"], key=len, reverse=True))
_WORDS = re.compile(
    rf"(?<![\w-])((?:an?|half an?|{NUMBER})[ -])?((?:{_WORD})(?:(?:[ -]| and (?=(?:{_WORD})\b))(?:{_WORD}))*)(?![\w-])"
)
_GROUPED = re.compile(r"(?<![\w.,])\d{1,3}(?:(?:,\d{3})+|(?:'\d{3})+|(?: \d{3})+)(?![\w,]\d|\d)")
_LIST = re.compile(
    rf"(?<![\w.])({NUMBER}(?: ?(?:,|/|&|,? ?\band\b|,? ?\bor\b|,? ?\bthen\b|-|\bto\b) ?{NUMBER})*)[ -]*{UNIT}(?![\w])"
)
_ONE = re.compile(rf"\b(?:an?|one|the next) ({LONG_UNIT})\b")
_BEFORE = re.compile(
    r"(?:\b(?:about|after|at|be|before|by|during|every|for|in|is|least|most|of|only|over|takes?|than|the|to|under|within)\s|[(,;]\s?)$"
)
_AFTER = re.compile(
    r"\s?(?:$|[),;]|(?:after|ago|before|behind|delay|lag|late|later|old|(?:of )?(?:outage|downtime)|stale|window|without)\b)"
)
"""An article and a unit are a time after these words, or before those."""
_FIXED = (
    (r"\bhalf an hour\b|\ba half hour\b|\bhalf-hour(?:ly)?\b", "30 minutes"),
    (r"\bquarter of an hour\b|\bquarter hour\b", "15 minutes"),
    (r"\ban hour and a half\b", "90 minutes"), (r"\bhalf a day\b", "12 hours"), (r"\bhalf a year\b", "6 months"),
    (r"\bhalf a minute\b", "30 seconds"), (r"\bhalf a second\b", "500 ms"), (r"\b(?:a )?fortnight\b", "14 days"),
    (r"\ba decade\b", "10 years"), (r"\ba couple of\b", "2"),
)  # fmt: skip
_DIGITS = {"ms": 6, "s": 6, "m": 6, "h": 6, "d": 6, "w": 5, "y": 4}
"""The most digits of a count of each unit in a brief."""


@dataclass(frozen=True, slots=True)
class Span:
    """A time in a text: its place there, and the words of a brief for it (`24h`)."""

    start: int
    end: int
    text: str


def with_digits(text: str) -> str:
    """The text in small letters, with its numbers in digits: `twenty thousand claims` is `20000 claims`."""
    text = text.lower()
    for pattern, words in _FIXED:
        text = re.sub(pattern, words, text)
    text = _GROUPED.sub(lambda found: re.sub(r"\D", "", found[0]), text)
    text = re.sub(rf"(?<![\w.])({NUMBER}) ?k\b", lambda found: _plain(float(found[1]) * 1_000), text)
    return _WORDS.sub(_digits, text)


def spans_in(text: str) -> list[Span]:
    """The times in a text with digits, in their order; a list with one unit gives one for each number."""
    found: list[Span] = []
    for match in _LIST.finditer(text):
        texts = [_span(number, match[2]) for number in re.findall(NUMBER, match[1])]
        found += [Span(match.start(), match.end(), each) for each in texts if each]
    for match in _ONE.finditer(text):
        if re.search(r"\b(?:once|twice|times)\s$", text[: match.start()]):
            continue
        if not _BEFORE.search(text[: match.start()]) and not _AFTER.match(text[match.end() :]):
            continue  # "a month is invoiced once" has no time
        found.append(Span(match.start(), match.end(), _span("1", match[1])))
    return sorted(found, key=lambda each: each.start)


def times_in(text: str) -> list[str]:
    """The times in a text of plain words, as a brief writes them."""
    return [each.text for each in spans_in(with_digits(text))]


def unit_of(words: str) -> str:
    """A unit of time in short: `s` of `secs`, `month` of `months`."""
    word = words.split()[-1]
    return "ms" if word.startswith(("ms", "milli")) else "month" if word.startswith("month") else word[0]


def _digits(found: re.Match[str]) -> str:
    words = re.findall(r"[a-z]+", found[2])
    before = (found[1] or "").strip(" -")
    if words == ["one"] and not before:
        return found[0]  # "events of one order" counts nothing; "one minute" is a time all the same
    total, part = 0.0, 0.0
    factor = float(before) if before[:1].isdigit() else 0.5 if before.startswith("half") else 1.0
    if before and words[0] not in _BIG and words[0] != "dozen":
        return found[0]
    for word in words:
        if word == "dozen":
            part = (part or factor) * 12
        elif word in _BIG:
            part = (part or factor) * _BIG[word]
            if word != "hundred":
                total, part = total + part, 0.0
        elif word != "and":
            part += 40 if word == "fourty" else _SMALL[word]
    return _plain(total + part)


def _plain(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _span(number: str, unit: str) -> str:
    """A count of a unit as a brief writes it; "" where the form has no such time."""
    short = unit_of(unit)
    value = float(number)
    if short == "month":
        value, short = value * 30, "d"
    if short in "wy" and not value.is_integer():
        value, short = value * (7 if short == "w" else 365.25), "d"
    text = _plain(value)
    return f"{text}{short}" if value > 0 and len(text.partition(".")[0]) <= _DIGITS[short] else ""

"""Loads in plain words: "20,000 claims a day, 150,000 after a storm" is a steady rate and its peak."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from partita.design.brief.asking.amounts import NUMBER, UNIT, unit_of, with_digits
from partita.design.brief.asking.lexicon import word_set
from partita.design.brief.asking.wording import plural, sentences, singular

SECONDS = {"second": 1.0, "minute": 60.0, "hour": 3_600.0, "day": 86_400.0}
"""The units of loads in a brief."""
UNITS = {
    "s": ("second", 1.0), "m": ("minute", 1.0), "h": ("hour", 1.0), "d": ("day", 1.0),
    "w": ("day", 7.0), "month": ("day", 30.0), "y": ("day", 365.0),
}  # fmt: skip
"""The unit of a brief for each unit of an answer, and the number of it."""
NO_LOAD = word_set("nouns", "no_load")
"""Nouns that a number a day counts, and that are no load: `three times a day`."""
ANY_NOUN = frozenset("call event message operation request thing transaction".split())
"""Nouns that say no more than that something begins."""
_N = rf"(?<![\w.])({NUMBER})(?![\d%])"
_UNIT = r"(seconds?|secs?|s|minutes?|mins?|hours?|hrs?|h|days?|weeks?|months?|years?)\b"
_PER = r"(?: ?/ ?| (?:an?|per|each|every|in an?|in one) )"
_NOUNS = r"((?: (?!and |or |to |a |an |per |each |every |at |in |on |after |of )[a-z][a-z-]*){0,4})"
_RATE = re.compile(rf"{_N}(?:{_NOUNS}{_PER}{_UNIT}|{_NOUNS} (daily|hourly|weekly|monthly|yearly)\b| ?(rps|tps|qps)\b)")
_EVERY = re.compile(
    rf"{_N} ([a-z-]+(?: [a-z-]+)?)\b([^.;\d]{{0,60}}?)\b(?:every|once in|once every|each) ({NUMBER} )?{UNIT}\b"
)
_PEAK_BEFORE = re.compile(r"\b(peaks?|peaking|up to|at most|max|maximum|as many as|at worst)\b[a-z ,:]{0,20}$")
_BETWEEN = re.compile(rf"({NUMBER}) ?(?:-|to|and) ?$")
_ABOUT = re.compile(r"\b(?:about|almost|approximately|around|ca|circa|nearly|roughly|some|usually)\s*$")
_LIMIT = re.compile(r"\b(at most|no more than|not more than|never more than|only|maximum of|limit(ed)?)\b[^.]{0,30}$")


@dataclass(frozen=True, slots=True)
class Rate:
    """A load as an answer gives it; `noun` is "" where the answer names none, `peak` 0 where it gives none."""

    noun: str
    unit: str
    steady: float
    peak: float = 0.0

    @property
    def key(self) -> str:
        """The name of its noun in a brief: `claims`."""
        return plural(self.noun).replace("-", "_") if self.noun else ""


def rates_in(text: str, *, limits: bool = False) -> tuple[list[Rate], str]:
    """The loads in an answer, and the answer without them. With `limits`, `at most 3 a day` is a rule and no load."""
    rates: dict[str, Rate] = {}
    rest: list[str] = []
    for sentence in sentences(text):
        words = with_digits(sentence)
        found, left = _in_sentence(words, limits)
        for rate in found:
            if not rate.noun and len(rates) == 1:  # "six thousand after hail" counts the noun before
                rate = replace(rate, noun=next(iter(rates)))
            rates[rate.noun] = _together(rates[rate.noun], rate) if rate.noun in rates else rate
        rest.append(left if found else sentence)
    return list(rates.values()), "\n".join(rest)


def _together(one: Rate, other: Rate) -> Rate:
    """Two loads of one noun are the usual one and the peak."""
    factor = SECONDS[one.unit] / SECONDS[other.unit]
    values = sorted({value for value in (one.steady, one.peak, other.steady * factor, other.peak * factor) if value})
    return Rate(one.noun, one.unit, _round(values[0]), _round(values[-1]) if len(values) > 1 else 0.0)


def _in_sentence(words: str, limits: bool) -> tuple[list[Rate], str]:
    rates: list[Rate] = []
    every = _EVERY.search(words)
    if every and not limits:
        rate = _regular(every)
        if rate is not None:
            return [rate], words[: every.start()] + words[every.end() :]
    left, at = "", 0
    while found := _RATE.search(words, at):
        noun = _noun(found[2] or found[4] or "")
        if noun in NO_LOAD or (limits and _LIMIT.search(words[: found.start()])):
            left, at = left + words[at : found.end()], found.end()
            continue
        unit, value = _per(found)
        low, begin = value, found.start()
        before = _BETWEEN.search(words[at:begin])
        is_peak = bool(_PEAK_BEFORE.search(words[at:begin])) and before is None
        if before and float(before[1]) < float(found[1]):
            low, begin = value * float(before[1]) / float(found[1]), at + before.start()
        other, end = (0.0, found.end()) if before else _other(words, found.end(), value, unit, noun)
        peak = value if before or is_peak else other
        low = other or value / 5 if is_peak else low
        low, peak = (peak, low) if 0 < peak < low else (low, peak)
        if low > 0:
            rates.append(Rate(noun, unit, _round(low), _round(peak)))
        left, at = f"{left}{_ABOUT.sub('', words[at:begin])} ", end
    return rates, left + words[at:]


def _other(words: str, at: int, value: float, unit: str, noun: str) -> tuple[float, int]:
    """The second number of a load: `, 400 at the peak`."""
    times = re.match(
        rf"[^\d.;]{{0,30}}?\b(?:({NUMBER}) times|(twice|double))\b(?: (?:as|that|the|more|so)\b)?[^,.;()\d]{{0,60}}",
        words[at:],
    )
    if times:
        return value * float(times[1] or 2), at + times.end()
    for found in re.finditer(_N, words[at:]):
        end = at + found.end()
        if re.match(rf"[ -]?{UNIT}\b", words[end:]) or not re.fullmatch(r"[^\d]{0,60}", words[at : at + found.start()]):
            return 0.0, at
        own = _RATE.match(words, at + found.start())
        number = float(found[1])
        if own is not None:
            its_unit, number = _per(own)
            its_noun = _noun(own[2] or own[4] or "")
            if its_noun not in ("", noun):
                return 0.0, at
            number, end = number * SECONDS[unit] / SECONDS[its_unit], own.end()
        tail = re.match(r"[^,.;()\d]{0,60}", words[end:])
        return (number, end + (tail.end() if tail else 0)) if number != value else (0.0, at)
    return 0.0, at


def _per(found: re.Match[str]) -> tuple[str, float]:
    value = float(found[1])
    if found[6]:
        return "second", value
    unit, count = UNITS[unit_of(found[3] or found[5])]
    return unit, value / count


def _regular(found: re.Match[str]) -> Rate | None:
    """`2000000 meters send a reading every 30 minutes`: each of them in each of these times."""
    if unit_of(found[5]) not in UNITS:
        return None
    unit, count = UNITS[unit_of(found[5])]
    lasts = SECONDS[unit] * count * float(found[4] or 1)
    object_ = re.findall(r"\b(?:an?|its|their|one) ([a-z-]+)", found[3])
    noun = singular(object_[-1] if object_ else found[2].split()[0])
    per = "hour" if lasts >= 60 else "second"
    steady = _round(float(found[1]) * SECONDS[per] / lasts) if lasts else 0.0
    return None if noun in NO_LOAD or steady <= 0 else Rate(noun, per, steady)


def _noun(words: str) -> str:
    found = [word for word in words.split() if word not in ("more", "new", "them", "about")]
    noun = singular(found[-1].rpartition("-")[2]) if found else ""
    return "" if noun in ANY_NOUN else noun[:20]


def _round(value: float) -> float:
    return min(round(value, 3), 1e9)

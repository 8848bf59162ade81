"""Quantities as a document writes them: durations, rates, sizes and counts, the same everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

YEAR_S = 365.25 * 86_400.0
MONTH_S = 30 * 86_400.0
DAY_S = 86_400.0
_SPANS = ((YEAR_S, "y"), (DAY_S, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))
_SIZES = ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))


def span(seconds: float | None) -> str:
    """A duration: `15 min`, `90 d`, `1.5 h`; None is "for ever"."""
    if seconds is None:
        return "for ever"
    for size, unit in _SPANS:
        if unit == "d" and seconds < 2 * size:
            continue  # people say 24 h
        if seconds >= size and (seconds % size == 0 or seconds >= 3 * size or size == 1.0):
            return f"{_digits(seconds / size)} {unit}"
    return "0 s" if seconds == 0 else f"{seconds * 1_000:.4g} ms"


def rate(per_second: float) -> str:
    """A rate: `50/s`, or `1,728/d` where it is below one in ten seconds."""
    if 0 < per_second < 0.1:
        return f"{_digits(per_second * DAY_S)}/d"
    return f"{_digits(per_second)}/s" if per_second >= 1_000 else f"{per_second:.4g}/s"


def size(amount: float) -> str:
    """A number of bytes: `364 GB`."""
    for limit, unit in _SIZES:
        if amount >= limit:
            return f"{_digits(amount / limit)} {unit}"
    return "0 B"


def count(amount: float) -> str:
    """A number of things: `1,296,000`, `4.32 million` from ten million on."""
    for limit, word in ((1e9, "billion"), (1e7, "million")):
        if amount >= limit:
            return f"{_digits(amount / (1e6 if word == 'million' else limit))} {word}"
    return f"{amount:,.0f}" if amount >= 10 or amount == int(amount) else f"{amount:.3g}"


def listed(names: Iterable[str], word: str = "and") -> str:
    """Names as a sentence lists them, each as a name: `a`, `b` and `c`."""
    quoted = [f"`{name}`" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} {word} {quoted[-1]}" if quoted else "none"


def are(names: Sequence[str]) -> str:
    """The verb after names: "is" after one."""
    return "is" if len(names) == 1 else "are"


def plain(names: Sequence[str], word: str = "and") -> str:
    """Words as a sentence lists them."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}" if names else ""


def words(name: str) -> str:
    """The words of a CamelCase name: "ReserveStock" -> "reserve stock"."""
    found = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return found.replace("_", " ").replace("-", " ").strip()


def one(name: str) -> str:
    """A name with its article: "an order_id", "a claim_id"; quotes of code do not count."""
    bare = name.strip("`").lower()
    return f"{'an' if re.match('[aeio]|u(?!ni|se|ti)', bare) else 'a'} {name}"


def lasting(seconds: float | None) -> str:
    """How long something holds: "for 24 h", or "for ever"."""
    return span(seconds) if seconds is None else f"for {span(seconds)}"


def sentence(text: str) -> str:
    """A text of a brief as a sentence: a capital at the beginning, a full stop at the end."""
    text = " ".join(text.split())
    if text.partition(" ")[0].isalpha():  # `order_summary` is a name
        text = text[0].upper() + text[1:]
    return text if not text or text.endswith((".", "!", "?")) else text + "."


def _digits(value: float) -> str:
    """Three digits that count, without an exponent: 0.0579, 2.4, 364, 1,296."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"

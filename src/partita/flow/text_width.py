"""The width of a text before it is drawn: an estimate from above, so that a text fits its box in every font of a reader."""

from __future__ import annotations

import unicodedata

NARROW = frozenset("iljtfrI.,:;'|![]()/ -")
WIDE = frozenset("mwMW@%")
ELLIPSIS = "…"


def text_width(text: str, size: float) -> float:
    """The width of a text in pixels. The shares of the size are those of DejaVu Sans, the widest of the usual fonts."""
    return size * sum(_share(letter) for letter in text)


def shortened(text: str, size: float, width: float) -> str:
    """The text, without its middle where it is wider: names differ at their ends."""
    if text_width(text, size) <= width:
        return text
    for kept in range(len(text) - 1, 1, -1):
        short = text[: (kept + 1) // 2] + ELLIPSIS + text[len(text) - kept // 2 :]
        if text_width(short, size) <= width:
            return short
    return ELLIPSIS


def _share(letter: str) -> float:
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.0
    if unicodedata.combining(letter):
        return 0.0
    if letter in NARROW:
        return 0.4
    if letter in WIDE:
        return 0.96
    return 0.70 if letter.isupper() else 0.63

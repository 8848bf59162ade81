"""The seal of an exported file: a line that says that Partita wrote it and that it was not changed since.

An export writes over a file with an unbroken seal and over no other: it would destroy a file of the user's, or the edits in one.
"""

from __future__ import annotations

import hashlib
import re

UNSEALED = f"partita-export:{'0' * 64}"
"""The place of the seal in a text, before the text has one. No user's text comes before it."""
_SEAL = re.compile(r"partita-export:([0-9a-f]{64})")


def sealed(text: str) -> str:
    """A text with its seal: the SHA-256 of the text with zeros in the place of the seal."""
    assert _SEAL.search(text) is not None, "an exported text has a place for its seal"
    return text.replace(UNSEALED, f"partita-export:{_digest(text)}", 1)


def is_sealed(text: str) -> bool:
    """Whether a text has an unbroken seal."""
    found = _SEAL.search(text)
    return found is not None and _digest(_SEAL.sub(UNSEALED, text, count=1)) == found[1]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

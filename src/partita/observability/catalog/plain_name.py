"""Whether the name of a field says by itself what it holds. Only clear cases are found: abbreviations and empty words."""

from __future__ import annotations

from partita.observability.catalog.example import words_of

ABBREVIATED = frozenset(
    "acct addr amt attr cd cfg cnt ctx cust desc dst dt flg idx ind nbr nr num obj ord param pct prc prod qty ref seq "
    "src tm tmp tot ts tx txn val".split()
)
EMPTY = frozenset(
    "attributes body code content data details extra extras field flag info item items kind meta metadata misc object "
    "options other params payload properties result state status thing type value values".split()
)
KNOWN = frozenset(
    "bic by csv dns gtin http https id ids ip iban isbn js json kg km mb ms pdf php sku sms sql ssl tls ttl url xml".split()
)
"""Words without a vowel, or short ones, that every engineer knows."""
VOWELS = frozenset("aeiouyäöüéèà")


def is_plain(name: str) -> bool:
    """Whether a name is made of words: `totalCents` is, `qty`, `x` and `data` are not."""
    words = words_of(name)
    return any(word not in EMPTY for word in words) and all(map(_is_word, words))


def _is_word(word: str) -> bool:
    letters = word.rstrip("0123456789")
    if letters in KNOWN or (not letters and word.isdigit()):
        return True
    return len(letters) > 1 and letters not in ABBREVIATED and bool(VOWELS & set(letters))

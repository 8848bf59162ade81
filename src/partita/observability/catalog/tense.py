"""The tense of a message's name: an event is in the past, a command is an order. Only a clear breach is found.

English has no rule for it: `cut` and `put` are both. So the name of an event is a breach where none of its words can be in
the past, and that of a command where its first word can only be in the past, or ends in -ing.
"""

from __future__ import annotations

from partita.observability.catalog.example import words_of

# Past participles that do not end in -ed, of verbs that systems use.
IRREGULAR = frozenset(
    "arisen awoken bought bound broken brought built caught chosen come cut dealt done drawn driven fallen fed felt "
    "found forbidden forgotten forgiven frozen given gone grown had held hidden hit hung kept known laid lain lapsed led "
    "left lent let lit lost made meant met overdrawn overridden overrun paid prepaid put quit read rebuilt remade repaid "
    "resent reset resold run said seen sent set shed shown shut slept sold sought spent split spoken spread stolen "
    "struck swept sworn taken taught thought thrown torn undergone understood undone unpaid upset withdrawn "
    "withheld woken won worn written began went begun did heard rung undid fell rose became overtaken undertaken "
    "mistaken".split()
)
# Those of them that are an order as well.
BOTH = frozenset(
    "come cut hit let put quit read reset run set shed shut split spread upset bound found felt lit left".split()
)
# Words that end in -ed or -ing and are an order, or no verb at all.
NO_PAST = frozenset(
    "bed bleed breed embed exceed feed heed need proceed red seed shed shred speed succeed weed wed".split()
)
NO_ING = frozenset("bring ping ring sing string swing spring king thing fling sling wing cling sting".split())
SUFFIXES = ("event", "command", "message")
"""Words at the end of a name that say its kind: `OrderPlacedEvent`."""


def is_past(name: str) -> bool:
    """Whether a word of the name may be in the past: `OrderPlaced`, `PaymentSent`, `StockRunOut`."""
    return any(_may_be_past(word) for word in _words(name))


def is_order(name: str) -> bool:
    """Whether the first word of a name may be an order: `PlaceOrder`, `ResetPassword`; not `PlacedOrder`, `PlacingOrder`."""
    first = (_words(name) or [""])[0]
    only_past = _may_be_past(first) and first not in BOTH
    return not only_past and not (first.endswith("ing") and len(first) > 4 and first not in NO_ING)


def _words(name: str) -> list[str]:
    words = [word.rstrip("0123456789") for word in words_of(name)]
    words = [word for word in words if word and word != "v"]
    while len(words) > 1 and words[-1] in SUFFIXES:
        words.pop()
    return words


def _may_be_past(word: str) -> bool:
    return word in IRREGULAR or (word.endswith("ed") and len(word) > 3 and word not in NO_PAST)

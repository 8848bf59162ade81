"""Forgetting marks: which of those that are past their window go, and what of them stays known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from partita.clock import US
from partita.message import born_us, is_users_key

AHEAD_US_MAX = 86_400 * US
"""Further ahead of its mark no sender's clock is believed."""


class Mark(NamedTuple):
    """A mark that is past its window."""

    seq: int
    consumer: str
    message_id: str
    payload_hash: str
    at_us: int


class Forgetting(NamedTuple):
    """What goes: rows of the inbox by their `seq`; `keys` of these, which are kept in short; and up to when the messages
    of all others were made (0 = there are none)."""

    seqs: list[int]
    keys: list[Mark]
    upto_us: int


def forgetting(marks: Sequence[Mark], before_us: int) -> Forgetting:
    """What to do with marks that were written before that moment.

    Whoever comes later with an id that was made before `upto_us` may have been handled and forgotten. A mark stays until
    its id is as old as that, also where the sender's clock is ahead. What a user named has no age: it is never forgotten
    here, only its answer.
    """
    seqs: list[int] = []
    keys: list[Mark] = []
    upto_us = 0
    for mark in marks:
        born = born_us(mark.message_id)
        made_us = mark.at_us if born is None else min(born, mark.at_us + AHEAD_US_MAX)
        if is_users_key(mark.message_id):
            keys.append(mark)
        elif made_us >= before_us:
            continue
        else:
            upto_us = max(upto_us, made_us)
        seqs.append(mark.seq)
    return Forgetting(seqs, keys, upto_us)

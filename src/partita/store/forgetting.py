"""Forgetting marks: which marks past their window are deleted, and what the inbox still knows of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from partita.clock import US
from partita.message import born_us, is_users_key

AHEAD_US_MAX = 86_400 * US
"""A sender's clock is not believed further ahead of its mark than this."""


class Mark(NamedTuple):
    """A mark that is past its window."""

    seq: int
    consumer: str
    message_id: str
    payload_hash: str
    at_us: int


class Forgetting(NamedTuple):
    """The marks to delete: inbox rows by their `seq`; the `keys` of those that stay in a short form; and the time up to
    which the messages of all others were made (0 = there are none)."""

    seqs: list[int]
    keys: list[Mark]
    upto_us: int


def forgetting(marks: Sequence[Mark], before_us: int) -> Forgetting:
    """Decide about the marks that were written before that time.

    A later message whose id was made before `upto_us` may have been handled and forgotten. A mark stays until its id is
    that old, also where the sender's clock is ahead. An id that a user chose has no age: only its answer is forgotten
    here, never the id.
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

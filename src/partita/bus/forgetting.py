"""Groups with members: how often members are looked for, and the error that such a group is neither forgotten nor moved."""

from __future__ import annotations

from collections.abc import Sequence

from partita.errors import Conflict

NAMED_MAX = 5
LOOK_AGAIN_S = 0.6
"""Longer than one heartbeat: a living member is seen at the second look, a dead one is missed some looks later."""


def has_members(where: str, group: str, members: Sequence[str] = ()) -> Conflict:
    """The error that a group was left unchanged."""
    names = f" ({', '.join(members[:NAMED_MAX])}{', ...' if len(members) > NAMED_MAX else ''})" if members else ""
    return Conflict(
        f"{where}: {group} has members{names}; nothing was done.",
        hint=f"Stop the processes that consume for {group} first; one that died counts until it is missed, some seconds.",
    )

"""Groups that have members: how often they are looked for, and why one is neither forgotten nor put elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from partita.errors import Conflict

NAMED_MAX = 5
LOOK_AGAIN_S = 0.6
"""Longer than from heartbeat to heartbeat: who lives is seen at the second look, who died is missed some looks later."""


def has_members(where: str, group: str, members: Sequence[str] = ()) -> Conflict:
    """Why nothing was done to a group."""
    names = f" ({', '.join(members[:NAMED_MAX])}{', ...' if len(members) > NAMED_MAX else ''})" if members else ""
    return Conflict(
        f"{where}: {group} has members{names}; nothing was done.",
        hint=f"Stop the processes that consume for {group} first; one that died counts until it is missed, some seconds.",
    )

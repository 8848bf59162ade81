"""Forgetting a group that is no more: how often its members are looked for, and why it is refused."""

from __future__ import annotations

from partita.errors import Conflict

LOOK_AGAIN_S = 0.6
"""Longer than from heartbeat to heartbeat: who lives is seen at the second look, who died is missed some looks later."""


def has_members(where: str, group: str) -> Conflict:
    """Why a group is not forgotten."""
    return Conflict(f"{where}: {group} has members.", hint=f"Stop the processes that consume for {group} first.")

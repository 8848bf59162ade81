"""The part of a service in a design: by its deeds, else by the words of its name."""

from __future__ import annotations

from typing import Literal

from partita.design.brief.asking.deed import Deed
from partita.design.brief.asking.lexicon import is_person, role_of
from partita.design.brief.asking.party import Party

Part = Literal["check", "hold", "decide", "money", "tell", "show", "react"]
"""check, hold, decide and money are steps of a saga; the others are reactions."""
STEPS: tuple[Part, ...] = ("check", "hold", "decide", "money")
"""The kinds of steps in their order in a saga: what changes nothing, what can be given back, the decision, the money."""
PARTS: dict[str, Part] = {
    "payout": "money", "payment": "money", "stock": "hold", "availability": "hold", "human": "decide", "notification": "tell",
    "analytics": "show", "report": "show",
}  # fmt: skip


def part_of(deed: Deed) -> Part:
    """The part that one deed gives its service."""
    if deed.kind != "act" and deed.kind != "undo":
        return deed.kind
    return "decide" if deed.person else "react"


def main_part(party: Party) -> Part:
    """The part of a service: that of its first deed in a saga, else of its first deed, else of its name."""
    role = role_of(party.words)
    parts: tuple[Part, ...] = tuple(part_of(deed) for deed in party.deeds)
    for part in parts:
        if part in ("check", "hold", "decide", "money"):
            return part
    if parts:
        return parts[0]
    return PARTS[role] if role in PARTS else "react"


def role_of_party(party: Party) -> str:
    """The role of a service in a pattern; "" where neither its name nor its deeds have one."""
    found = role_of(party.words) or (role_of(party.thing) if party.begins else "")
    if found or not party.deeds:
        return found
    deed = next((each for each in party.deeds if part_of(each) in STEPS), party.deeds[0])
    part = part_of(deed)
    if part == "hold":
        return role_of(deed.thing) or ("dispatch" if is_person(deed.thing) else "availability")
    if part == "money":
        return "payout" if deed.verb in ("disburse", "send") else "payment"
    return {"check": "screening", "decide": "human", "tell": "notification", "show": "analytics"}.get(part, "")


def is_human(party: Party) -> bool:
    """Whether people answer for a service: the answer says so, or its name does."""
    return any(each.person for each in party.deeds) or role_of(party.words) == "human" or is_person(party.words)

"""The roles of services, by the words in their names: a service of the user takes the place of one in a pattern."""

from __future__ import annotations

import re
from typing import Literal

from partita.design.brief.asking.answers import Party
from partita.design.brief.asking.wording import SHOW, TELL

Kind = Literal["money", "resource", "human", "tell", "show", "react"]
"""The part of a consumer: it moves money, gives a thing that can be given back, decides as a person, writes to people, shows
numbers, or reacts."""

ROLES = (
    ("payout", r"payout|disburse"),
    ("payment", r"pay|bill|card|financ|invoic|psp|charg|deposit"),
    ("stock", r"inventor|stock|warehous|part|spare|goods|material"),
    ("policy", r"polic|cover"),
    ("human", r"adjust|desk|approv|manager|inspector|clerk|supervisor|underwriter"),
    ("screening", r"fraud|screen|risk|complian|sanction"),
    ("report", r"regulator|register|audit"),
    ("analytics", r"analy|report|data|insight|dashboard|bi$|search|statistic|board"),
    ("notification", r"notif|mail|sms|messag|crm|alert|chat"),
    ("document", r"document|scan|intake"),
    ("position", r"gateway|telemat|gps|sensor|device|tracker|meter"),
    ("eta", r"eta$|map|rout"),
    ("safety", r"safety|trust"),
    ("access", r"access|entitle"),
    ("account", r"account|ledger|balance"),
    ("dispatch", r"dispatch|match"),
    ("availability", r"availab|slot|room|seat|calendar|table|workshop|garage|bay|crew|technic|mechanic|staff|doctor|nurse|bed|lab"
                     r"|dock|truck|vehicle|schedul|capacit|court|studio|machine|tool|space"),
)  # fmt: skip
KINDS: dict[str, Kind] = {
    "payout": "money",
    "payment": "money",
    "stock": "resource",
    "availability": "resource",
    "human": "human",
    "notification": "tell",
    "analytics": "show",
    "report": "show",
}


def role_of(words: tuple[str, ...]) -> str:
    """The role of a service with these words in its name; "" where they name none."""
    for role, pattern in ROLES:
        if any(re.match(pattern, word) for word in words):
            return role
    return ""


def kind_of(party: Party) -> Kind:
    """The part of a consumer: what the answer says that it does, else what its name says."""
    if party.verb in ("charge", "pay", "collect", "invoice"):
        return "money"
    if party.verb in ("approve", "decide"):
        return "human"
    if party.verb in TELL:
        return "tell"
    if party.verb in SHOW:
        return "show"
    if party.verb in (
        "allocate",
        "assign",
        "book",
        "borrow",
        "hold",
        "lend",
        "lock",
        "order",
        "pick",
        "plan",
        "reserve",
        "schedule",
        "take",
    ):
        return "resource"
    return "react" if party.verb else KINDS.get(role_of(party.words), "react")

"""The notes that a message carries for the flow map and the catalog: its concerns, and the findings that its owner accepts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from partita.catalog.place import Place
from partita.errors import DeclarationError

Concern = Literal["money", "human"]
"""`money`: with this message money moves. `human`: a person decides before it is answered or followed."""
Rule = Literal[
    "unheard-event",
    "unhandled-command",
    "endless-circle",
    "hot-fan-out",
    "hidden-saga",
    "no-description",
    "key-without-meaning",
    "field-without-meaning",
    "event-not-past",
    "command-no-order",
    "two-owners",
    "pii-kept-for-ever",
    "pii-without-subject",
    "no-example",
]
"""The rules of `partita flow check` and `partita catalog lint` about a message; its owner may accept each with a reason."""


@dataclass(frozen=True, slots=True)
class FlowNotes:
    """The concerns of a message, and the reason for each accepted finding by the name of its rule."""

    concerns: tuple[Concern, ...] = ()
    accept: Mapping[str, str] = field(default_factory=dict)


NO_NOTES = FlowNotes()


def flow_notes(
    name: str, concerns: Concern | Sequence[Concern], accept: Mapping[Rule, str] | None, place: Place
) -> FlowNotes:
    """The notes of the message `name`.

    Raises:
        DeclarationError: there is no such concern or rule, or a reason is empty.
    """
    given = (concerns,) if isinstance(concerns, str) else tuple(concerns)
    for concern in given:
        if concern not in get_args(Concern):
            raise DeclarationError(
                f"{place}: {name} has the concern {concern!r:.80}.", hint=f"There is: {', '.join(get_args(Concern))}."
            )
    reasons: dict[str, str] = {}
    for rule, reason in (accept or {}).items():
        if rule not in get_args(Rule):
            raise DeclarationError(
                f"{place}: {name} accepts {rule!r:.80}, which is no rule.",
                hint=f"There is: {', '.join(get_args(Rule))}.",
            )
        reasons[rule] = checked_reason(reason, f"accept[{rule!r}] of {name}", place)
    return FlowNotes(given, reasons) if given or reasons else NO_NOTES


def checked_reason(reason: object, what: str, place: Place) -> str:
    """A reason as it is declared: some text.

    Raises:
        DeclarationError: it says nothing.
    """
    if not isinstance(reason, str) or not reason.strip():
        raise DeclarationError(
            f"{place}: {what} gives no reason.", hint="Write the reason for a reader in a year: one sentence."
        )
    return " ".join(reason.split())

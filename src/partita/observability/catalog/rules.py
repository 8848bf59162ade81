"""The rules of `partita catalog lint`: each with its severity, the reason for it, and the words to write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule. `instead` has the names of the finding in braces."""

    severity: Severity
    why: str
    instead: str


RULES: dict[str, Rule] = {
    "unheard-event": Rule(
        "error",
        "An event that no service hears is a forgotten subscription, or a promise that its owner keeps for no reader.",
        "Subscribe a handler: async def react(event: {name}) under @service.on, or delete the event.",
    ),
    "unhandled-command": Rule(
        "error",
        "Each message of it would wait on a topic that no service reads.",
        "Write @{owner}.handles({name}), import its module before App(...), or delete the command.",
    ),
    "no-description": Rule(
        "error",
        "A reader in another team has the name alone, and guesses what it means.",
        'Begin the class {name} with a docstring of one sentence: """A customer\'s order was accepted.""".',
    ),
    "event-not-past": Rule(
        "error",
        "An event is a fact that happened; a name in the present reads as a request, and is handled as one.",
        "Name the class for what happened, as OrderPlaced, and keep the name on the wire where it is in use: "
        'class ...(Event, of={owner}, name="{wire_name}").',
    ),
    "command-no-order": Rule(
        "error",
        "A command asks one service for something; a name in the past reads as a fact that has happened already.",
        "Begin the name with what the service is to do, as ReserveStock, and keep the name on the wire where it is in use: "
        'name="{wire_name}".',
    ),
    "two-owners": Rule(
        "error",
        "Two messages of one name are taken for each other: in a conversation, in a search, in an import.",
        "Rename one of them for what its service means by it.",
    ),
    "topics-collide": Rule(
        "error",
        "Kafka's metrics write . and _ as one character: it refuses the second of two such topics, or counts both as one.",
        "Give one of the services another name or namespace.",
    ),
    "pii-kept-for-ever": Rule(
        "error",
        "Personal data in a topic without an end of retention is never deleted, whatever a person asks for.",
        'TopicPlan(of={{"{topic}": Sizing(retention_s=...)}}), or leave {field} out of the message.',
    ),
    "pii-without-subject": Rule(
        "warning",
        "Without the person whose data it is, no request to see or to erase it can be answered.",
        "Mark the field that names the person: customer_id: Annotated[CustomerId, Subject].",
    ),
    "key-without-meaning": Rule(
        "warning",
        "The key decides which messages keep their order; a reader has to know which thing it names.",
        '{field}: Key[OrderId] with OrderId = NewType("OrderId", str), or a description: msgspec.Meta(description="...").',
    ),
    "field-without-meaning": Rule(
        "warning",
        "A name that is an abbreviation or an empty word is read in several ways.",
        '{field}: Annotated[..., msgspec.Meta(description="...")].',
    ),
    "no-example": Rule(
        "warning",
        "No plain value meets the bounds of this message, so its readers see none.",
        'Give the field with the pattern an example: msgspec.Meta(pattern=..., examples=["..."]).',
    ),
    "owner-without-team": Rule(
        "warning",
        "When it fails, nothing says which people to ask.",
        'Service("{owner}", ..., team="...").',
    ),
}
"""By their names, in the order in which they are reported."""

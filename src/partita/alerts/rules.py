"""The rules: the conditions that need an operator, as a table over one reading of a service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

Severity = Literal["none", "info", "warning", "critical"]


class Reading(NamedTuple):
    """One service's numbers now; ages in seconds, 0 = there is none."""

    service: str
    open_letters: int = 0
    oldest_letter_s: float = 0.0
    sagas_needing_attention: int = 0
    slowest_compensation_s: float = 0.0
    outbox_oldest_s: float = 0.0
    outbox_refused: int = 0
    storms: tuple[str, ...] = ()
    paused_s: float = 0.0
    gaps: int = 0
    lag: int | None = 0
    """None = the bus does not report it."""
    behind_s: float | None = 0.0
    members: int | None = 1
    ready: int = 0
    failing: int = 0
    stuck: int = 0
    full: int = 0
    readers_gone: int = 0
    not_known: tuple[str, ...] = ()
    pending_overdue_s: float = 0.0
    """The longest time by which a command waits beyond its saga's step."""
    pending_alone_s: float = 0.0


class Rule(NamedTuple):
    """`value` is measured. It fires when the value is above `limit` for `for_s` seconds; None (unknown) changes nothing.
    `hint` is the first thing to do."""

    name: str
    severity: Severity
    value: Callable[[Reading], float | None]
    limit: float
    for_s: float
    summary: str
    hint: str

    def said(self, service: str) -> str:
        """The summary for people who read the rules, before any measurement."""
        return self.summary.replace("{service}", service).replace("{value:,.0f}", "N")


RULES: tuple[Rule, ...] = (
    Rule(
        "DeadLetters",
        "warning",
        lambda r: r.open_letters,
        0,
        0,
        "{value:,.0f} messages could not be handled by {service}",
        "partita dlq groups",
    ),
    Rule(
        "DeadLettersForgotten",
        "critical",
        lambda r: r.oldest_letter_s,
        86_400,
        0,
        "a dead letter of {service} waits for more than a day",
        "partita dlq list --group {service}",
    ),
    Rule(
        "SagaNeedsAttention",
        "critical",
        lambda r: r.sagas_needing_attention,
        0,
        0,
        "{value:,.0f} sagas of {service} cannot go on by themselves",
        "partita saga list --status needs_attention",
    ),
    Rule(
        "CompensationSlow",
        "critical",
        lambda r: r.slowest_compensation_s,
        600,
        0,
        "a saga of {service} is being undone for more than ten minutes",
        "partita why",
    ),
    Rule(
        "PendingOverdue",
        "warning",
        lambda r: r.pending_overdue_s,
        60,
        0,
        "a command waits in {service} longer than the step of its saga gives it",
        "partita task list; partita why",
    ),
    Rule(
        "PendingForgotten",
        "warning",
        lambda r: r.pending_alone_s,
        30 * 86_400,
        0,
        "a command that no saga sent waits in {service} for more than 30 days",
        "partita task list",
    ),
    Rule(
        "OutboxStalled",
        "critical",
        lambda r: r.outbox_oldest_s,
        60,
        15,
        "messages of {service} wait to leave for {value:,.0f} s",
        "partita outbox status; does a relay run, is the bus there?",
    ),
    Rule(
        "OutboxRefused",
        "warning",
        lambda r: r.outbox_refused,
        0,
        0,
        "the bus refused {value:,.0f} messages of {service} for good; later ones of their keys wait",
        "partita outbox list",
    ),
    Rule(
        "OutboxReaderGone",
        "critical",
        lambda r: r.readers_gone,
        0,
        60,
        "the reader that takes the relays' place at the outbox of {service} is not connected",
        "partita outbox status; start the connector, or partita outbox take-back",
    ),
    Rule(
        "Storm",
        "critical",
        lambda r: len(r.storms),
        0,
        30,
        "messages of {service} fail one after the other: it tries one at a time",
        "partita consumers list --group {service}",
    ),
    Rule(
        "TypeNotKnown",
        "critical",
        lambda r: len(r.not_known),
        0,
        0,
        "{service} receives {value:,.0f} types of messages that one of its processes does not know",
        "partita why; upgrade every process of {service}, then partita dlq groups",
    ),
    Rule(
        "ParkingFull",
        "critical",
        lambda r: r.full,
        0,
        0,
        "{service} takes no new messages: too many wait for their turn",
        "partita why; repair or discard the messages that they wait for",
    ),
    Rule(
        "GroupPaused",
        "warning",
        lambda r: r.paused_s,
        3_600,
        0,
        "{service} is paused for more than an hour",
        "partita consumers resume {service}",
    ),
    Rule(
        "KeyGap",
        "warning",
        lambda r: r.gaps,
        0,
        60,
        "{value:,.0f} messages in {service} wait for an earlier one that did not come",
        "partita why; partita consumers accept-gap",
    ),
    Rule(
        "ConsumerLag",
        "warning",
        lambda r: r.lag,
        10_000,
        60,
        "{service} is {value:,.0f} messages behind",
        "partita consumers list --group {service}",
    ),
    Rule(
        "ConsumerLate",
        "warning",
        lambda r: 0.0 if r.paused_s else r.behind_s,
        300,
        60,
        "the oldest message for {service} waits for {value:,.0f} s",
        "partita why; partita consumers list --group {service}",
    ),
    Rule(
        "NobodyThere",
        "critical",
        lambda r: None if r.members is None or r.lag is None else 0 if r.members else r.lag + r.ready,
        0,
        30,
        "no process runs {service}, and {value:,.0f} messages wait",
        "start its processes: partita run --only {service}",
    ),
    Rule(
        "WorkerFailing",
        "critical",
        lambda r: r.failing,
        0,
        30,
        "{value:,.0f} workers of {service} fail at every step",
        "partita why; partita doctor",
    ),
    Rule(
        "WorkerStuck",
        "critical",
        lambda r: r.stuck,
        0,
        0,
        "{value:,.0f} workers of {service} are stuck",
        "partita why shows the message in hand; timeout= of the handler, or a restart",
    ),
    Rule(
        "BusUnanswered",
        "warning",
        lambda r: r.lag is None,
        0,
        30,
        "the bus does not answer {service}: how far it is behind is unknown",
        "partita doctor; messages wait in the outbox meanwhile",
    ),
    Rule("Watchdog", "none", lambda r: 1, 0, 0, "{service} can send alerts", "nothing: its absence is the alert"),
)

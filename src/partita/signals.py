"""The table of signals: everything that a running system reports of itself, each with its name, its occasion, and its fields.

Metrics are derived from it (`observability/metrics.py`), and so is the reference in docs/reference/signals.md. No field holds
a key, an id or the text of an error: a metric has one series for each combination of values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple


class Field(NamedTuple):
    """A field of signals. `values` are all its possible values; empty = names that the app declares, or versions."""

    meaning: str
    values: tuple[str, ...] = ()


FIELDS: Mapping[str, Field] = {
    "version": Field("the version of Partita"),
    "python": Field("the version of Python"),
    "service": Field("the service"),
    "group": Field("the consumer group, which has the name of its service"),
    "topic": Field("the topic"),
    "event_type": Field("the full name of the message's type"),
    "slot": Field("the replication slot by which another reader takes the outbox"),
    "worker": Field("the worker, such as bank/consumer"),
    "saga": Field("the saga"),
    "outcome": Field(
        "how the message ended",
        (
            "handled",
            "refused",
            "tombstone",
            "duplicate",
            "stale",
            "conflict",
            "gap",
            "held",
            "passed",
            "expired",
        ),
    ),
    "decision": Field("what followed", ("retry", "dead", "discard")),
    "state": Field("what the message waits for", ("waiting", "behind", "gap", "ready", "dead")),
    "entry": Field(
        "the entry in the saga's history",
        (
            "started",
            "done",
            "refused",
            "late",
            "asked",
            "resent",
            "unsent",
            "reminded",
            "answered",
            "heard",
            "passed",
            "exceeded",
            "unclear",
            "timeout",
            "overdue",
            "undoing",
            "withdrawn",
            "undone",
            "completed",
            "ended",
            "needs_attention",
            "retry",
            "resume",
            "skip",
            "compensate",
            "cancel",
            "note",
        ),
    ),
}
"""Every field by its name: the same name has the same meaning in each signal."""

Kind = Literal["event", "state"]
Unit = Literal["", "seconds", "bytes", "rows", "messages"]


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal. An `event` happens and is counted by its process, since the start of that process; a `state` holds and is
    read from a database or the bus on request. `unit` is that of its number; empty = a plain count, or 1 for yes."""

    name: str
    kind: Kind
    unit: Unit
    when: str
    fields: tuple[str, ...] = ()

    def of(self, value: float, /, **fields: str) -> Sample:
        """One number of this signal.

        Raises:
            TypeError: a field is missing, or is not one of this signal's.
        """
        if fields.keys() != set(self.fields):
            raise TypeError(f"{self.name} has the fields {', '.join(self.fields) or 'none'}, not {', '.join(fields)}")
        return Sample(self, tuple(fields[name] for name in self.fields), float(value))


class Sample(NamedTuple):
    """One number of a signal; `values` in the order of the signal's fields."""

    signal: Signal
    values: tuple[str, ...]
    value: float


SIGNALS: dict[str, Signal] = {}
"""Every signal by its name, in the order of the table below."""


def _event(name: str, when: str, *fields: str, unit: Unit = "") -> Signal:
    return _declared(Signal(name, "event", unit, when, fields))


def _state(name: str, when: str, *fields: str, unit: Unit = "") -> Signal:
    return _declared(Signal(name, "state", unit, when, fields))


def _declared(signal: Signal) -> Signal:
    unknown = [name for name in signal.fields if name not in FIELDS]
    assert signal.name not in SIGNALS and not unknown, f"{signal.name} is there twice, or has a field without a meaning"
    SIGNALS[signal.name] = signal
    return signal


BUILD_INFO = _state("build.info", "Always 1; the versions are fields.", "version", "python")
STORE_UP = _state("store.up", "1 where the service's database answered; else nothing else is known of it.", "service")
BUS_UP = _state("bus.up", "1 where the log or broker answered; else no lag is known.")

REGISTRY_UP = _state("registry.up", "1 where the schema registry answered this process's last request.")
REGISTRY_ASKED = _event("registry.asked", "A request to the schema registry was answered, or failed.")
REGISTRY_FAILED = _event("registry.failed", "A request to the schema registry failed, or its answer made no sense.")
REGISTRY_KEPT = _event("registry.kept", "A schema was needed again, and taken from memory.")
REGISTRY_UNKNOWN = _event("registry.unknown", "The schema registry does not know a schema that a record names.")
REGISTRY_TIME = _event("registry.waited", "A request to the schema registry ended: how long it took.", unit="seconds")

MESSAGES_HANDLED = _event(
    "messages.handled",
    "A message was admitted and its transaction is committed: handled, or left alone for the reason in outcome.",
    "group",
    "event_type",
    "outcome",
)
MESSAGES_FAILED = _event(
    "messages.failed", "A handler or the decoding failed, and what follows was decided.", "group", "decision"
)
SAGA_STEPS = _event(
    "saga.steps",
    "A saga instance moved, and the transaction with the entry in its history is committed.",
    "service",
    "saga",
    "entry",
)
OUTBOX_RELAYED = _event("outbox.relayed", "A relay brought a message to the bus.", "service")
OUTBOX_LEFT = _event(
    "outbox.left", "A message went into the log of its own database, with the commit that caused it.", "service"
)

OUTBOX_PENDING = _state("outbox.pending", "Committed messages that are not on the bus yet.", "service", unit="rows")
OUTBOX_OLDEST = _state("outbox.oldest_pending", "Age of the oldest of them.", "service", unit="seconds")
OUTBOX_REFUSED = _state(
    "outbox.refused", "Messages that the bus refused, with the later ones of their keys.", "service", unit="rows"
)
READER_CONNECTED = _state(
    "outbox.reader_connected",
    "Where the outbox was handed to another reader: 1 while it is connected.",
    "service",
    "slot",
)
READER_BEHIND = _state(
    "outbox.reader_behind",
    "How much of the database's log that reader has not confirmed.",
    "service",
    "slot",
    unit="bytes",
)

CONSUMER_LAG = _state("consumer.lag", "Messages that a group is behind.", "group", "topic", unit="messages")
CONSUMER_OLDEST = _state(
    "consumer.oldest", "How long the oldest message that a group has not handled waits.", "group", unit="seconds"
)
CONSUMER_MEMBERS = _state("consumer.members", "Processes that work for a group.", "group")
CONSUMER_PAUSED = _state("consumer.paused", "1 while a person has paused the group.", "group")
CONSUMER_FULL = _state("consumer.full", "Members that take no new messages: too many wait for their turn.", "group")
STORM = _state(
    "consumer.storm", "Members that take this type one at a time: so many of it fail.", "group", "event_type"
)
TYPE_NOT_KNOWN = _state(
    "consumer.type_not_known",
    "Members that receive this type and do not know it: a newer version sends it.",
    "group",
    "event_type",
)

WORKER_FAILING = _state(
    "worker.failing", "Processes in which this worker fails and does nothing else.", "service", "worker"
)
WORKER_STUCK = _state("worker.stuck", "Processes in which this worker is stuck.", "service", "worker")

PARKED_MESSAGES = _state(
    "parked.messages", "Messages that wait in the group's database.", "group", "state", unit="messages"
)
PARKED_KEYS = _state("parked.keys", "Keys that these messages hold.", "group")
PENDING_COMMANDS = _state("pending.commands", "Handled commands that wait for an answer from outside.", "service")
PENDING_OLDEST = _state("pending.oldest", "Age of the oldest of them.", "service", unit="seconds")
DEAD_LETTERS = _state("dead_letters", "Open dead letters.", "group")
DEAD_LETTER_OLDEST = _state("dead_letter.oldest", "Age of the oldest of them.", "group", unit="seconds")

SAGA_ACTIVE = _state("saga.active", "Instances that have not ended.", "service", "saga")
SAGA_NEEDS_ATTENTION = _state("saga.needs_attention", "Instances that wait for a person, 1,000 at most.", "service")

"""The form of a brief: every key, its shape and its meaning."""

from __future__ import annotations

import keyword

from partita.design.brief.shape import (
    Again,
    Choice,
    Entry,
    Literal,
    Many,
    Named,
    Number,
    Record,
    Span,
    Text,
    Word,
    YesNo,
)
from partita.design.model.delivery import BUS_KINDS
from partita.design.model.field import FIELD_TYPES
from partita.design.model.rule import RULE_KINDS

NO_REFUSAL = "none"
"""`fail: none`: the command is never refused."""
NOTHING = "none"
"""`kept: none`: nothing keeps a clause of an answer."""
LEVELS = (
    "BACKWARD",
    "BACKWARD_TRANSITIVE",
    "FORWARD",
    "FORWARD_TRANSITIVE",
    "FULL",
    "FULL_TRANSITIVE",
    "NONE",
)
DATABASES = ("postgres", "sqlite", "none")
UNITS = {"second": 1.0, "minute": 60.0, "hour": 3_600.0, "day": 86_400.0}
"""Of a load: `orders_per_day`."""

_PYTHON = frozenset(keyword.kwlist)
_DOMAIN = Word("[A-Za-z0-9][A-Za-z0-9 _-]{0,79}", "a domain", "order-processing")
_NAMESPACE = Word(
    r"[a-z][a-z0-9_]{0,30}(\.[a-z][a-z0-9_]{0,30}){0,3}", "a namespace", "shop", frozenset({*_PYTHON, "partita"})
)
SERVICE_NAME = Word(
    "[a-z][a-z0-9]{0,30}(-[a-z0-9]{1,30}){0,4}",
    "a service",
    "order-service",
    frozenset({"log", "public", "partita"}),
)
TYPE_NAME = Word("[A-Z][A-Za-z0-9]{0,62}", "a type", "OrderPlaced", _PYTHON)
_NAME = Word("[a-z][a-z0-9_]{0,62}", "a field", "order_id", _PYTHON)
READ_MODEL_NAME = Word("[a-z][a-z0-9_]{0,62}", "a read model", "order_summary", _PYTHON)
_TEAM = Word("[A-Za-z0-9][A-Za-z0-9 _.-]{0,39}", "a team", "checkout")
_STREAM = Word("[a-z][a-z0-9_]{0,40}_per_(second|minute|hour|day)", "a load", "orders_per_second")
_ENUM = Word("[A-Za-z][A-Za-z0-9_]{0,62}", "a word of an enumeration", "open", _PYTHON)
_RULE = Word("[a-z][a-z-]{1,40}", "a rule of the check", "orphan-event")
_PART = Word("[A-Za-z][A-Za-z0-9_.-]{0,100}", "a part of the brief", "OrderPlaced")

FIELD = Record(
    "a field",
    {
        "type": Entry(Choice(FIELD_TYPES), "the type; `money` is a count of the smallest unit", required=True),
        "doc": Entry(Text(), "its meaning"),
        "unit": Entry(Text(40), "its unit"),
        "pii": Entry(YesNo(), "it is personal data"),
        "optional": Entry(YesNo(), "it may be absent"),
        "since": Entry(Number(1, 999, whole=True), "the revision that added it; from 2 on it needs a `default`"),
        "default": Entry(Literal(), "the value for readers of messages written before it was added"),
        "of": Entry(Choice(FIELD_TYPES), "the type of a list's or map's values"),
        "fields": Entry(Named(_NAME, Again("field")), "the fields of a record, or of a list's records"),
        "values": Entry(Many(_ENUM), "the words of an enumeration"),
    },
    short=Choice(FIELD_TYPES),
    short_key="type",
)
_ESCALATION = Record(
    "an escalation",
    {
        "after": Entry(Span(), "the time after its command", required=True),
        "to": Entry(_TEAM, "the people who are asked", required=True),
    },
)
_TIMER = Record(
    "a timer",
    {
        "after": Entry(Span(), "the time after its command", required=True),
        "do": Entry(TYPE_NAME, "the command that is sent then", required=True),
    },
)
_STEP = Record(
    "a step",
    {
        "do": Entry(TYPE_NAME, "the command", required=True),
        "at": Entry(SERVICE_NAME, "the service that takes it", required=True),
        "ok": Entry(TYPE_NAME, "the event when it is done", required=True),
        "fail": Entry(Many(TYPE_NAME, NO_REFUSAL), f"the events when it is refused; `{NO_REFUSAL}` when it never is"),
        "undo": Entry(TYPE_NAME, "the command that takes it back"),
        "undone": Entry(TYPE_NAME, "the event when it is taken back"),
        "pivot": Entry(YesNo(), "the point of no return: after its success nothing is undone"),
        "retriable": Entry(YesNo(), "after the point of no return: sent until it is done"),
        "no_effect": Entry(YesNo(), "it changes nothing, so there is nothing to undo"),
        "timeout": Entry(Span(), "the longest wait for the answer"),
        "on_timeout": Entry(Choice(("undo", "retry", "ask")), "the reaction to a missing answer"),
        "retry": Entry(Many(Span()), "the waits between tries in place"),
        "remind": Entry(Many(Span()), "the times at which its owner is reminded"),
        "escalate": Entry(Many(_ESCALATION), "other people who are asked when its owner stays silent"),
        "with": Entry(TYPE_NAME, "the command of a step above, with which it is sent together"),
        "timers": Entry(Many(_TIMER), "commands that are sent to its service while it waits"),
        "human": Entry(YesNo(), "a person decides"),
    },
)
_REACTION = Record(
    "a reaction",
    {
        "when": Entry(Many(TYPE_NAME), "the events", required=True),
        "who": Entry(SERVICE_NAME, "the service that reacts", required=True),
        "does": Entry(Text(200), "the reaction in words; `project NAME` keeps a read model", required=True),
        "projects": Entry(READ_MODEL_NAME, "the read model that it keeps"),
        "gives": Entry(Many(TYPE_NAME), "the events that it publishes"),
    },
)
_SERVICES = Named(
    SERVICE_NAME,
    Record(
        "a service",
        {
            "team": Entry(_TEAM, "its owner", required=True),
            "owns": Entry(Many(TYPE_NAME), "its aggregates"),
            "db": Entry(Choice(DATABASES), "its database"),
            "kind": Entry(Choice(("service", "projection", "human", "external")), "the kind of service"),
            "doc": Entry(Text(), "its task"),
            "namespace": Entry(_NAMESPACE, "the namespace of its messages"),
        },
    ),
)
_LOAD = Record(
    "the loads",
    {"retention": Entry(Span(), "the time for which topics keep their events")},
    others=Named(
        _STREAM,
        Record(
            "a load",
            {
                "steady": Entry(Number(), "at a usual time", required=True),
                "peak": Entry(Number(), "at the worst time"),
                "begins": Entry(TYPE_NAME, "the event that begins each of them"),
            },
            short=Number(),
            short_key="steady",
        ),
    ),
)
_EVENT = Record(
    "an event",
    {
        "by": Entry(SERVICE_NAME, "the service that publishes it", required=True),
        "key": Entry(_NAME, "the field that is partition key and scope of order", required=True),
        "data": Entry(Named(_NAME, FIELD), "its fields", required=True),
        "doc": Entry(Text(), "its meaning in one sentence"),
        "compact": Entry(YesNo(), "its topic keeps the last event of each key alone"),
        "lossy": Entry(YesNo(), "it may be lost: it goes past the outbox"),
        "keep": Entry(Span(forever=True), "the time for which its topic keeps it"),
        "version": Entry(Number(1, 999, whole=True), "the major version of its contract"),
    },
)
_COMMAND = Record(
    "a command",
    {
        "fields": Entry(Many(_NAME), "its fields: names of fields of the start event or of earlier answers"),
        "refuses": Entry(Many(TYPE_NAME), "the events when it is refused"),
        "doc": Entry(Text(), "its meaning in one sentence"),
    },
)
FLOW = Record(
    "a flow",
    {
        "style": Entry(Choice(("orchestration", "choreography")), "directed by a saga or not", required=True),
        "why": Entry(Text(), "the reason for the style", required=True),
        "start": Entry(TYPE_NAME, "of a saga: the event that begins it"),
        "deadline": Entry(Span(), "of a saga: the longest time to its end"),
        "steps": Entry(Many(_STEP), "of a saga: its steps"),
        "failed": Entry(TYPE_NAME, "of a saga: the event after everything was undone"),
        "reacts": Entry(Many(_REACTION), "of a choreography: its reactions"),
    },
)
STORED = Record(
    "the storage of an aggregate",
    {
        "as": Entry(Choice(("event-sourced", "crud")), "its events or its row are stored", required=True),
        "why": Entry(Text(), "the reason"),
    },
    short=Choice(("event-sourced", "crud")),
    short_key="as",
)
_CONSISTENCY = Record(
    "a rule of consistency",
    {
        "rule": Entry(Text(), "the rule in words", required=True),
        "kind": Entry(Choice(RULE_KINDS), "the kind of rule", required=True),
        "key": Entry(_NAME, "of an effect: the field that makes it one"),
        "window": Entry(Span(forever=True), "of an effect: the time for which a second one is prevented"),
        "across": Entry(
            Many(TYPE_NAME), "the aggregates of an invariant; with `window: forever` the one that keeps the key"
        ),
        "read": Entry(READ_MODEL_NAME, "the read model"),
        "max": Entry(Span(), "the longest time that it may be behind"),
        "keep": Entry(Span(forever=True), "of an audit: the time for which it is kept"),
    },
)
_FAILURE = Record(
    "the treatment of failures",
    {
        "retry_topics": Entry(Many(Span()), "the waits of the retry topics"),
        "then": Entry(Choice(("dead-letter",)), "the end of a message that failed all tries"),
        "alert": Entry(_TEAM, "the receiver of the alert; `team` is the owner of the service"),
        "window": Entry(Span(), "the time for which consumers know the messages that they have handled"),
    },
)
_BUS = Record(
    "the bus",
    {
        "use": Entry(Choice(BUS_KINDS), "the chosen bus", required=True),
        "partitions": Entry(Number(1, 10_000, whole=True), "of each topic"),
        "replication": Entry(Number(1, 9, whole=True), "copies of each partition"),
        "why": Entry(Text(), "the reason for the choice"),
    },
)
_CLAUSE = Record(
    "a clause of an answer",
    {
        "said": Entry(Text(), "the words of the person who answered", required=True),
        "kept": Entry(
            Many(Text(), NOTHING),
            f"the parts of this brief that keep it, `{NOTHING}` where nothing does: a name of a service, an event, a command, a "
            "saga, an aggregate or a read model; the words of a rule; or one value, as `load.orders`, `load.retention`, "
            "`failure.window`, `ReserveStock.timeout`, `Checkout.deadline`, `OrderPlaced.lines`, `order_summary.max`; "
            "`analytics.OrderPlaced` is the reaction of a service to an event",
            required=True,
        ),
    },
)
_ACCEPTED = Record(
    "an accepted finding",
    {
        "rule": Entry(_RULE, "the rule of the check", required=True),
        "at": Entry(_PART, "the name of the part that it is about", required=True),
        "why": Entry(Text(), "the reason why the finding is no fault here", required=True),
    },
)
BRIEF = Record(
    "a brief",
    {
        "design": Entry(Choice(("1",)), "the version of this form: `1`", required=True),
        "domain": Entry(_DOMAIN, "the business domain", required=True),
        "purpose": Entry(Text(), "what the system is for, in one sentence"),
        "answers": Entry(Many(_CLAUSE), "what was said of the domain, a clause each, and the parts that keep it"),
        "namespace": Entry(_NAMESPACE, "the beginning of all namespaces: `shop` makes `shop.order.v1`"),
        "load": Entry(_LOAD, "how much arrives, and how long it is kept"),
        "producers": Entry(_SERVICES, "the services that begin things", required=True),
        "consumers": Entry(_SERVICES, "the services that react"),
        "events": Entry(Named(TYPE_NAME, _EVENT), "the events", required=True),
        "commands": Entry(Named(TYPE_NAME, _COMMAND), "what is to be said of commands beyond the steps that send them"),
        "flows": Entry(Named(TYPE_NAME, FLOW), "sagas and choreographies"),
        "storage": Entry(Named(TYPE_NAME, STORED), "how each aggregate is stored"),
        "consistency": Entry(Many(_CONSISTENCY), "the rules that must hold"),
        "failure": Entry(_FAILURE, "the treatment of messages that fail"),
        "compatibility": Entry(Choice(LEVELS), "the level at which schemas evolve"),
        "bus": Entry(_BUS, "the bus"),
        "accept": Entry(Many(_ACCEPTED), "findings of the check that are no faults here"),
    },
)
STYLES = {
    "orchestration": (("start", "steps"), ("reacts",)),
    "choreography": (("reacts",), ("start", "deadline", "steps", "failed")),
}
"""The keys that a flow of each style needs, and those that it cannot have."""
DEFAULTS = {
    "bool": "yes|no|true|false",
    "int": "-?[0-9]{1,15}",
    "money": "-?[0-9]{1,15}",
    "float": r"-?[0-9]{1,15}(\.[0-9]{1,9})?",
    "decimal": r"-?[0-9]{1,15}(\.[0-9]{1,9})?",
    "date": "[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "timestamp": "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?Z",
    "string": r"[\s\S]*",
    "id": r"[\s\S]*",
    "bytes": "",
}
"""The pattern of a default of each type. A list or a map that came later is empty, a record is optional."""
RECORDS = {"field": FIELD}
"""The records that hold themselves, by the name that `Again` uses."""

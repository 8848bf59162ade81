"""Aggregates, read models, rules, failures and the bus of a brief."""

from __future__ import annotations

import math
from typing import cast

from partita.design.brief.deriving.ledger import Ledger
from partita.design.brief.deriving.services import ARCHITECT
from partita.design.brief.part import Part
from partita.design.model.accepted import Accepted
from partita.design.model.choreography import Choreography
from partita.design.model.delivery import BusDesign, BusKind, FailurePolicy
from partita.design.model.message import EventDesign
from partita.design.model.origin import Fact, Origin
from partita.design.model.rule import Rule, RuleKind
from partita.design.model.service import ServiceDesign
from partita.design.model.storage import AggregateDesign, ReadModelDesign, Stored

RETRIES_S = (60.0, 300.0, 1_800.0)
WINDOW_S = 86_400.0
WHY_STORED = {
    "event-sourced": "its history is asked for, and its changes are its events",
    "crud": "its present state alone is asked for",
}


def aggregates_of(
    brief: Part, services: tuple[ServiceDesign, ...], events: tuple[EventDesign, ...], ledger: Ledger
) -> tuple[AggregateDesign, ...]:
    """The aggregates that services own, then those that only `storage:` names."""
    said = dict(brief.named("storage"))
    owners = {name: service for service in services for name in service.owns}
    return tuple(
        _aggregate(name, owners.get(name), said.get(name), events, ledger) for name in dict.fromkeys((*owners, *said))
    )


def _aggregate(
    name: str, owner: ServiceDesign | None, part: Part | None, events: tuple[EventDesign, ...], ledger: Ledger
) -> AggregateDesign:
    stored: Fact[Stored]
    if part is not None:
        stored = Fact(cast(Stored, part.text("as")), ledger.declared(part.line))
        origin = ledger.declared(part.line)
    else:
        stored = Fact("crud", ledger.assume(
            "These aggregates are rows, and their history is not kept: {about}.", owner.team if owner else ARCHITECT,
            "an audit or a question about the past has no answer", f"storage: {{{name}: event-sourced}}", about=name,
        ))  # fmt: skip
        origin = owner.origin if owner else stored.origin
    if part is not None and part.has("why"):
        why = ledger.fact(part, "why", part.text("why"))
    else:
        why = Fact(WHY_STORED[stored.value], ledger.assume(
            "The storage of an aggregate has the usual reason of its kind: {about}.", owner.team if owner else ARCHITECT,
            "the choice is repeated without its reason", f"storage: {{{name}: {{as: {stored.value}, why: ...}}}}", about=name,
        ))  # fmt: skip
    decides = owner is not None and owner.kind == "human"  # a person's no is a decision as much as a yes
    own = [
        each for each in events if owner is not None and each.by == owner.name and (decides or each.kind != "refusal")
    ]
    named = [each.name for each in own if name.lower() in each.name.lower() or _is_of(each, name)]
    alone = owner is not None and len(owner.owns) == 1
    return AggregateDesign(
        name=name,
        service=owner.name if owner else "",
        stored=stored,
        why=why,
        events=tuple(each.name for each in own) if alone else tuple(named),
        origin=origin,
    )


def _is_of(event: EventDesign, aggregate: str) -> bool:
    return event.key.removesuffix("_id").replace("_", "") == aggregate.lower()


def read_models_of(
    choreographies: tuple[Choreography, ...], rules: tuple[Rule, ...], ledger: Ledger
) -> tuple[ReadModelDesign, ...]:
    """The read models of the projections; the events of all reactions that keep the same one."""
    found: dict[str, ReadModelDesign] = {}
    for reaction in (each for flow in choreographies for each in flow.reactions if each.projects):
        known = found.get(reaction.projects)
        inputs = tuple(dict.fromkeys((*(known.inputs if known else ()), *reaction.when)))
        bound = next((each for each in rules if each.kind == "staleness" and each.read == reaction.projects), None)
        if bound is not None:
            staleness = Fact(bound.max, bound.bound)
        else:
            staleness = Fact(None, ledger.derived("no rule bounds it", 0))
        found[reaction.projects] = ReadModelDesign(reaction.projects, reaction.who, inputs, staleness, reaction.origin)
    return tuple(found.values())


def rules_of(brief: Part, ledger: Ledger) -> tuple[Rule, ...]:
    """The rules of consistency. A window without an end is None; a window that is not said is that of the consumers."""
    failure = brief.part("failure")
    found = []
    for part in brief.parts("consistency"):
        window = part.number("window", failure.number("window", WINDOW_S))
        keep = part.number("keep") if part.has("keep") else None
        _assume_times(part, window, ledger)
        found.append(
            Rule(
                text=part.text("rule"),
                kind=cast(RuleKind, part.text("kind")),
                origin=ledger.declared(part.line),
                bound=_bound(part, ledger),
                key=part.text("key"),
                window=None if window == math.inf else window,
                across=part.texts("across"),
                read=part.text("read"),
                max=part.number("max") if part.has("max") else None,
                keep=None if keep == math.inf else keep,
            )
        )
    return tuple(found)


def _bound(part: Part, ledger: Ledger) -> Origin:
    """The origin of the facts of a rule: a line of its own may say them, or a default."""
    lines = [part.line_of(key) for key in ("key", "window", "across", "read", "max", "keep") if part.has(key)]
    origins = [ledger.declared(line) for line in lines]
    is_default = part.text("kind") in ("exactly-once-effect", "audit") and not (part.has("window") or part.has("keep"))
    assumed = next((each for each in origins if each.mark == "assumed"), None)
    if is_default:
        return Origin("assumed", "", "no line says for how long")
    return assumed or ledger.declared(part.line)


def _assume_times(part: Part, window: float, ledger: Ledger) -> None:
    about = f'"{part.text("rule")}"'
    if part.text("kind") == "exactly-once-effect" and not part.has("window"):
        ledger.assume(
            "An effect happens once for as long as consumers know messages: {about}.", ARCHITECT,
            f"a second one may happen after {window / 3_600:g} h", "window: 24h at the rule", about=about,
        )  # fmt: skip
    if part.text("kind") == "audit" and not part.has("keep"):
        ledger.assume(
            "An audit is kept for ever: {about}.", ARCHITECT, "disk grows without an end, or a law is broken",
            "keep: 10y at the rule", about=about,
        )  # fmt: skip


def failure_of(brief: Part, ledger: Ledger) -> FailurePolicy:
    """The treatment of messages that fail, with the defaults of Partita."""
    part = brief.part("failure")
    retries = (
        ledger.fact(part, "retry_topics", part.numbers("retry_topics"))
        if part.has("retry_topics")
        else Fact(RETRIES_S, ledger.assume(
            "A message that failed waits 1 min, 5 min and 30 min in retry topics.", ARCHITECT,
            "it becomes a dead letter too early, or its key waits too long", "failure: {retry_topics: [1m, 5m, 30m]}",
        ))
    )  # fmt: skip
    window = (
        ledger.fact(part, "window", part.number("window"))
        if part.has("window")
        else Fact(WINDOW_S, ledger.assume(
            "Consumers know the messages that they have handled for 24 h.", ARCHITECT,
            "an older copy becomes a dead letter, and is not handled again", "failure: {window: 24h}",
        ))
    )  # fmt: skip
    derived = ledger.derived("after the last retry topic a message is a dead letter: nothing is dropped")
    then = ledger.fact(part, "then", part.text("then")) if part.has("then") else Fact("dead-letter", derived)
    owner = ledger.derived("the owner of a service hears of its failures")
    alert = ledger.fact(part, "alert", part.text("alert")) if part.has("alert") else Fact("team", owner)
    return FailurePolicy(retries, then, alert, window)


def compatibility_of(brief: Part, ledger: Ledger) -> Fact[str]:
    """The level at which schemas evolve."""
    if brief.has("compatibility"):
        return ledger.fact(brief, "compatibility", brief.text("compatibility"))
    return Fact("BACKWARD_TRANSITIVE", ledger.assume(
        "A new schema reads everything that was ever written (BACKWARD_TRANSITIVE).", ARCHITECT,
        "consumers must be upgraded in another order", "compatibility: BACKWARD_TRANSITIVE",
    ))  # fmt: skip


def bus_of(brief: Part, ledger: Ledger) -> BusDesign:
    """The bus."""
    part = brief.part("bus")
    use: Fact[BusKind]
    if part.has("use"):
        use = Fact(cast(BusKind, part.text("use")), ledger.declared(part.line_of("use"), part.text("why")))
    else:
        use = Fact("kafka", ledger.assume(
            "The bus is Kafka.", ARCHITECT, "topology, operations and cost are those of another bus", "bus: {use: kafka}",
        ))  # fmt: skip
    counts = {"partitions": 12, "replication": 3}
    facts = {
        key: ledger.fact(part, key, part.whole(key, default))
        if part.has(key)
        else Fact(default, ledger.assume(
            f"Topics have {default} {'partitions' if key == 'partitions' else 'copies'}.", ARCHITECT,
            "consumers in parallel are limited" if key == "partitions" else "the loss of a broker loses events",
            f"bus: {{{key}: {default}}}",
        ))
        for key, default in counts.items()
    }  # fmt: skip
    return BusDesign(use, facts["partitions"], facts["replication"])


def accepted_of(brief: Part, ledger: Ledger) -> tuple[Accepted, ...]:
    """The findings that are no faults here, each with its reason."""
    return tuple(
        Accepted(part.text("rule"), part.text("at"), part.text("why"), ledger.declared(part.line))
        for part in brief.parts("accept")
    )

"""The decision table: for each part of a flow the criteria, choreography or orchestration, and the declared reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from partita.flow.flow import Flow, flows_of
from partita.flow.flow_map import FlowMap, Style
from partita.flow.reaction import Directed
from partita.flow.story import duration, listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """The facts that decide, each as its evidence: empty = it is not so.

    `money` and `human` name the message that says so, `undo` the commands that take effects back in their order, `services`
    those that depend on one another, `outcome` the services that hear how it ends.
    """

    money: str
    undo: tuple[str, ...]
    services: tuple[str, ...]
    deadline_s: float | None
    human: str
    outcome: tuple[str, ...]

    @property
    def speak_for(self) -> Style:
        """Orchestration where effects are undone in an order, or where three services depend on one another and money moves, a
        deadline passes or a person decides. Else choreography, which couples less."""
        risky = bool(self.money or self.human or self.deadline_s is not None)
        return "orchestration" if len(self.undo) > 1 or (len(self.services) > 2 and risky) else "choreography"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One part of a flow: a saga, or an event to which services react. `reasons` are as declared, by the service that gives them;
    `unsaid` are the declarations that give none."""

    flow: str
    part: str
    choice: Style
    criteria: Criteria
    reasons: tuple[tuple[str, str], ...]
    unsaid: tuple[str, ...]


def decisions(found: FlowMap) -> tuple[Decision, ...]:
    """The decisions of every flow, in the order of the flow."""
    return tuple(decision for flow in flows_of(found) for decision in _of_flow(found, flow))


def _of_flow(found: FlowMap, flow: Flow) -> Iterator[Decision]:
    for name in flow.messages:
        for saga in found.started(name):
            yield _of_saga(found, flow, saga)
        if found.hearers(name) and not found.messages[name].fault_of:
            yield _of_event(found, flow, name)


def _of_saga(found: FlowMap, flow: Flow, saga: Directed) -> Decision:
    messages = [found.messages[name] for name in (*saga.sends, saga.start)]
    ends = [event for event in (saga.last_reply(found.messages), saga.undone) if event]
    criteria = Criteria(
        # The nearest evidence: a total convinces before the price in a line of it.
        money=min((each.money for each in messages if each.money), key=lambda money: money.count("."), default=""),
        undo=tuple(step.undo for step in reversed(saga.steps) if step.undo),
        services=saga.participants,
        deadline_s=saga.deadline_s,
        human=next((each.id for each in messages if each.human), ""),
        outcome=_hearing(found, ends),
    )
    reasons = ((saga.service, saga.why),) if saga.why else ()
    unsaid = () if saga.why else (f'class {saga.id}(Saga, ..., why="the reason")',)
    return Decision(
        flow=flow.entry, part=saga.id, choice="orchestration", criteria=criteria, reasons=reasons, unsaid=unsaid
    )


def _of_event(found: FlowMap, flow: Flow, event: str) -> Decision:
    hearers = found.hearers(event)
    row = _longest_row(found, event)
    message = found.messages[event]
    criteria = Criteria(
        money=message.money,
        undo=(),
        services=row,
        deadline_s=None,
        human=event if message.human else "",
        outcome=_hearing(found, [given for each in hearers for given in each.gives]),
    )
    return Decision(
        flow=flow.entry,
        part=event,
        choice="choreography",
        criteria=criteria,
        reasons=tuple((each.service, each.why) for each in hearers if each.why),
        unsaid=tuple(f'.on(why="the reason") on {each.name} of {each.service}' for each in hearers if not each.why),
    )


def _hearing(found: FlowMap, events: Iterable[str]) -> tuple[str, ...]:
    """The services that hear any of these events, by handler or by saga."""
    services = {each.service for event in events for each in found.hearers(event)}
    services |= {saga.service for event in events for saga in found.started(event)}
    return tuple(sorted(services))


def _longest_row(found: FlowMap, event: str, before: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The longest row of services in which each hears the one before, beginning with the owner of the event."""
    row = before or (found.messages[event].owner,)
    longest = row
    for each in found.hearers(event):
        if each.service in row:
            continue
        longer = (*row, each.service)
        following = [_longest_row(found, given, longer) for given in each.gives]
        longest = max([longest, longer, *following], key=len)
    return longest


def table_of(decision: Decision) -> list[tuple[str, str]]:
    """The criteria of a decision as a reader sees them: the question, and its answer with the evidence."""
    criteria = decision.criteria
    many = len(criteria.services) > 2
    return [
        ("money moves", _yes(criteria.money)),
        ("order of undo matters", _yes(", then ".join(criteria.undo) if len(criteria.undo) > 1 else "")),
        ("more than two services", f"{'yes' if many else 'no'}: {listed(criteria.services)}"),
        ("a deadline", _yes("" if criteria.deadline_s is None else duration(criteria.deadline_s))),
        ("a human decides", _yes(criteria.human)),
        ("must know the outcome", listed(criteria.outcome) or "no service"),
    ]


def _yes(evidence: str) -> str:
    return f"yes: {evidence}" if evidence else "no"

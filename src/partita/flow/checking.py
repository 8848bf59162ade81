"""The checks of a flow map: events that are not heard, commands without a handler, circles, wide events, hidden sagas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from partita.catalog.flow_notes import Rule
from partita.flow.circles import Graph, circle_in, knots
from partita.flow.finding import Finding
from partita.flow.flow_map import FlowMap
from partita.flow.message import Message
from partita.flow.reaction import Reaction
from partita.flow.story import listed

FAN_OUT_MAX = 8
"""So many services may hear one event before a change of it is a project of its own."""


def check(found: FlowMap, fan_out_max: int = FAN_OUT_MAX) -> tuple[Finding, ...]:
    """The findings of all rules, in the order of the rules and by message; accepted ones too, with their reasons."""
    findings = [
        *_unheard(found),
        *_unhandled(found),
        *_circles(found),
        *_hot(found, fan_out_max),
        *_hidden_sagas(found),
    ]
    return tuple(dict.fromkeys(findings))


def _finding(rule: Rule, message: Message, what: str, why: str, instead: str) -> Finding:
    """The finding, accepted where the message says so."""
    line = f'Or say why it is right: class {message.id}(..., accept={{"{rule}": "the reason"}}).'
    found = Finding(rule=rule, message=message.id, place=message.place, what=what, why=why, instead=f"{instead} {line}")
    return replace(found, accepted=message.notes.accept.get(rule, ""))


def _unheard(found: FlowMap) -> Iterator[Finding]:
    """An answer has a hearer, the sender of its command; a fault has none of its own making."""
    for name, message in found.messages.items():
        if message.kind != "event" or message.is_foreign or message.fault_of or name in found.answers:
            continue
        if not found.hearers(name) and not found.started(name):
            by = listed(found.publishers(name))
            yield _finding(
                "unheard-event",
                message,
                f"{name} of {message.owner} is heard by no service{'' if by else ', and published by none'}.",
                "An event that no service hears is a forgotten subscription, or a promise that its owner keeps for no reader.",
                f"Subscribe a handler: async def react(event: {name}) under @service.on, or delete the event.",
            )


def _unhandled(found: FlowMap) -> Iterator[Finding]:
    for name, message in found.messages.items():
        if message.kind == "command" and not message.is_foreign and found.handler(name) is None:
            yield _finding(
                "unhandled-command",
                message,
                f"{name} of {message.owner} has no handler.",
                "Each message of it would wait on a topic that no service reads.",
                f"Write @{message.owner}.handles({name}), import its module before App(...), or delete the command.",
            )


def _circles(found: FlowMap) -> Iterator[Finding]:
    """Each circle of messages in which every reaction publishes the next one without a declared end. An owner that accepts
    a circle accepts those through its own message, and no other."""
    graph = _following(found)
    accepting = [name for name in graph if "endless-circle" in found.messages[name].notes.accept]
    for name in accepting:
        path = circle_in(graph, next((knot for knot in knots(graph) if name in knot), ()), through=name)
        if path:
            yield _circle(found, path)
    rest = {name: others for name, others in graph.items() if name not in accepting}
    for knot in knots(rest):
        yield _circle(found, circle_in(rest, knot, through=knot[0]))


def _circle(found: FlowMap, path: tuple[str, ...]) -> Finding:
    first = path[0]
    return _finding(
        "endless-circle",
        found.messages[first],
        f"{' causes '.join((*path, first))}: no reaction on the way may end it.",
        "One message keeps all these services busy for ever, and each copy of it begins another round.",
        f"Let one of them end: `-> {path[1 % len(path)]} | None` on the handler of {first}, or a saga with a deadline.",
    )


def _following(found: FlowMap) -> Graph:
    """For each message those that follow from it in any case, as far as declarations say."""
    graph: dict[str, list[str]] = {name: [] for name in found.messages}
    for reaction in found.reactions:
        graph[reaction.takes] += [each for each in reaction.gives if each not in reaction.optional]
    for saga in found.sagas.values():
        graph[saga.start] += [step.command for step in saga.steps] + ([saga.undone] if saga.undone else [])
    return graph


def _hot(found: FlowMap, fan_out_max: int) -> Iterator[Finding]:
    for name, message in found.messages.items():
        services = sorted(
            {
                *(each.service for each in found.hearers(name)),
                *(saga.service for saga in found.sagas.values() if name in (saga.start, *saga.replies(found.messages))),
            }
        )
        if len(services) > fan_out_max:
            yield _finding(
                "hot-fan-out",
                message,
                f"{name} of {message.owner} is heard by {len(services)} services, more than {fan_out_max}: {listed(services)}.",
                "Every change of it has to suit all of them, and each message of it is work for all of them.",
                "Split it by what they need of it, or let one service hear it and publish a narrower event.",
            )


def _hidden_sagas(found: FlowMap) -> Iterator[Finding]:
    """Three services in a row, each hearing the one before, one of which calls outside or carries money."""
    for middle in found.reactions:
        if middle.kind != "on" or found.messages[middle.takes].fault_of:
            continue
        for event in middle.gives:
            firsts = _sources(found, middle)
            lasts = [each for each in found.hearers(event) if each.service != middle.service]
            rows = [(a, c) for a in firsts for c in lasts if a[0] not in (middle.service, c.service)]
            risky = next((row for row in rows if _risk(found, row, middle, event)), None)
            if risky is not None:
                yield _hidden_saga(found, risky, middle, event)


def _sources(found: FlowMap, middle: Reaction) -> list[tuple[str, Reaction | None]]:
    """The services that publish the event that a reaction hears, each with its handler; a saga and a service of another app have
    none."""
    name = middle.takes
    handlers: list[tuple[str, Reaction | None]] = [
        (each.service, each) for each in found.reactions if name in each.gives
    ]
    sagas = [(saga.service, None) for saga in found.sagas.values() if saga.undone == name]
    message = found.messages[name]
    return [*handlers, *sagas, *([(message.owner, None)] if message.is_foreign else [])]


def _risk(found: FlowMap, row: tuple[tuple[str, Reaction | None], Reaction], middle: Reaction, event: str) -> str:
    """The reason why the row needs more care than reactions give: empty = it has none."""
    (_, first), last = row
    for each in (first, middle, last):
        if each is not None and each.calls_out:
            return f"{each.service} calls outside ({each.name})"
    money = (found.messages[name].money for name in (middle.takes, event))
    return next((f"money moves ({each})" for each in money if each), "")


def _hidden_saga(
    found: FlowMap, row: tuple[tuple[str, Reaction | None], Reaction], middle: Reaction, event: str
) -> Finding:
    (first, _), last = row
    accepts = [found.messages[name] for name in (event, middle.takes)]
    message = next((each for each in accepts if "hidden-saga" in each.notes.accept), accepts[0])
    finding = _finding(
        "hidden-saga",
        message,
        f"{first}, {middle.service} and {last.service} are a saga in hiding: {middle.service} hears {middle.takes} and publishes "
        f"{event}, which {last.service} hears, and {_risk(found, row, middle, event)}.",
        "Where the last one fails, no service knows that the others have to be undone, and no deadline ends the wait.",
        f"Declare a saga that starts with {middle.takes}, with a step for {middle.service} and one for {last.service}.",
    )
    return replace(finding, place=middle.place)


def unaccepted(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that fail a check."""
    return [each for each in findings if not each.accepted]

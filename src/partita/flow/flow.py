"""A flow: all that follows from one message, which is sent from outside or published by nothing in this app."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from partita.flow.flow_map import FlowMap
from partita.flow.reaction import Directed, Reaction


@dataclass(frozen=True, slots=True)
class Flow:
    """The messages of a flow in the order of their first use, the handlers that take them, and the sagas that they start. A
    flow in a `circle` has no entry: each of its messages follows from another one."""

    entry: str
    messages: tuple[str, ...]
    reactions: tuple[Reaction, ...]
    sagas: tuple[Directed, ...]
    circle: bool = False


def flows_of(found: FlowMap) -> tuple[Flow, ...]:
    """The flows of a map: one for each entry, commands first, and one for each circle that no entry leads to."""
    entries = sorted(_entries(found), key=lambda name: (found.messages[name].kind, name))
    flows = [flow_from(found, entry) for entry in entries]
    covered = {message for flow in flows for message in flow.messages}
    for name, message in found.messages.items():
        moves = found.hearers(name) or found.handler(name) or found.started(name)
        if moves and name not in covered and not message.fault_of:
            flows.append(flow_from(found, name, circle=True))
            covered.update(flows[-1].messages)
    return tuple(flows)


def flow_from(found: FlowMap, entry: str, *, circle: bool = False) -> Flow:
    """All that follows from one message."""
    messages: dict[str, None] = {entry: None}
    reactions: dict[Reaction, None] = {}
    sagas: dict[str, Directed] = {}
    waiting = deque([entry])
    while waiting:
        name = waiting.popleft()
        taken = [each for each in found.reactions if each.takes == name]
        started = found.started(name)
        reactions.update(dict.fromkeys(taken))
        sagas.update({saga.id: saga for saga in started})
        for following in (*_given(taken), *_directed(found, started)):
            if following not in messages:
                messages[following] = None
                waiting.append(following)
    return Flow(entry, tuple(messages), tuple(reactions), tuple(sagas.values()), circle)


def _given(reactions: Iterable[Reaction]) -> Iterable[str]:
    return (message for each in reactions for message in each.gives)


def _directed(found: FlowMap, sagas: Iterable[Directed]) -> Iterable[str]:
    for saga in sagas:
        for command in saga.sends:
            yield from (command, found.messages[command].reply)
        if saga.undone:
            yield saga.undone


def _entries(found: FlowMap) -> Iterable[str]:
    """The commands that nothing here sends, and the events that nothing here publishes and something hears."""
    caused = {message for each in found.reactions for message in each.gives}
    for saga in found.sagas.values():
        caused |= {*saga.sends, *saga.replies(found.messages), saga.undone}
    for name, message in found.messages.items():
        moves = found.handler(name) if message.kind == "command" else found.hearers(name) or found.started(name)
        if moves and name not in caused and not message.fault_of:
            yield name

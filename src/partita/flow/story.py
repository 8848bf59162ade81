"""The flow map as a story: each flow from its first message to the last service that hears of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from partita.flow.flow import Flow, flows_of
from partita.flow.flow_map import FlowMap
from partita.flow.reaction import Directed, Reaction, Step

UNITS = (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0), ("s", 1.0))
INDENT = "  "


def story(found: FlowMap) -> list[str]:
    """The lines of the story of every flow, and of the services that hear of dead letters."""
    lines = [_counts(found), ""]
    for flow in flows_of(found):
        lines += [*_Teller(found).flow(flow), ""]
    faults = [each for each in found.reactions if found.messages[each.takes].fault_of]
    if faults:
        lines.append("When a message becomes a dead letter:")
        for each in faults:
            lines.append(f"{INDENT}{each.service} hears {each.takes} ({each.name})")
        lines.append("")
    return lines[:-1]


def duration(seconds: float) -> str:
    """A duration as people say it: `15 min`, `24 h`, `30 d`."""
    unit, size = next(
        ((unit, size) for unit, size in UNITS if seconds >= (2 * size if unit == "d" else size)), UNITS[-1]
    )
    return f"{seconds / size:.4g} {unit}"


def listed(names: Sequence[str]) -> str:
    """Names as a sentence lists them: `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def _counts(found: FlowMap) -> str:
    counts = [f"{_number(found, kind)} {kind}s" for kind in ("service", "saga", "command", "event")]
    return f"{listed([count.removesuffix('s') if count.startswith('1 ') else count for count in counts])}."


def _number(found: FlowMap, kind: str) -> int:
    return sum(node.kind == kind for node in found.nodes)


class _Teller:
    """Writes one flow. A message that comes up again is named, and its consequences are not written twice."""

    def __init__(self, found: FlowMap) -> None:
        self._found = found
        self._written: dict[str, None] = {}

    def flow(self, flow: Flow) -> Iterator[str]:
        message = self._found.messages[flow.entry]
        if flow.circle:
            yield f"{flow.entry} is part of a circle: nothing outside of it publishes it"
        elif message.kind == "command":
            yield f"{flow.entry} is sent from outside"
        else:
            by_no_handler = "comes by an ingress, or is published in a transaction of yours"
            by_another = f"is published by {message.owner}, another app's service"
            yield f"{flow.entry} {by_another if message.is_foreign else by_no_handler}"
        if message.meaning:
            yield f'{INDENT}"{message.meaning}"'
        yield from self._after(flow.entry, 1)

    def _after(self, name: str, depth: int) -> Iterator[str]:
        """The consequences of a message."""
        space = INDENT * depth
        if name in self._written:
            if self._moves(name):
                yield f"{space}and so on, as above"
            return
        self._written[name] = None
        for saga in self._found.started(name):
            yield from self._saga(saga, depth)
        handler = self._found.handler(name)
        for reaction in [handler] if handler is not None else self._found.hearers(name):
            yield from self._reaction(reaction, depth)

    def _moves(self, name: str) -> bool:
        return bool(self._found.started(name) or self._found.handler(name) or self._found.hearers(name))

    def _reaction(self, reaction: Reaction, depth: int) -> Iterator[str]:
        space = INDENT * depth
        message = self._found.messages[reaction.takes]
        verb = "handles it" if reaction.kind == "handles" else "hears it"
        refused = f", or refuses with {' or '.join(message.refusals)}" if message.refusals else ""
        kinds = (("publishes", "event"), ("sends", "command"))
        given = (
            (said, [each for each in reaction.gives if self._found.messages[each].kind == kind]) for said, kind in kinds
        )
        gives = "".join(f" and {said} {listed(names)}" for said, names in given if names)
        yield f"{space}{reaction.service} {verb} ({reaction.name}){gives}{refused}"
        for following in reaction.gives:
            if len(reaction.gives) > 1 and self._moves(following):
                yield f"{space}{INDENT}{following}:"
            yield from self._after(following, depth + (2 if len(reaction.gives) > 1 else 1))

    def _saga(self, saga: Directed, depth: int) -> Iterator[str]:
        space = INDENT * depth
        directed = listed(saga.participants)
        yield f"{space}the saga {saga.id} of {saga.service} begins and directs {directed}, {duration(saga.deadline_s)} at most:"
        widths = [max(len(text) for text in column) for column in zip(*map(_cells, saga.steps), strict=True)]
        for number, step in enumerate(saga.steps, 1):
            cells = "  ".join(text.ljust(width) for text, width in zip(_cells(step), widths, strict=True))
            yield f"{space}{INDENT}{number}. {cells}  {self._way_back(step)}".rstrip()
        last = saga.last_reply(self._found.messages)
        for title, event in (("all done", last), ("undone", saga.undone)):
            if event:
                yield f"{space}{INDENT}{title}: {event}"
                yield from self._after(event, depth + 2)
        for step in saga.steps:
            yield from self._beside(step, last, depth)

    def _beside(self, step: Step, last: str, depth: int) -> Iterator[str]:
        """The other consequences of a saga's step: the saga that carries it out, services that hear a reply, or another event
        of the handler."""
        for saga in self._found.started(step.command):
            yield f"{INDENT * (depth + 1)}{step.name}, {step.command} of {step.service}:"
            yield from self._saga(saga, depth + 2)
        for command in (step.command, step.undo):
            handler = self._found.handler(command) if command else None
            for event in handler.gives if handler is not None else ():
                if event != last and event not in self._written and self._moves(event):
                    yield f"{INDENT * (depth + 1)}beside it, {event} of {step.service}:"
                    yield from self._after(event, depth + 2)

    def _way_back(self, step: Step) -> str:
        refusals = self._found.messages[step.command].refusals
        said = [f"for each of {step.each}"] if step.each else []
        said += [f"carried out by the saga {saga.id}" for saga in self._found.started(step.command)]
        said += [f"refused by {' or '.join(refusals)}"] if refusals else []
        if step.undo:
            said.append(f"undone by {step.undo}")
        if step.kind == "pivot":
            said.append("the point of no return")
        elif step.kind == "retriable":
            said.append("sent until it is done")
        return "; ".join(said)


def _cells(step: Step) -> tuple[str, ...]:
    return step.name, f"{step.command} to {step.service}"

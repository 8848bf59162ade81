"""The blueprint of a project: the design's messages with their types in Python, and what has to be added so that it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from partita.design.model.choreography import Reaction
from partita.design.model.design import Design
from partita.design.model.message import EventDesign
from partita.design.model.saga import SagaDesign, StepDesign, TimerDesign
from partita.design.model.service import ServiceDesign
from partita.design.skeleton.field_type import Typed, Vocabulary, vocabulary_of
from partita.design.skeleton.names import IMPORTED, check_names, package_of
from partita.errors import SettingsError

Kind = Literal["event", "refusal", "command", "lossy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message of the project. `undoes` is the command that it takes back, `asks` the one whose outcome it asks for; one that
    `enters` is sent from outside."""

    name: str
    kind: Kind
    service: str
    key: str
    fields: tuple[Typed, ...]
    meaning: str
    reply: str = ""
    refusals: tuple[str, ...] = ()
    undoes: str = ""
    asks: str = ""
    enters: bool = False
    version: int = 1

    @property
    def contract(self) -> str:
        """Its fields with their types, in one line."""
        return f"{self.name}({', '.join(f'{each.name}: {each.type}' for each in self.fields)})"

    def field(self, name: str) -> Typed | None:
        """The field of that name in Python."""
        return next((each for each in self.fields if each.name == name), None)


@dataclass(frozen=True, slots=True)
class Stream:
    """A lossy event on its way to one reader: `sends` is the command that takes a batch of it, `keys_max` the keys that wait at
    most, and every `every_s` seconds the waiting ones go on."""

    event: Message
    reaction: Reaction
    sends: Message
    keys_max: int
    every_s: float
    why: str


@dataclass(frozen=True, slots=True)
class Blueprint:
    """All of it; names are names of Python."""

    design: Design
    package: str
    words: Vocabulary
    messages: Mapping[str, Message]
    streams: tuple[Stream, ...]

    def of(self, service: str, kind: Kind) -> list[Message]:
        """The messages of a service."""
        return [each for each in self.messages.values() if each.service == service and each.kind == kind]

    @property
    def services(self) -> Sequence[ServiceDesign]:
        """The services that have something to do."""
        return self.design.services

    def entry(self, event: str) -> Message | None:
        """The command from outside that an event answers."""
        commands = (each for each in self.messages.values() if each.kind == "command" and each.enters)
        return next((each for each in commands if each.reply == event), None)

    def steps_of(self, command: str) -> list[tuple[SagaDesign, int, StepDesign]]:
        """The steps that send a command, each with its saga and its place in it."""
        return [
            (saga, index, step)
            for saga in self.design.sagas
            for index, step in enumerate(saga.steps)
            if step.do == command
        ]

    def timer(self, command: str) -> tuple[StepDesign, TimerDesign] | None:
        """The step that sends a command while it waits."""
        sent = ((step, timer) for _, step in self.design.steps for timer in step.timers)
        return next(((step, timer) for step, timer in sent if timer.do == command), None)

    def is_human(self, command: str) -> bool:
        """Whether a person answers a command."""
        return any(step.human and step.do == command for _, step in self.design.steps)

    def starts(self, event: str) -> bool:
        """Whether a saga begins with an event."""
        return any(saga.start == event for saga in self.design.sagas)


def blueprint_of(design: Design) -> Blueprint:
    """The blueprint of a design.

    Raises:
        SettingsError: a name in it is no name of Python, or a part of it cannot run.
    """
    check_names(design)
    _check_parts(design)
    classes = [*IMPORTED, *(each.name for each in design.events), *(each.name for each in design.commands)]
    classes += [saga.name for saga in design.sagas]
    words = vocabulary_of(design, dict.fromkeys(classes, "the design"))
    found: dict[str, Message] = {}
    for event in design.events:
        kind: Kind = "lossy" if event.lossy else "refusal" if event.kind == "refusal" else "event"
        found[event.name] = Message(
            name=event.name,
            kind=kind,
            service=event.by,
            key=event.key,
            fields=words.typed(event.fields, event.name),
            meaning=event.meaning.value,
            version=event.version,
        )
    for command in design.commands:
        found[command.name] = Message(
            name=command.name,
            kind="command",
            service=command.to,
            key=command.key,
            fields=words.typed(command.fields, command.name),
            meaning=command.meaning.value,
            reply=command.reply,
            refusals=command.refusals,
            undoes=command.undoes,
            asks=command.asks,
            enters=command.enters,
        )
    streams = tuple(_streams(design, found, words))
    for stream in streams:
        found[stream.sends.reply] = _kept(stream)
        found[stream.sends.name] = stream.sends
    return Blueprint(design, package_of(design), words, found, streams)


def _streams(design: Design, found: Mapping[str, Message], words: Vocabulary) -> list[Stream]:
    streams: list[Stream] = []
    for reaction in design.reactions:
        for name in reaction.when:
            if not design.event(name).lossy:
                continue
            event, rate = found[name], _rate(design, design.event(name))
            model = next((each for each in design.read_models if each.name == reaction.projects), None)
            behind_s = model.staleness.value if model is not None else None
            every_s = min(1.0, behind_s / 2) if behind_s else 1.0
            sends = Message(
                name=f"Keep{name}" if f"Keep{name}" not in found else f"Keep{name}For{len(streams) + 1}",
                kind="command",
                service=reaction.who,
                key="shard",
                fields=(),
                meaning=f"The latest {name} of each {event.key}, many in one message.",
                reply=f"{name}Kept" if f"{name}Kept" not in found else f"{name}Kept{len(streams) + 1}",
            )
            keys = max(1, round(rate))
            streams.append(Stream(event, reaction, sends, keys, every_s, f"{rate:,.0f} a second, one of each key"))
    return streams


def _kept(stream: Stream) -> Message:
    return Message(
        name=stream.sends.reply,
        kind="event",
        service=stream.sends.service,
        key="shard",
        fields=(),
        meaning=f"A batch of {stream.event.name} is kept.",
    )


def _rate(design: Design, event: EventDesign) -> float:
    peaks = [stream.peak.value for stream in design.load.streams if stream.begins == event.name]
    return max([event.rate.value, *peaks])


def _check_parts(design: Design) -> None:
    """Refuse a design that no project can carry.

    Raises:
        SettingsError: names each part, with the reason.
    """
    refused = {event.name for event in design.events if event.kind == "refusal"}
    lossy = {event.name for event in design.events if event.lossy}
    found = []
    for saga in design.sagas:
        found += [f"{saga.name} starts with {saga.start}, which is {why}" for why in _why(saga.start, refused, lossy)]
        if saga.pivot >= 0 and not saga.failed:
            found.append(f"{saga.name} can be undone and names no event for it: failed: SomethingCancelled")
        for index, step in enumerate(saga.steps):
            if step.kind == "pivot" and not step.undo:
                found.append(
                    f"{saga.name}.{step.name} is the pivot without an undo: its answer may be missing at the deadline: undo: ..."
                )
            if step.kind == "step" and not step.undo and not step.no_effect:
                found.append(f"{saga.name}.{step.name} has no undo")
            if step.fail and (step.kind == "retriable" or index > saga.pivot):
                found.append(f"{saga.name}.{step.name} can be refused after the point of no return")
            if step.ask and (step.human or step.kind == "retriable"):
                found.append(f"{saga.name}.{step.name} asks on a timeout, and has no outcome that a service knows")
    for reaction in design.reactions:
        found += [
            f"{reaction.who} hears {name}, a refusal, which is on no topic" for name in reaction.when if name in refused
        ]
    if found:
        raise SettingsError(
            "\n".join(["The design cannot run:", *(f"  {each}" for each in dict.fromkeys(found))]),
            hint="partita design check says what to write. Nothing was written.",
        )


def _why(event: str, refused: set[str], lossy: set[str]) -> list[str]:
    return ["a refusal"] * (event in refused) + ["lossy"] * (event in lossy)

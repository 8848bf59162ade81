"""The topics of a design: those of events and commands, and those of each group's failed messages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from partita.design.document import traffic
from partita.design.document.assumed import COMMANDS_KEPT_S
from partita.design.document.traffic import Traffic
from partita.design.model.design import Design
from partita.design.model.message import EventDesign
from partita.topics.naming import dlq_topic, retry_topic

Kind = Literal["events", "commands", "compacted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicDesign:
    """A topic with its messages, its keys, its writers and its groups; `retention` in seconds, None = for ever."""

    name: str
    kind: Kind
    messages: tuple[str, ...]
    keys: tuple[str, ...]
    producers: tuple[str, ...]
    groups: tuple[str, ...]
    retention: float | None
    parts: tuple[Traffic, ...]
    lossy: bool = False

    @property
    def traffic(self) -> Traffic:
        """The traffic of all its messages."""
        return traffic.together(list(self.parts))


def topics_of(design: Design) -> tuple[TopicDesign, ...]:
    """The topics of events and commands, by their service; a compacted event has one of its own."""
    found: list[TopicDesign] = []
    for service in design.services:
        own = [event for event in traffic.on_topics(design) if event.by == service.name]
        kept = [event for event in own if not event.compact]
        if kept:
            found.append(_of_events(design, f"{service.namespace}.events", "events", kept))
        found += [
            _of_events(design, f"{service.namespace}.{_kebab(event.name)}", "compacted", [event])
            for event in own
            if event.compact
        ]
        taken = [command for command in design.commands if command.to == service.name]
        if taken:
            senders = [saga.at for saga, step in design.steps if {*step.sends} & {each.name for each in taken}]
            found.append(
                TopicDesign(
                    name=f"{service.namespace}.commands",
                    kind="commands",
                    messages=tuple(each.name for each in taken),
                    keys=tuple(dict.fromkeys(each.key for each in taken)),
                    producers=tuple(dict.fromkeys(senders)) or ("the API",),
                    groups=(service.name,),
                    retention=COMMANDS_KEPT_S,
                    parts=tuple(traffic.of_command(design, each) for each in taken),
                )
            )
    return tuple(found)


def retry_topics(design: Design, topic: TopicDesign, group: str) -> tuple[str, ...]:
    """The topics in which messages of a topic wait that a group failed to handle."""
    return tuple(retry_topic(topic.name, group, wait) for wait in design.failure.retry_topics.value)


def dead_letters(topic: TopicDesign, group: str) -> str:
    """The topic of a group's dead letters."""
    return dlq_topic(topic.name, group)


def groups_of(design: Design) -> tuple[tuple[TopicDesign, str], ...]:
    """Each topic with each of its groups."""
    return tuple((topic, group) for topic in topics_of(design) for group in topic.groups)


def _of_events(design: Design, name: str, kind: Kind, events: list[EventDesign]) -> TopicDesign:
    kept = [event.retention.value for event in events]
    return TopicDesign(
        name=name,
        kind=kind,
        messages=tuple(event.name for event in events),
        keys=tuple(dict.fromkeys(event.key for event in events)),
        producers=tuple(dict.fromkeys(event.by for event in events)),
        groups=tuple(dict.fromkeys(who for event in events for who in design.consumers(event.name))),
        retention=None if None in kept else max(each for each in kept if each is not None),
        parts=tuple(traffic.of_event(design, event) for event in events),
        lossy=any(event.lossy for event in events),
    )


def _kebab(name: str) -> str:
    return re.sub("(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()

"""Changes of events and commands: names, keys, fields, owners, and the topics that their retention shapes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from partita.design.document.quantity import span
from partita.design.drift.change import Change
from partita.design.model.design import Design
from partita.design.model.field import FieldDesign
from partita.design.model.message import CommandDesign, EventDesign

Message = EventDesign | CommandDesign
M = TypeVar("M", EventDesign, CommandDesign)


def message_changes(old: Design, new: Design) -> Iterator[Change]:
    """The changes of all messages."""
    yield from _of_kind(old.events, new.events, old, new)
    yield from _of_kind(old.commands, new.commands, old, new)


def _of_kind(before: tuple[M, ...], after: tuple[M, ...], old: Design, new: Design) -> Iterator[Change]:
    olds, news = {each.name: each for each in before}, {each.name: each for each in after}
    gone = {name: each for name, each in olds.items() if name not in news}
    come = {name: each for name, each in news.items() if name not in olds}
    for message in gone.values():
        renamed = next((other for other, each in come.items() if _is_same_but_named(message, each)), None)
        if renamed is not None:
            del come[renamed]
            yield _renamed(message, renamed, old)
        else:
            yield _removed(message, old)
    for message in come.values():
        yield Change(section=1, what=f"{_kind(message)} {message.name} of {_owner(message)} is new.")
    for name in sorted(olds.keys() & news.keys()):
        yield from _one(olds[name], news[name], old)


def _one(before: Message, after: Message, old: Design) -> Iterator[Change]:
    name, readers = before.name, _readers(before, old)
    if _owner(before) != _owner(after):
        yield Change(
            section=1,
            what=f"{name} belongs to {_owner(after)}, and belonged to {_owner(before)}.",
            harm="Its type and its topic carry the owner's namespace: readers of the old topic hear nothing more.",
            hurt=readers,
            instead=f"Publish both until every reader of {name} has moved.",
        )
    if before.key != after.key:
        yield Change(
            section=6,
            what=f"{name} is keyed by {after.key}, and was by {before.key}.",
            harm=f"Order breaks: messages of one {before.key} were handled in their order, and are no longer.",
            hurt=readers,
            instead=f"A new version of {name} with the new key, on readiness of each reader.",
        )
    yield from _fields(before, after, readers)
    if isinstance(before, EventDesign) and isinstance(after, EventDesign):
        yield from _event(before, after, readers)
    if isinstance(before, CommandDesign) and isinstance(after, CommandDesign):
        yield from _command(before, after, old)


def _event(before: EventDesign, after: EventDesign, readers: tuple[str, ...]) -> Iterator[Change]:
    name = before.name
    if before.version != after.version:
        yield Change(
            section=2,
            what=f"{name} has version {after.version}, and had {before.version}.",
            harm="A reader without an upcaster refuses messages of the other version.",
            hurt=readers,
            instead=f"Keep {name}V{before.version} with its upcaster; upgrade the readers first.",
        )
    if before.retention.value != after.retention.value:
        shorter = after.retention.value is not None and after.retention.value < (before.retention.value or float("inf"))
        yield Change(
            section=6,
            what=f"{name} is kept for {_kept(after.retention.value)}, and was for {_kept(before.retention.value)}.",
            harm="A reader that is away for longer loses messages." if shorter else "",
            hurt=readers if shorter else (),
        )
    if before.compact != after.compact:
        yield Change(
            section=6,
            what=f"The topic of {name} is {'compacted' if after.compact else 'no longer compacted'}.",
            harm="Of each key only the last message stays: no history can be replayed." if after.compact else "",
            hurt=readers if after.compact else (),
        )
    if before.lossy != after.lossy:
        yield Change(
            section=9,
            what=f"{name} {'goes past the outbox now and may be lost' if after.lossy else 'leaves by the outbox now'}.",
            harm="A crash loses messages." if after.lossy else "",
            hurt=readers if after.lossy else (),
        )


def _command(before: CommandDesign, after: CommandDesign, old: Design) -> Iterator[Change]:
    name, senders = before.name, _readers(before, old)
    added = tuple(sorted({*after.refusals} - {*before.refusals}))
    gone = tuple(sorted({*before.refusals} - {*after.refusals}))
    if before.reply != after.reply:
        yield Change(
            section=3,
            what=f"{name} is answered by {after.reply}, and was by {before.reply}.",
            harm="A saga in flight waits for the old reply.",
            hurt=senders,
            instead="A new version of the saga; keep the old reply until its instances have ended.",
        )
    if added:
        yield Change(
            section=4,
            what=f"{name} may be refused with {', '.join(added)} now.",
            harm="A sender of the old version does not know this refusal.",
            hurt=senders,
            instead="Upgrade the senders first.",
        )
    if gone:
        yield Change(section=4, what=f"{name} is no longer refused with {', '.join(gone)}.")


def _fields(before: Message, after: Message, readers: tuple[str, ...]) -> Iterator[Change]:
    name = before.name
    olds, news = {f.name: f for f in before.fields}, {f.name: f for f in after.fields}
    for field in olds.values():
        other = news.get(field.name)
        if other is None:
            yield Change(
                section=2,
                what=f"{name}.{field.name} is gone.",
                harm=f"Readers of today need {field.name}: to them each new {name} becomes a dead letter, unless the field has a "
                "default there.",
                hurt=readers,
                instead=f"Keep {field.name} until no reader uses it, or declare version {_version(before) + 1} with an upcaster.",
            )
            continue
        if _type(field) != _type(other):
            yield Change(
                section=2,
                what=f"{name}.{field.name} is {_type(other)}, and was {_type(field)}.",
                harm="Messages of the other type cannot be read.",
                hurt=readers,
                instead=f"A second field with the new type, and {field.name} until no reader uses it.",
            )
        if field.pii != other.pii:
            yield Change(
                section=2,
                what=f"{name}.{field.name} is {'personal data now' if other.pii else 'no longer marked as personal data'}.",
                harm="" if other.pii else "Exports, logs and erasure treat it as harmless.",
                hurt=() if other.pii else readers,
            )
    for field in news.values():
        if field.name not in olds:
            required = field.default is None and not field.optional
            yield Change(
                section=2,
                what=f"{name}.{field.name} ({_type(field)}) is new.",
                harm="It has no default: older messages cannot be read." if required else "",
                hurt=readers if required else (),
                instead=f"{field.name} with a default, Since({max(2, field.since)})." if required else "",
            )


def _renamed(message: Message, name: str, old: Design) -> Change:
    return Change(
        section=1,
        what=f"{_kind(message)} {message.name} is called {name} now.",
        harm=f"The name is the type on the wire: readers of {message.name} hear nothing more.",
        hurt=_readers(message, old),
        instead=f'class {name}(..., name="{message.name}") keeps the name on the wire.',
    )


def _removed(message: Message, old: Design) -> Change:
    readers = _readers(message, old)
    return Change(
        section=1,
        what=f"{_kind(message)} {message.name} of {_owner(message)} is gone.",
        harm="It is waited for in vain." if readers else "",
        hurt=readers,
        instead=f"Remove the readers of {message.name} first." if readers else "",
    )


def _is_same_but_named(one: Message, other: Message) -> bool:
    """Whether one is the other under a new name. Two messages that have their key alone may be two things, but not two commands
    with one reply."""
    replies = [each.reply for each in (one, other) if isinstance(each, CommandDesign)]
    tells = len(one.fields) > 1 or (len(replies) == 2 and replies[0] == replies[1])
    return (
        tells
        and _owner(one) == _owner(other)
        and one.key == other.key
        and [(f.name, _type(f)) for f in one.fields] == [(f.name, _type(f)) for f in other.fields]
    )


def _readers(message: Message, design: Design) -> tuple[str, ...]:
    """The services that read an event; of a command those whose sagas send it, and its own."""
    if isinstance(message, EventDesign):
        return design.consumers(message.name)
    senders = [saga.at for saga, step in design.steps if message.name in step.sends]
    return tuple(dict.fromkeys([*senders, message.to]))


def _owner(message: Message) -> str:
    return message.by if isinstance(message, EventDesign) else message.to


def _kind(message: Message) -> str:
    if isinstance(message, CommandDesign):
        return "Command"
    return "Refusal" if message.kind == "refusal" else "Event"


def _type(field: FieldDesign) -> str:
    of = f" of {field.of}" if field.of is not None else ""
    inner = f" ({', '.join(f'{f.name}: {_type(f)}' for f in field.fields)})" if field.fields else ""
    words = f" ({', '.join(field.values)})" if field.values else ""
    return f"{'optional ' if field.optional else ''}{field.type}{of}{inner}{words}"


def _kept(seconds: float | None) -> str:
    return "ever" if seconds is None else span(seconds)


def _version(message: Message) -> int:
    return message.version if isinstance(message, EventDesign) else 1

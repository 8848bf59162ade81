"""`messages.py` of a project: every message of the design as a class, in Avro unless its service says otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterator

from partita.design.skeleton.blueprint import Blueprint, Message
from partita.design.skeleton.code import call, imported
from partita.design.skeleton.field_type import Typed, line
from partita.design.skeleton.file import WholeFile
from partita.design.skeleton.names import variable_of
from partita.exports.declaring.python_text import docstring, literal
from partita.observability.catalog.plain_name import is_plain
from partita.observability.catalog.tense import is_order, is_past

_SHARED = {
    "typing": ("Annotated", "Literal", "NewType"),
    "partita": ("Command", "Event", "Key", "Rejection", "Since"),
    "partita.schemas": ("PII", "Millis", "Subject"),
}
_TEXT = re.compile(r"""\"\"\".*?\"\"\"|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*\"""", re.DOTALL)


def messages_file(blue: Blueprint) -> WholeFile:
    """All messages in one module, events before the commands that they answer."""
    classes = [_class(blue, each) for kind in ("lossy", "event", "refusal", "command") for each in _of_kind(blue, kind)]
    shared = "\n".join(blue.words.declarations())
    body = "\n\n\n".join(filter(None, [shared, *classes]))
    owners = {variable_of(each.service) for each in blue.messages.values() if each.kind in ("event", "command")}
    services = imported(f"{blue.package}.services", owners)
    code = _TEXT.sub('""', body)
    head = [
        f"import {module}{alias}" for module, alias in (("datetime", " as dt"), ("decimal", "")) if _uses(code, module)
    ]
    froms = {module: imported(module, [n for n in names if _has(code, n)]) for module, names in _SHARED.items()}
    imports = "\n".join(
        [
            *head,
            *filter(None, [froms["typing"]]),
            "",
            *(["import msgspec"] if _has(code, "msgspec") else []),
            froms["partita"],
            *filter(None, [froms["partita.schemas"]]),
            "",
            services,
        ]
    )
    text = (
        f'"""The messages of {blue.package}: each has one owner, which names it in `of=`."""\n\n{imports}\n\n{body}\n'
    )
    return WholeFile(f"{blue.package}/messages.py", text)


def _of_kind(blue: Blueprint, kind: str) -> Iterator[Message]:
    owners = {service.name: place for place, service in enumerate(blue.services)}
    found = (each for each in blue.messages.values() if each.kind == kind)
    yield from sorted(found, key=lambda each: owners.get(each.service, len(owners)))


def _class(blue: Blueprint, message: Message) -> str:
    fields = _lines(blue, message)
    head = {"lossy": "msgspec.Struct", "refusal": "Rejection", "event": "Event"}.get(message.kind, "")
    if message.kind == "command":
        head = f"Command[{', '.join([message.reply, *([' | '.join(message.refusals)] if message.refusals else [])])}]"
    words = [head]
    if message.kind == "lossy":
        words += ["frozen=True", 'rename="camel"']
    elif message.kind != "refusal":
        words.append(f"of={variable_of(message.service)}")
        words += [f"version={message.version}"] if message.version > 1 else []
        accepted = dict(_accepted(blue, message))
        if accepted:
            words.append(f"accept={{{', '.join(f'{literal(k)}: {literal(v)}' for k, v in accepted.items())}}}")
        if blue.is_human(message.name):
            words.append('concerns="human"')
    meaning = " ".join(message.meaning.split()) or f"{message.name}, as {message.service} means it."
    if message.kind == "lossy":
        meaning += " It may be lost, so no outbox carries it: see streams.py."
    return "\n".join(
        [call(f"class {message.name}", words, after=":"), docstring(meaning), "", *(f"    {f}" for f in fields)]
    )


def _lines(blue: Blueprint, message: Message) -> list[str]:
    stream = next((s for s in blue.streams if message.name in (s.sends.name, s.sends.reply)), None)
    if stream is not None:
        shard = 'shard: Annotated[Key[int], msgspec.Meta(description="the number of the batch in its round")]'
        return [shard, *([f"latest: list[{stream.event.name}]"] if message.kind == "command" else ["count: int"])]
    subject = _subject(message)
    return [
        line(
            each,
            is_key=message.kind in ("event", "command") and each.name == message.key,
            is_subject=each is subject,
            needs_meaning=not is_plain(each.name),
        )
        for each in message.fields
    ]


def _subject(message: Message) -> Typed | None:
    """The person whose data a message has: the field that names a person. A refusal accepts no finding, so its key is taken."""
    if not any(each.design.pii for each in message.fields):
        return None
    persons = [each for each in message.fields if each.is_person and not each.design.pii]
    key = message.field(message.key) if message.kind in ("refusal", "lossy") else None
    return persons[0] if persons else key


def _accepted(blue: Blueprint, message: Message) -> Iterator[tuple[str, str]]:
    """The findings of our own lints that the design itself answers, each with the reason."""
    if any(each.design.pii for each in message.fields) and _subject(message) is None:
        yield (
            "pii-without-subject",
            f"the brief has no field of {message.name} that names a person; {message.key} leads to one",
        )
    if message.kind == "event" and not is_past(message.name):
        yield "event-not-past", "the brief has this name"
    if message.kind == "command" and not is_order(message.name):
        yield "command-no-order", "the brief has this name"
    design = blue.design
    gives = {name: each for group in design.choreographies for each in group.reactions for name in each.gives}
    if message.name in gives:
        why = next(
            (g.why.value for g in design.choreographies if gives[message.name] in g.reactions and g.why.value), ""
        )
        yield "hidden-saga", why or "the brief lets its services react by themselves"
    is_answer = any(message.name == each.reply and not each.enters for each in blue.messages.values())
    if message.kind == "event" and not is_answer and not _is_heard(blue, message.name):
        yield "unheard-event", "the brief names no reader of it yet"


def _is_heard(blue: Blueprint, event: str) -> bool:
    return bool(blue.design.consumers(event)) or any(saga.failed == event for saga in blue.design.sagas)


def _uses(code: str, module: str) -> bool:
    return _has(code, "dt" if module == "datetime" else module)


def _has(code: str, name: str) -> bool:
    return re.search(rf"\b{name}\b", code) is not None

"""An AsyncAPI document as declarations of Partita: services, messages, and handlers to be written.

Everything in the document is data. Names are made of its words, other words are literals and comments, and the resulting text is
parsed before it is returned.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from partita.errors import SettingsError
from partita.exports.declaring.avro_type import AvroTypes
from partita.exports.declaring.document import Document, Json
from partita.exports.declaring.field import FieldFacts, Ours, class_body
from partita.exports.declaring.imports import import_lines
from partita.exports.declaring.json_type import JsonTypes
from partita.exports.declaring.module import Module, Types, Unsayable
from partita.exports.declaring.owners import Owner, Owners
from partita.exports.declaring.proto_type import ProtoTypes, read_proto
from partita.exports.declaring.python_text import class_name, comment, docstring, literal, variable_name
from partita.schemas.revisions import Revision

VERSIONS = re.compile(r"3\.[01]\.\d+")
TYPE = re.compile(r"(?P<namespace>[\w.]+)\.v(?P<version>[1-9]\d{0,5})\.(?P<name>[A-Za-z_]\w{0,99})", re.ASCII)
LEFT_OUT = re.compile(r" *# .*(?: is left out: |, which is not read).*")
WIRE_NAME = re.compile(r"[A-Za-z_]\w{0,99}", re.ASCII)
REVISION_MAX = 1_000_000
OURS = "x-partita"
KINDS = ("event", "command", "refusal")


@dataclass
class Message:
    """A message of the document. `answers` are the messages of the replies to it, the answer first; `becomes` is the newer
    version of an old shape."""

    key: str
    held: Json
    kind: str
    owner: Owner
    wire_name: str
    version: int
    language: str
    name: str = ""
    becomes: Message | None = None
    body: list[str] = field(default_factory=list)
    answers: list[Message] = field(default_factory=list)
    is_refused: bool = False

    @property
    def full_name(self) -> str:
        """Its type on the wire, as the class will have it."""
        wire_name = self.wire_name if WIRE_NAME.fullmatch(self.wire_name) else self.name
        return f"{self.owner.namespace}.v{self.version}.{wire_name}"


@dataclass(frozen=True, slots=True)
class Imported:
    """The text of a module, and the parts of the document that it does not have, each with the reason. `revisions` are the files
    of messages in Protobuf, whose owner gives the numbers of the fields."""

    text: str
    left_out: tuple[str, ...]
    revisions: tuple[Revision, ...] = ()


def declarations_of(root: Json, where: str) -> Imported:
    """A module with the declarations of a document.

    Raises:
        SettingsError: it is no AsyncAPI 3.0 or 3.1, refers to something outside, or has no message.
    """
    version = str(root.get("asyncapi", ""))
    if not VERSIONS.fullmatch(version):
        raise SettingsError(
            f"{where} is {f'AsyncAPI {version:.20}' if version else 'no document of AsyncAPI'}; 3.0 and 3.1 are read.",
            hint="Convert it first: asyncapi convert FILE --target-version 3.0.0",
        )
    found = _Import(Document(root), where)
    text = found.text()
    ast.parse(text)  # a defect of ours is found here, and not by the reader
    left_out = (line.strip().removeprefix("# ") for line in text.split("\n") if LEFT_OUT.fullmatch(line))
    return Imported(text, tuple(left_out), tuple(found.revisions()))


class _Import:
    """One document on its way to a module."""

    def __init__(self, document: Document, where: str) -> None:
        self._document = document
        self._where = where
        self._module = Module()
        self._owners = Owners(document, self._module)
        self._messages: dict[int, Message] = {}

    def text(self) -> str:
        for key, held in self._found():
            self._add(key, held)
        self._operations()
        messages = [each for each in self._messages.values() if each.kind != "fault"]
        if not messages:
            raise SettingsError(f"{self._where} has no message.", hint="Its messages are in channels or in components.")
        for each in messages:
            wanted = str(each.held.get(OURS, {}).get("class", "")) if isinstance(each.held.get(OURS), dict) else ""
            each.name = self._module.claim(class_name(wanted or _capital(each.wire_name), self._module.taken))
        for each in messages:
            each.body = self._body(each)
        _find_newer(messages)
        return self._written(messages)

    def revisions(self) -> Iterator[Revision]:
        """The file of each message in Protobuf that has a class."""
        for each in self._messages.values():
            schema = _schema_of(self._document.followed(each.held.get("payload")))
            if each.name and each.language == "protobuf" and isinstance(schema, str) and not each.is_refused:
                yield Revision(each.full_name, _revision(each), each.language, schema)

    def _written(self, messages: Sequence[Message]) -> str:
        parts = [*self._classes(messages), *self._upcasters(messages), *self._handlers(messages)]
        owners = [owner.line for owner in self._owners.used]
        body = "\n\n\n".join(["\n".join(owners), *map("\n".join, self._module.types.values()), *parts])
        app = f"app = App({', '.join(owner.variable for owner in self._owners.used)})"
        title = str(self._document.part("info").get("title", "")) or self._where
        head = docstring(f"The declarations of {title}, imported from its AsyncAPI document: a start to write on.", "")
        imports = "\n".join(import_lines(f"{body}\n{app}"))
        return f"{head}\n\nfrom __future__ import annotations\n\n{imports}\n\n{body}\n\n\n{app}\n"

    def _found(self) -> Iterator[tuple[str, Json]]:
        """Every message of the document: in its components, then those that a channel alone has."""
        for key, held in self._document.part("components", "messages").items():
            yield str(key), self._document.followed(held)
        for channel in self._document.part("channels").values():
            for key, held in self._document.followed(self._document.followed(channel).get("messages", {})).items():
                yield str(key), self._document.followed(held)

    def _add(self, key: str, held: Json) -> None:
        if id(held) in self._messages:
            return
        ours = held.get(OURS) if isinstance(held.get(OURS), dict) else {}
        assert isinstance(ours, dict)
        full = TYPE.fullmatch(str(held.get("name", "")))
        version, name = (int(full["version"]), full["name"]) if full else (1, str(held.get("name", key)))
        owner = self._owners.of(str(ours.get("owner", "")), full["namespace"] if full else "")
        kind = ours.get("kind")
        payload = self._document.followed(held.get("payload"))
        form = str(payload.get("schemaFormat", ""))
        language = next((each for each in ("avro", "protobuf") if each in form), "json")
        kind = str(kind) if kind in (*KINDS, "fault") else "event"
        if kind != "fault":
            self._owners.use(owner)
        self._messages[id(held)] = Message(key, held, kind, owner, name, version, language)

    def _operations(self) -> None:
        """A message with a reply is a command; the first message of the reply is its answer, the others are refusals."""
        for held in self._document.part("operations").values():
            operation = self._document.followed(held)
            reply = self._document.followed(operation.get("reply", {}))
            answers = self._of(reply) if reply else []
            for message in self._of(operation) if answers else ():
                if message.kind == "fault" or message in answers:
                    continue
                message.kind = "command"
                message.answers = message.answers or answers
                for refusal in answers[1:]:
                    refusal.kind = "refusal"

    def _of(self, operation: Json) -> list[Message]:
        """The messages of an operation or a reply: those that it names, else all of its channel."""
        named = operation.get("messages")
        if not isinstance(named, list):
            channel = self._document.followed(operation.get("channel", {}))
            named = list(self._document.followed(channel.get("messages", {})).values())
        found = [self._messages.get(id(self._document.followed(each))) for each in named]
        return [each for each in found if each is not None]

    def _body(self, message: Message) -> list[str]:
        """The lines of a message's class. Its types are in a class of their own where the module has others of their names."""
        types = Types()
        lines = self._read(message, types)
        if not self._module.takes(types):
            types = Types(self._module.claim(class_name(f"{message.name}Types", self._module.taken)))
            lines = self._read(message, types)
        self._module.add(types)
        return lines

    def _read(self, message: Message, types: Types) -> list[str]:
        payload = self._document.followed(message.held.get("payload"))
        doc, fields = "", list[FieldFacts]()
        schema = _schema_of(payload)
        form = str(payload.get("schemaFormat", "application/schema+json"))
        if message.language == "avro" and isinstance(schema, dict):
            doc, fields = AvroTypes(types).root(schema, message.name)
        elif message.language == "protobuf":
            try:
                doc, fields = ProtoTypes(types, *read_proto(schema)).root(message.full_name, message.name)
            except Unsayable as error:
                message.is_refused = True
                return [comment(f"its schema is left out: {error}", "    "), "    pass"]
        elif "json" in form or "asyncapi" in form:
            doc, fields = JsonTypes(types, self._document).root(schema or {}, message.name)
        else:
            return [comment(f"its schema is in {form}, which is not read", "    "), "    pass"]
        words = doc or str(message.held.get("summary") or message.held.get("description") or "")
        return class_body(" ".join(words.split()), fields, _ours(message))

    def _classes(self, messages: Sequence[Message]) -> Iterator[str]:
        """Events first, then refusals, then the commands that name them."""
        answered = [command for command in messages if command.kind == "command"]
        for message in (m for m in messages if m.kind == "event"):
            yield self._class(message, "Event")
        for message in (m for m in messages if m.kind == "refusal"):
            commands = [command for command in answered if message in command.answers]
            language = commands[0].language if commands else message.owner.codec
            yield self._class(message, "Rejection", language)
        for message in answered:
            if not _is_answered(message):
                yield comment(f"{message.name} is left out: its answer is no event of the document")
                continue
            refusals = " | ".join(each.name for each in message.answers[1:])
            names = ", ".join([message.answers[0].name, *([refusals] if refusals else [])])
            yield self._class(message, f"Command[{names}]")

    def _class(self, message: Message, base: str, refused_in: str = "") -> str:
        words = [base] if refused_in else [base, f"of={message.owner.variable}"]
        if message.version > 1 and not refused_in:
            words.append(f"version={message.version}")
        if message.name != message.wire_name and WIRE_NAME.fullmatch(message.wire_name):
            words.append(f"name={literal(message.wire_name)}")
        if message.language != (refused_in or message.owner.codec):
            words.append(f"codec={literal(message.language)}")
        return "\n".join([f"class {message.name}({', '.join(words)}):", *message.body])

    def _upcasters(self, messages: Sequence[Message]) -> Iterator[str]:
        """An upcaster for each old shape, which fails until it is written."""
        for message in messages:
            if message.becomes is not None:
                name = self._module.claim(variable_name(f"newer_{message.name}", self._module.taken))
                yield (
                    f"@{message.owner.variable}.upcast\n"
                    f"def {name}(old: {message.name}) -> {message.becomes.name}:\n"
                    f'    raise NotImplementedError("{name} is to be written.")'
                )

    def _handlers(self, messages: Sequence[Message]) -> Iterator[str]:
        """A handler for each command, which fails until it is written."""
        for message in messages:
            if message.becomes is None and message.kind == "command" and _is_answered(message):
                name = self._module.claim(variable_name(message.name, self._module.taken))
                yield (
                    f"@{message.owner.variable}.handles({message.name})\n"
                    f"async def {name}(cmd: {message.name}) -> {message.answers[0].name}:\n"
                    f'    raise NotImplementedError("{name} is to be written.")'
                )


def _schema_of(payload: Json) -> Any:
    return payload.get("schema") if "schemaFormat" in payload else payload


def _revision(message: Message) -> int:
    held = message.held.get(OURS)
    number = held.get("revision") if isinstance(held, dict) else 1
    return number if type(number) is int and 0 < number < REVISION_MAX else 1


def _is_answered(message: Message) -> bool:
    return bool(message.answers) and message.answers[0].kind == "event"


def _find_newer(messages: Sequence[Message]) -> None:
    """Find the newer version of each old shape: as Partita wrote it, else the next version of the same message. A command without
    an answer gets no class, and so is no version."""
    known = [m for m in messages if m.kind == "event" or (m.kind == "command" and _is_answered(m))]
    newer: dict[tuple[str, str, str], Message] = {}
    for message in sorted(known, key=lambda each: each.version, reverse=True):
        identity = (message.owner.variable, message.wire_name, message.kind)
        held = message.held.get(OURS)
        later = newer.get(identity)
        if later is not None and later.version > message.version and (not isinstance(held, dict) or "becomes" in held):
            message.becomes = later
        newer[identity] = message


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]


def _ours(message: Message) -> Ours:
    held: Any = message.held.get(OURS)
    if not isinstance(held, dict):
        return Ours()
    since = held.get("since")
    numbers = (
        {str(k): v for k, v in since.items() if type(v) is int and 1 < v < REVISION_MAX}
        if isinstance(since, dict)
        else {}
    )
    return Ours(str(held.get("key", "")), numbers)

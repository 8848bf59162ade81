"""The names of a .proto file: each type that is used is found by the specification's rules of scope, and gets its full name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from partita.schemas.protobuf.proto_file import (
    SCALARS,
    ProtoEnum,
    ProtoExtension,
    ProtoField,
    ProtoFile,
    ProtoMessage,
    ProtoMethod,
    ProtoService,
)
from partita.schemas.protobuf.tokens import Place, refused

_TYPES = ("message", "enum")
_WITH_MEMBERS = ("message", "enum", "service", "package")


@dataclass(slots=True)
class Places:
    """Where names are in a text: a type's first use, and a name's last declaration."""

    used: dict[str, Place] = field(default_factory=dict)
    declared: dict[str, Place] = field(default_factory=dict)


def resolved(file: ProtoFile, others: Mapping[str, ProtoFile], places: Places) -> ProtoFile:
    """The file with full names of types. `others` are the files that it imports, also through others, by their names.

    Raises:
        UnknownSchema: a type is not there, or two things have one name.
    """
    return _Resolving(file, others, places).file()


def scope(around: str, name: str) -> str:
    """The full name of a declaration within a package or a message."""
    return f"{around}.{name}" if around else name


def message_at(file: ProtoFile, path: Sequence[int]) -> str:
    """The full name of the message at an index path, outer message first.

    Raises:
        IndexError: there is none.
    """
    name, among = file.package, file.messages
    for index in path:
        message = among[index]
        name, among = scope(name, message.name), message.messages
    return name


def message_named(file: ProtoFile, full_name: str) -> str:
    """The full name of the message in a file that is a message of ours: the one of the same name, else the first one. Other
    programs put several messages into one file, in a package of their own.

    Raises:
        IndexError: the file has no message.
    """
    name = full_name.rpartition(".")[2]
    own = next((each.name for each in file.messages if each.name == name), None)
    return scope(file.package, file.messages[0].name if own is None else own)


def widened(file: ProtoFile, imports: Mapping[str, ProtoFile]) -> ProtoFile:
    """A file with the messages and enums of those that it imports behind its own, where their names are looked for without the
    package."""
    return replace(
        file,
        messages=(*file.messages, *(each for other in imports.values() for each in other.messages)),
        enums=(*file.enums, *(each for other in imports.values() for each in other.enums)),
    )


def declared_types(file: ProtoFile) -> dict[str, ProtoMessage | ProtoEnum]:
    """The messages and enums of a file by their full names, also those within messages."""
    found: dict[str, ProtoMessage | ProtoEnum] = {}
    waiting: list[tuple[str, ProtoMessage]] = [(file.package, message) for message in reversed(file.messages)]
    found.update((scope(file.package, each.name), each) for each in file.enums)
    while waiting:
        around, message = waiting.pop()
        name = scope(around, message.name)
        found[name] = message
        found.update((scope(name, each.name), each) for each in message.enums)
        waiting += [(name, inner) for inner in reversed(message.messages)]
    return found


def _symbols(file: ProtoFile) -> Iterator[tuple[str, str]]:
    """Each name that a file declares, with its kind. The values of an enum are beside it, not in it."""
    parts = file.package.split(".") if file.package else []
    for count in range(1, len(parts) + 1):
        yield ".".join(parts[:count]), "package"
    for service in file.services:
        yield scope(file.package, service.name), "service"
    yield from _declarations(file.package, file.messages, file.enums, file.extensions)


def _declarations(
    around: str, messages: Iterable[ProtoMessage], enums: Iterable[ProtoEnum], extensions: Iterable[ProtoExtension]
) -> Iterator[tuple[str, str]]:
    for declared in enums:
        yield scope(around, declared.name), "enum"
        for name, _ in declared.values:
            yield scope(around, name), "value"
    for extension in extensions:
        yield scope(around, extension.field.name), "extension"
    for message in messages:
        own = scope(around, message.name)
        yield own, "message"
        for oneof in dict.fromkeys(each.oneof for each in message.fields if each.oneof):
            yield scope(own, oneof), "oneof"
        for each in message.fields:
            yield scope(own, each.name), "field"
        yield from _declarations(own, message.messages, message.enums, message.extensions)


class _Resolving:
    """The names that one file sees, and the walk over it."""

    def __init__(self, file: ProtoFile, others: Mapping[str, ProtoFile], places: Places) -> None:
        self._file = file
        self._places = places
        self._seen: dict[str, str] = {}
        waiting = list(file.imports)
        visible: dict[str, None] = {}
        while waiting:
            name = waiting.pop()
            if name not in visible:
                visible[name] = None
                waiting += others[name].public_imports
        for other in (*(others[name] for name in visible), file):
            own: dict[str, str] = {}
            for name, kind in _symbols(other):
                before = own.get(name) or self._seen.get(name)
                if before is not None and not before == kind == "package":
                    raise refused(
                        f"the name {name:.200} is declared twice", places.declared.get(name.rpartition(".")[2])
                    )
                own[name] = kind
            self._seen.update(own)

    def file(self) -> ProtoFile:
        around = self._file.package
        return replace(
            self._file,
            messages=tuple(self._message(each, around) for each in self._file.messages),
            extensions=tuple(self._extension(each, around) for each in self._file.extensions),
            services=tuple(self._service(each, around) for each in self._file.services),
        )

    def _message(self, message: ProtoMessage, around: str) -> ProtoMessage:
        own = scope(around, message.name)
        return replace(
            message,
            fields=tuple(self._field(each, own) for each in message.fields),
            messages=tuple(self._message(each, own) for each in message.messages),
            extensions=tuple(self._extension(each, own) for each in message.extensions),
        )

    def _field(self, each: ProtoField, around: str) -> ProtoField:
        return each if each.type in SCALARS else replace(each, type=self._found(each.type, around, _TYPES))

    def _extension(self, each: ProtoExtension, around: str) -> ProtoExtension:
        extendee = self._found(each.extendee, around, ("message",))
        return replace(each, extendee=extendee, field=self._field(each.field, around))

    def _service(self, service: ProtoService, around: str) -> ProtoService:
        return replace(service, methods=tuple(self._method(each, around) for each in service.methods))

    def _method(self, each: ProtoMethod, around: str) -> ProtoMethod:
        request, answer = (self._found(name, around, ("message",)) for name in (each.request, each.answer))
        return replace(each, request=request, answer=answer)

    def _found(self, name: str, around: str, kinds: tuple[str, ...]) -> str:
        """The full name of a type. The innermost scope that has the first part of a name decides."""
        first, _, rest = name.partition(".")
        if not first:
            return self._checked(rest, name, kinds)
        for place in _outwards(around):
            candidate = scope(place, first)
            kind = self._seen.get(candidate)
            if rest and kind in _WITH_MEMBERS:
                return self._checked(f"{candidate}.{rest}", name, kinds)
            if not rest and kind in _TYPES:
                return self._checked(candidate, name, kinds)
        return self._checked("", name, kinds)

    def _checked(self, full: str, written: str, kinds: tuple[str, ...]) -> str:
        kind = self._seen.get(full)
        if kind in kinds:
            return full
        said = (
            f"is a {kind} and no message" if kind in _TYPES else "is not declared, here or in a file that is imported"
        )
        raise refused(f"the type {written:.200} {said}", self._places.used.get(written))


def _outwards(around: str) -> Iterator[str]:
    """A scope, those around it, and the one of all packages."""
    while around:
        yield around
        around = around.rpartition(".")[0]
    yield ""

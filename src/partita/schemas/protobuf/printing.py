"""The text of a `ProtoFile`: one text for each file, the same on every machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from partita.schemas.protobuf.names import scope as joined
from partita.schemas.protobuf.proto_file import (
    NUMBER_MAX,
    SCALARS,
    Options,
    ProtoEnum,
    ProtoExtension,
    ProtoField,
    ProtoFile,
    ProtoMessage,
    ProtoService,
)
from partita.schemas.protobuf.reader import quoted

INDENT = "  "
ENUM_NUMBER_MAX = 2**31 - 1


def printed(file: ProtoFile) -> str:
    """The text of a file. Declarations keep their order; a type is named as shortly as the rules of scope allow."""
    return "\n".join(_Printing(file).lines()) + "\n"


class _Printing:
    def __init__(self, file: ProtoFile) -> None:
        self._file = file
        self._symbols = set(_symbols(file))

    def lines(self) -> Iterator[str]:
        file = self._file
        yield f'syntax = "{file.syntax}";'
        if file.package:
            yield ""
            yield f"package {file.package};"
        if file.imports:
            yield ""
            public = set(file.public_imports)
            for name in sorted(file.imports):
                yield f"import {'public ' if name in public else ''}{quoted(name.encode())};"
        if file.options:
            yield ""
            yield from _options(file.options)
        for enum in file.enums:
            yield ""
            yield from _enum(enum)
        for message in file.messages:
            yield ""
            yield from self._message(message, file.package)
        for line in self._extensions(file.extensions, file.package):
            yield from ("", line) if line.startswith("extend ") else (line,)
        for service in file.services:
            yield ""
            yield from self._service(service)

    def _message(self, message: ProtoMessage, scope: str) -> Iterator[str]:
        within = joined(scope, message.name)
        yield from _comment(message.doc)
        parts = [
            list(_options(message.options)),
            list(_reserved(message.reserved, message.reserved_names, NUMBER_MAX)),
            [f"extensions {ranges};" for ranges in _ranges(message.extension_ranges, NUMBER_MAX)],
            *[list(_enum(enum)) for enum in message.enums],
            *[list(self._message(inner, within)) for inner in message.messages],
            list(self._fields(message, within)),
            list(self._extensions(message.extensions, within)),
        ]
        yield from _block(f"message {message.name}", parts)

    def _fields(self, message: ProtoMessage, scope: str) -> Iterator[str]:
        members: dict[str | None, list[ProtoField]] = {}
        options = dict(message.oneof_options)
        for field in message.fields:
            members.setdefault(field.oneof, []).append(field)
        for field in message.fields:
            if field.oneof is None:
                yield from self._field(field, scope)
            elif field is members[field.oneof][0]:
                yield f"oneof {field.oneof} {{"
                yield from _indented(_options(options.get(field.oneof, ())))
                for member in members[field.oneof]:
                    yield from _indented(self._field(member, scope))
                yield "}"

    def _field(self, field: ProtoField, scope: str) -> Iterator[str]:
        yield from _comment(field.doc)
        kind = self._name(field.type, scope)
        if field.map_key is not None:
            kind = f"map<{field.map_key}, {kind}>"
        label = f"{field.label} " if field.label else ""
        yield f"{label}{kind} {field.name} = {field.number}{_in_brackets(field.options)};"

    def _extensions(self, extensions: Iterable[ProtoExtension], scope: str) -> Iterator[str]:
        for extension in extensions:
            yield f"extend {self._name(extension.extendee, scope)} {{"
            yield from _indented(self._field(extension.field, scope))
            yield "}"

    def _service(self, service: ProtoService) -> Iterator[str]:
        yield from _comment(service.doc)
        scope = joined(self._file.package, service.name)
        methods: list[str] = []
        for method in service.methods:
            request = f"{'stream ' if method.streams_request else ''}{self._name(method.request, scope)}"
            answer = f"{'stream ' if method.streams_answer else ''}{self._name(method.answer, scope)}"
            head = f"rpc {method.name}({request}) returns ({answer})"
            methods += [f"{head};"] if not method.options else _block(head, [list(_options(method.options))])
        yield from _block(f"service {service.name}", [list(_options(service.options)), methods])

    def _name(self, kind: str, scope: str) -> str:
        """The shortest name by which a type is found from a scope."""
        if kind in SCALARS:
            return kind
        parts = kind.split(".")
        for count in range(1, len(parts) + 1):
            name = ".".join(parts[-count:])
            if name not in SCALARS and self._found(name, scope, kind) == kind:
                return name
        return f".{kind}"

    def _found(self, name: str, scope: str, kind: str) -> str | None:
        """The symbol that a name means: the innermost scope that has its first part decides."""
        first, _, rest = name.partition(".")
        parts = scope.split(".") if scope else []
        for count in range(len(parts), -1, -1):
            begin = joined(".".join(parts[:count]), first)
            if begin in self._symbols or begin == kind or kind.startswith(f"{begin}."):
                return joined(begin, rest) if rest else begin
        return None


def _symbols(file: ProtoFile) -> Iterator[str]:
    """All names of a file that a type's name may be taken for."""
    parts = file.package.split(".") if file.package else []
    yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))
    for enum in file.enums:
        yield from _enum_symbols(enum, file.package)
    for message in file.messages:
        yield from _message_symbols(message, file.package)


def _message_symbols(message: ProtoMessage, scope: str) -> Iterator[str]:
    within = joined(scope, message.name)
    yield within
    for field in message.fields:
        yield joined(within, field.name)
        if field.oneof:
            yield joined(within, field.oneof)
    for enum in message.enums:
        yield from _enum_symbols(enum, within)
    for inner in message.messages:
        yield from _message_symbols(inner, within)


def _enum_symbols(enum: ProtoEnum, scope: str) -> Iterator[str]:
    yield joined(scope, enum.name)
    yield from (joined(scope, name) for name, _ in enum.values)


def _enum(enum: ProtoEnum) -> Iterator[str]:
    yield from _comment(enum.doc)
    options = dict(enum.value_options)
    parts = [
        list(_options(enum.options)),
        list(_reserved(enum.reserved, enum.reserved_names, ENUM_NUMBER_MAX)),
        [f"{name} = {number}{_in_brackets(options.get(name, ()))};" for name, number in enum.values],
    ]
    yield from _block(f"enum {enum.name}", parts)


def _reserved(ranges: Iterable[tuple[int, int]], names: Iterable[str], most: int) -> Iterator[str]:
    yield from (f"reserved {numbers};" for numbers in _ranges(ranges, most))
    found = [quoted(name.encode()) for name in sorted(names)]
    if found:
        yield f"reserved {', '.join(found)};"


def _ranges(ranges: Iterable[tuple[int, int]], most: int) -> Iterator[str]:
    """Ranges on one line; nothing where there are none."""
    found = [f"{low}" if low == high else f"{low} to {'max' if high >= most else high}" for low, high in sorted(ranges)]
    if found:
        yield ", ".join(found)


def _in_brackets(options: Options) -> str:
    inner = ", ".join(f"{name} = {value}" for name, value in options)
    return f" [{inner}]" if inner else ""


def _options(options: Iterable[tuple[str, str]]) -> Iterator[str]:
    return (f"option {name} = {value};" for name, value in options)


def _comment(text: str) -> Iterator[str]:
    return (f"// {line}".rstrip() for line in text.splitlines())


def _block(head: str, parts: list[list[str]]) -> Iterator[str]:
    """A declaration with its parts, an empty line between two of them."""
    filled = [part for part in parts if part]
    if not filled:
        yield f"{head} {{}}"
        return
    yield f"{head} {{"
    for number, part in enumerate(filled):
        if number:
            yield ""
        yield from _indented(part)
    yield "}"


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"{INDENT}{line}" if line else "" for line in lines)

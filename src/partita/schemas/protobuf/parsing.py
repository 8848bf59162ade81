"""Reads a .proto text, proto3 or proto2, into a `ProtoFile`, within limits: it may come from anywhere.

Nothing is compiled and nothing is fetched: imports are given as texts, and those of protoc are built in. Groups and editions are
refused. Comments become the docs of messages, fields and enums; others are dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

from partita.schemas.protobuf.checking import check_enum, check_message
from partita.schemas.protobuf.names import Places, resolved
from partita.schemas.protobuf.proto_file import (
    NUMBER_MAX,
    SCALARS,
    ProtoEnum,
    ProtoExtension,
    ProtoField,
    ProtoFile,
    ProtoMessage,
    ProtoMethod,
    ProtoService,
)
from partita.schemas.protobuf.reader import DEPTH_MAX, Reader, in_order
from partita.schemas.protobuf.tokens import Token, refused
from partita.schemas.protobuf.well_known import WELL_KNOWN

IMPORTS_MAX = 200
TOTAL_MAX = 2_000_000
"""Characters of a text and of all that it imports."""
INT32 = (-(2**31), 2**31 - 1)
MAP_KEYS = SCALARS - {"double", "float", "bytes"}
Declared = TypeVar("Declared")
_NONE: Mapping[str, str] = MappingProxyType({})


def parse(text: str, imports: Mapping[str, str] = _NONE) -> ProtoFile:
    """The file of a text. `imports` are the texts that it may import, directly or through each other, by their names.

    Raises:
        UnknownSchema: it is no .proto text, names a type or a file that is not there, or exceeds a limit. The error says the
            line and the column.
    """
    return parse_with_imports(text, imports)[0]


def parse_with_imports(text: str, imports: Mapping[str, str] = _NONE) -> tuple[ProtoFile, dict[str, ProtoFile]]:
    """The file of a text, and the files that it imports, also through others, by their names.

    Raises:
        UnknownSchema: as `parse`.
    """
    own = _File(text)
    file = own.read()
    read: dict[str, tuple[ProtoFile, Places]] = {}
    done: dict[str, ProtoFile] = {}
    size = len(text)
    # A stack instead of recursion: a chain of imports may be long. A file is resolved when those that it imports are.
    waiting = [(name, False) for name in reversed(file.imports)]
    while waiting:
        name, ready = waiting.pop()
        if name in done:
            continue
        if ready:
            done[name] = resolved(read[name][0], done, read[name][1])
            continue
        if name in read:
            raise refused(f"the file {name!r:.200} imports itself, directly or through others")
        imported = _text_of(name, imports, own.places)
        size += len(imported)
        if len(read) >= IMPORTS_MAX or size > TOTAL_MAX:
            raise refused(f"it imports more than {IMPORTS_MAX} files, or more than {TOTAL_MAX:,} characters")
        other = _File(imported)
        read[name] = (other.read(), other.places)
        waiting.append((name, True))
        waiting += [(inner, False) for inner in reversed(read[name][0].imports)]
    return resolved(file, done, own.places), done


def imports_of(text: str) -> tuple[str, ...]:
    """The names of the files that a text imports.

    Raises:
        UnknownSchema: it is no .proto text.
    """
    return _File(text).read().imports


def _text_of(name: str, imports: Mapping[str, str], places: Places) -> str:
    text = imports.get(name, WELL_KNOWN.get(name))
    if text is None:
        why = f"the import {name!r:.200} is not given, and nothing is fetched from elsewhere"
        raise refused(why, places.used.get(f'"{name}"'))
    return text


class _File:
    """One walk over a text; types are as they are written."""

    def __init__(self, text: str) -> None:
        self._reader = Reader(text)
        self._syntax = "proto2"
        self.places = Places()

    def read(self) -> ProtoFile:
        reader = self._reader
        self._read_syntax()
        package: str | None = None
        imports: dict[str, bool] = {}
        options: list[tuple[str, str]] = []
        body = _Body()
        services: list[ProtoService] = []
        while reader.next.kind != "end":
            token = reader.next
            if reader.took(";"):
                continue
            match token.text:
                case "package":
                    reader.take()
                    if package is not None:
                        reader.refuse("a second package", token)
                    package = reader.full_name()
                    reader.expect(";")
                case "import":
                    reader.take()
                    is_public = reader.took("public") or (reader.took("weak") and False)
                    self.places.used[f'"{reader.next.text[1:-1]}"'] = reader.next.place
                    name = reader.string()
                    reader.expect(";")
                    imports[name] = imports.get(name, False) or is_public
                case "option":
                    options.append(self._option())
                case "service":
                    services.append(self._service())
                case "message" | "enum" | "extend":
                    self._declared(body, 0)
                case _:
                    reader.refuse(f"{token.text[:40]!r} begins no declaration")
        return ProtoFile(
            package=package or "",
            messages=_unrepeated(body.messages),
            enums=_unrepeated(body.enums),
            imports=tuple(imports),
            syntax=self._syntax,
            options=in_order(options),
            public_imports=tuple(name for name, is_public in imports.items() if is_public),
            extensions=_unrepeated(body.extensions),
            services=_unrepeated(services),
        )

    def _read_syntax(self) -> None:
        reader = self._reader
        token = reader.next
        if token.text == "edition" and reader.ahead("="):
            reader.refuse('editions are not read here: write syntax = "proto3" or "proto2"')
        if not reader.took("syntax"):
            return
        reader.expect("=")
        self._syntax = reader.string()
        if self._syntax not in ("proto2", "proto3"):
            reader.refuse(f"the syntax {self._syntax!r:.40} is neither proto2 nor proto3", token)
        reader.expect(";")

    def _declared(self, body: _Body, depth: int) -> None:
        """A message, an enum or an extension."""
        match self._reader.next.text:
            case "message":
                body.messages.append(self._message(depth))
            case "enum":
                body.enums.append(self._enum())
            case _:
                body.extensions += self._extend()

    def _type(self) -> str:
        place = self._reader.next.place
        name = self._reader.full_name(leading_dot=True)
        self.places.used.setdefault(name, place)
        return name

    def _declared_name(self) -> str:
        place = self._reader.next.place
        name = self._reader.name()
        self.places.declared[name] = place
        return name

    def _option(self) -> tuple[str, str]:
        self._reader.expect("option")
        found = self._reader.option()
        self._reader.expect(";")
        return found

    def _message(self, depth: int) -> ProtoMessage:
        reader = self._reader
        token = reader.expect("message")
        if depth >= DEPTH_MAX:
            reader.refuse(f"messages are nested more than {DEPTH_MAX} deep", token)
        name = self._declared_name()
        opening = reader.expect("{")
        body = _Body()
        while not reader.took("}"):
            self._member(body, depth)
        found = ProtoMessage(
            name=name,
            fields=tuple(body.fields),
            messages=_unrepeated(body.messages),
            enums=_unrepeated(body.enums),
            reserved=tuple(sorted(body.reserved)),
            reserved_names=tuple(sorted(body.reserved_names)),
            options=in_order(body.options),
            extension_ranges=tuple(sorted(body.extension_ranges)),
            extensions=_unrepeated(body.extensions),
            oneof_options=tuple(sorted(body.oneof_options)),
            doc=token.before or opening.beside,
        )
        check_message(found, token.place)
        return found

    def _member(self, body: _Body, depth: int) -> None:
        reader = self._reader
        token = reader.next
        # A keyword may be the name of a field's type: `message.Inner a = 1;` begins like a declaration.
        match token.text if token.text == "extend" or not reader.ahead(".") else "":
            case ";":
                reader.take()
            case "message" | "enum" | "extend":
                self._declared(body, depth + 1)
            case "option":
                body.options.append(self._option())
            case "oneof":
                self._oneof(body)
            case "reserved":
                self._reserved(body.reserved, body.reserved_names, 1, NUMBER_MAX)
            case "extensions":
                reader.take()
                body.extension_ranges += self._ranges(1, NUMBER_MAX)
                reader.options()
                reader.expect(";")
            case _:
                body.fields.append(self._field(None))

    def _oneof(self, body: _Body) -> None:
        reader = self._reader
        token = reader.expect("oneof")
        name = self._declared_name()
        if name in body.oneofs:
            reader.refuse(f"a second oneof {name}", token)
        body.oneofs.add(name)
        reader.expect("{")
        before = len(body.fields)
        options: list[tuple[str, str]] = []
        while not reader.took("}"):
            if reader.next.text == "option" and not reader.ahead("."):
                options.append(self._option())
            elif not reader.took(";"):
                body.fields.append(self._field(name))
        if len(body.fields) == before:
            reader.refuse(f"the oneof {name} has no field", token)
        if options:
            body.oneof_options.append((name, in_order(options)))

    def _field(self, oneof: str | None, *, extends: bool = False) -> ProtoField:
        reader = self._reader
        token = reader.next
        label = ""
        if token.text in ("optional", "required", "repeated"):  # also before a type that begins with a dot
            label = reader.take().text
        self._check_label(label, oneof, token, extends=extends)
        map_key = None
        if reader.next.text == "map" and reader.ahead("<"):
            map_key, kind = self._map_types(label, oneof, extends=extends)
        else:
            if reader.next.text == "group" and not reader.ahead("."):
                reader.refuse("groups are not read here: write a message and a field of it")
            kind = self._type()
        name = self._declared_name()
        reader.expect("=")
        number_token = reader.next
        number = reader.whole_number(1, NUMBER_MAX)
        if 19_000 <= number <= 19_999:
            reader.refuse("the numbers 19000 to 19999 are Protobuf's own", number_token)
        options = reader.options()
        closing = reader.expect(";")
        return ProtoField(
            name=name,
            number=number,
            type=kind,
            label=label,
            oneof=oneof,
            map_key=map_key,
            options=options,
            doc=token.before or closing.beside,
        )

    def _check_label(self, label: str, oneof: str | None, token: Token, *, extends: bool) -> None:
        if oneof is not None and label:
            self._reader.refuse(f"a field of a oneof is never {label}", token)
        if self._syntax == "proto3" and label == "required":
            self._reader.refuse("proto3 has no required fields", token)
        is_map = self._reader.next.text == "map" and self._reader.ahead("<")
        if self._syntax == "proto2" and not label and oneof is None and not is_map:
            self._reader.refuse("a field of proto2 is optional, required or repeated", token)
        if extends and label == "required":
            self._reader.refuse("an extension is never required", token)

    def _map_types(self, label: str, oneof: str | None, *, extends: bool) -> tuple[str, str]:
        reader = self._reader
        token = reader.take()
        if label or oneof is not None or extends:
            reader.refuse("a map has no label, is in no oneof, and extends nothing", token)
        reader.expect("<")
        key_token = reader.next
        key = reader.name()
        if key not in MAP_KEYS:
            reader.refuse(f"{key} is no type of a map's keys", key_token)
        reader.expect(",")
        kind = self._type()
        reader.expect(">")
        return key, kind

    def _reserved(self, numbers: list[tuple[int, int]], names: list[str], low: int, high: int) -> None:
        reader = self._reader
        reader.expect("reserved")
        if reader.next.kind in ("text", "name"):
            # Names are in quotes; in editions they are bare, and some write them so here.
            names.append(reader.string() if reader.next.kind == "text" else reader.name())
            while reader.took(","):
                names.append(reader.string() if reader.next.kind == "text" else reader.name())
        else:
            numbers += self._ranges(low, high)
        reader.expect(";")

    def _ranges(self, low: int, high: int) -> list[tuple[int, int]]:
        found = [self._range(low, high)]
        while self._reader.took(","):
            found.append(self._range(low, high))
        return found

    def _range(self, low: int, high: int) -> tuple[int, int]:
        reader = self._reader
        token = reader.next
        first = last = reader.whole_number(low, high)
        if reader.took("to"):
            last = high if reader.took("max") else reader.whole_number(low, high)
        if last < first:
            reader.refuse(f"{first} to {last} is no range", token)
        return first, last

    def _enum(self) -> ProtoEnum:
        reader = self._reader
        token = reader.expect("enum")
        name = self._declared_name()
        opening = reader.expect("{")
        body = _Body()
        values: list[tuple[str, int]] = []
        value_options = []
        while not reader.took("}"):
            if reader.took(";"):
                continue
            if reader.next.text == "option" and not reader.ahead("="):
                body.options.append(self._option())
            elif reader.next.text == "reserved" and not reader.ahead("="):
                self._reserved(body.reserved, body.reserved_names, *INT32)
            else:
                value = self._declared_name()
                reader.expect("=")
                values.append((value, reader.whole_number(*INT32)))
                options = reader.options()
                reader.expect(";")
                if options:
                    value_options.append((value, options))
        found = ProtoEnum(
            name=name,
            values=tuple(values),
            reserved=tuple(sorted(body.reserved)),
            reserved_names=tuple(sorted(body.reserved_names)),
            options=in_order(body.options),
            value_options=tuple(sorted(value_options)),
            doc=token.before or opening.beside,
        )
        check_enum(found, self._syntax, token.place)
        return found

    def _extend(self) -> list[ProtoExtension]:
        reader = self._reader
        reader.expect("extend")
        extendee = self._type()
        reader.expect("{")
        found: list[ProtoExtension] = []
        while not reader.took("}"):
            if not reader.took(";"):
                found.append(ProtoExtension(extendee=extendee, field=self._field(None, extends=True)))
        return found

    def _service(self) -> ProtoService:
        reader = self._reader
        token = reader.expect("service")
        name = self._declared_name()
        opening = reader.expect("{")
        options: list[tuple[str, str]] = []
        methods: list[ProtoMethod] = []
        while not reader.took("}"):
            if reader.next.text == "option":
                options.append(self._option())
            elif not reader.took(";"):
                methods.append(self._method())
        doc = token.before or opening.beside
        return ProtoService(name=name, methods=tuple(methods), options=in_order(options), doc=doc)

    def _method(self) -> ProtoMethod:
        reader = self._reader
        reader.expect("rpc")
        name = self._declared_name()
        streams_request, request = self._method_type()
        reader.expect("returns")
        streams_answer, answer = self._method_type()
        options: list[tuple[str, str]] = []
        if reader.took("{"):
            while not reader.took("}"):
                if not reader.took(";"):
                    options.append(self._option())
        else:
            reader.expect(";")
        return ProtoMethod(
            name=name,
            request=request,
            answer=answer,
            streams_request=streams_request,
            streams_answer=streams_answer,
            options=in_order(options),
        )

    def _method_type(self) -> tuple[bool, str]:
        reader = self._reader
        reader.expect("(")
        streams = reader.next.text == "stream" and not reader.ahead(")")
        if streams:
            reader.take()
        kind = self._type()
        reader.expect(")")
        return streams, kind


class _Body:
    """The members of a message, an enum or a file while it is read."""

    def __init__(self) -> None:
        self.fields: list[ProtoField] = []
        self.messages: list[ProtoMessage] = []
        self.enums: list[ProtoEnum] = []
        self.reserved: list[tuple[int, int]] = []
        self.reserved_names: list[str] = []
        self.options: list[tuple[str, str]] = []
        self.extension_ranges: list[tuple[int, int]] = []
        self.extensions: list[ProtoExtension] = []
        self.oneofs: set[str] = set()
        self.oneof_options: list[tuple[str, tuple[tuple[str, str], ...]]] = []


def _unrepeated(declared: list[Declared]) -> tuple[Declared, ...]:
    """Each declaration once: one that is repeated word for word says nothing new. Another one of its name is refused later."""
    return tuple(dict.fromkeys(declared))

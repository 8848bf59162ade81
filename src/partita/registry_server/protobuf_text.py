"""Schemas of Protobuf as texts: written in one form whatever their layout, also those that come as a descriptor."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping

from partita.errors import UnknownSchema
from partita.registry_server.language import Parsed
from partita.schemas.protobuf.bundle import bundled
from partita.schemas.protobuf.canonical import canonical
from partita.schemas.protobuf.descriptor import descriptor_of
from partita.schemas.protobuf.from_descriptor import file_of
from partita.schemas.protobuf.parsing import parse, parse_with_imports
from partita.schemas.protobuf.printing import printed
from partita.schemas.protobuf.proto_file import ProtoFile

FILE_NAME = "default"
"""The name of a file in its descriptor: the protocol has none."""
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*\Z")


class ProtobufText:
    """See `partita.registry_server.language.Language`. The order of fields and options, the layout, and short or full names of
    types have no effect; comments of messages, fields and enums are kept, with `normalize` they are left out."""

    def parse(self, text: str, references: Mapping[str, str], *, normalize: bool) -> Parsed:
        """Read a schema: a .proto text, or the base64 of a FileDescriptorProto, as Confluent's client for Python sends it."""
        try:
            file = _described(text) if _BASE64.match(text) else parse(text, references)
            file = canonical(file, docs=not normalize)
            found = printed(file)
            # A hostile descriptor may have names that are no names, and say something else as a text.
            if canonical(parse(found, references)) != file:
                raise ValueError("it has no text that says the same")
        except UnknownSchema as error:
            raise ValueError(error.what) from error
        return Parsed(found, bundled(found, references))

    def formatted(self, text: str, references: Mapping[str, str], form: str) -> str:
        """With the form `serialized` the base64 of its FileDescriptorProto."""
        if form != "serialized":
            return text
        file, imports = parse_with_imports(text, references)
        return base64.b64encode(descriptor_of(FILE_NAME, file, imports)).decode()


def _described(text: str) -> ProtoFile:
    return file_of(base64.b64decode(re.sub(r"\s", "", text), validate=True))

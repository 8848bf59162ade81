"""A .proto text together with the texts that it imports, as one text: what compares two schemas is given one text for each."""

from __future__ import annotations

import json
from collections.abc import Mapping

from partita.schemas.protobuf.parsing import parse_with_imports
from partita.schemas.protobuf.proto_file import ProtoFile

_IMPORT, _OWN = "//partita:import ", "//partita:file"


def bundled(text: str, imports: Mapping[str, str]) -> str:
    """The text and its imports as one; the text itself where there are none."""
    if not imports:
        return text
    lines: list[str] = []
    for name, held in imports.items():
        lines += [_IMPORT + json.dumps(name), held]
    return "\n".join([*lines, _OWN, text])


def opened(text: str) -> tuple[str, dict[str, str]]:
    """The text of a bundle and its imports by their names. A text that is no bundle has none."""
    if not text.startswith(_IMPORT):
        return text, {}
    imports: dict[str, str] = {}
    name: str | None = ""
    held: list[str] = []
    for line in text.split("\n"):
        following = _name_of(line) if name is not None else ""
        if following != "":
            if name:
                imports[name] = "\n".join(held)
            name, held = following, []
        else:
            held.append(line)
    return "\n".join(held), imports


def parse_bundle(text: str) -> tuple[ProtoFile, dict[str, ProtoFile]]:
    """The file of a text or of a bundle, and the files that it imports.

    Raises:
        UnknownSchema: as `parse`.
    """
    return parse_with_imports(*opened(text))


def _name_of(line: str) -> str | None:
    """The import that a line begins; None = the text itself, "" = neither."""
    if line == _OWN:
        return None
    if not line.startswith(_IMPORT):
        return ""
    try:
        name = json.loads(line[len(_IMPORT) :])
    except ValueError:
        return ""
    return name if isinstance(name, str) else ""

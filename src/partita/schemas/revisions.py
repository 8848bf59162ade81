"""Revision files: the schemas of a project's messages as they were and are, one file for each revision.

A message has a folder of its full name, and in it `1.avsc`, `2.avsc`, ... (`.schema.json` for JSON Schema, `.proto` for
Protobuf). A file never changes: messages that were written with it may be in a log, an outbox, a dead letter. The project
commits the folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from partita.errors import SettingsError, UnknownSchema
from partita.schemas import avro
from partita.schemas.json_schema import derivation
from partita.schemas.protobuf import derivation as protobuf
from partita.schemas.protobuf.bundle import parse_bundle
from partita.schemas.protobuf.import_search import Find, in_folders, with_imports

ENDINGS = {"avro": ".avsc", "json": ".schema.json", "protobuf": ".proto"}
"""The ending of a schema file by its language, as `codec=` names it."""
FILE_BYTES_MAX = 1_000_000
FOLDER = "schemas"
"""The folder of a project's revision files."""


@dataclass(frozen=True, slots=True)
class Revision:
    """A schema of a message: `number` counts from 1 in the order in which they came. A .proto text comes with those that it
    imports, as a bundle."""

    message: str
    number: int
    language: str
    text: str

    @property
    def fingerprint(self) -> str:
        """The same for texts that differ in their docs alone."""
        if self.language == "protobuf":
            return protobuf.fingerprint(*parse_bundle(self.text))
        document = json.loads(self.text)
        return derivation.fingerprint(document) if self.language == "json" else avro.fingerprint(document)

    @property
    def file(self) -> str:
        """Its path in the folder."""
        return f"{self.message}/{self.number}{ENDINGS[self.language]}"


def by_message(revisions: Iterable[Revision]) -> Mapping[str, list[Revision]]:
    """The revisions of each message, oldest first."""
    found: dict[str, list[Revision]] = {}
    for revision in sorted(revisions, key=lambda each: (each.message, each.number)):
        found.setdefault(revision.message, []).append(revision)
    return found


def revision_of(path: str, data: bytes, find: Find) -> Revision | None:
    """A revision from a file by its path in the folder; None = it is another file. `find` finds a file that a .proto file imports
    by its path in the folder: it lies in the folder of the message, or in the folder of schemas itself.

    Raises:
        SettingsError: the file has the name of a schema, and is none.
    """
    where = PurePosixPath(path)
    for language, ending in ENDINGS.items():
        number = where.name.removesuffix(ending)
        if len(where.parts) == 2 and where.name.endswith(ending) and number.isascii() and number.isdigit():
            try:
                text = data[: FILE_BYTES_MAX + 1].decode()
                if language == "protobuf":
                    text = with_imports(text, _near(where.parts[0], find))
                    parse_bundle(text)
                else:
                    json.loads(text)
            except (ValueError, RecursionError, UnknownSchema) as error:
                raise SettingsError(
                    f"{path} is no schema: {error!s:.200}", hint="git checkout it; a revision file is never edited."
                ) from error
            return Revision(where.parts[0], int(number), language, text)
    return None


def _near(message: str, find: Find) -> Find:
    def found(name: str) -> str | None:
        beside = find(f"{message}/{name}")
        return find(name) if beside is None else beside

    return found


def read_folder(folder: Path) -> list[Revision]:
    """The revisions in a folder; it may be missing.

    Raises:
        SettingsError: see `revision_of`.
    """
    found = []
    for file in sorted(filter(Path.is_file, folder.glob("*/*"))) if folder.is_dir() else ():
        with file.open("rb") as opened:
            revision = revision_of(
                file.relative_to(folder).as_posix(), opened.read(FILE_BYTES_MAX + 1), in_folders((folder,))
            )
        if revision is not None:
            found.append(revision)
    return found


def missing(now: Iterable[Revision], kept: Iterable[Revision]) -> list[Revision]:
    """The revisions to be written, so that the newest file of each message says how it is written now. A message without a
    file gets all revisions that its class knows, any other one its next number."""
    files, found = by_message(kept), list[Revision]()
    for message, known in by_message(now).items():
        have = [each for each in files.get(message, ()) if each.language == known[-1].language]
        if not have:
            last = max((each.number for each in files.get(message, ())), default=0)
            found += [Revision(message, last + each.number, each.language, each.text) for each in known]
        elif have[-1].fingerprint != known[-1].fingerprint:
            found.append(Revision(message, have[-1].number + 1, known[-1].language, known[-1].text))
    return found


def write(folder: Path, revisions: Iterable[Revision]) -> list[Path]:
    """Write revision files; returns their paths. None of them exists before.

    Raises:
        OSError: a file is there already, or cannot be written.
    """
    written = []
    for revision in revisions:
        path = folder / revision.file
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as opened:
            opened.write(_as_file(revision))
        written.append(path)
    return written


def _as_file(revision: Revision) -> str:
    if revision.language == "protobuf":
        return revision.text
    return json.dumps(json.loads(revision.text), indent=2, ensure_ascii=False) + "\n"

"""`schemas/partita.lock`: the field numbers of the messages that a project owns. The project commits it with its revision files.

Each name has a line, so that git merges two branches that add fields to different messages, and shows a conflict where both
add one to the same message. A conflict that was solved in the wrong way is found here: two names with one number are refused.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from partita.errors import DeclarationError
from partita.schemas.fields.shape import Shape
from partita.schemas.protobuf.numbers import Given, check_table

NAME = "partita.lock"
FOLDER = "schemas"
FILE_BYTES_MAX = 10_000_000
VERSION = 1
HEAD = """\
# The numbers of fields and of enum values in Protobuf, by message, record and name. `partita schema export` writes this file.
# Commit it. A number is never given twice, so no line is ever removed: a name that is gone keeps its number.
"""
_ROOTS = ("pyproject.toml", "setup.py", ".git")
_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)

Lock = Mapping[str, Given]
"""The numbers of each message by its full name."""


def folder_of(shape: Shape) -> Path | None:
    """The folder of schemas that has the numbers of a message: the one that is declared, else the nearest folder `schemas` above
    the module that has a lock, or a folder of the message. It is looked for up to the root of the project.
    """
    if shape.home is None:
        return None
    if shape.home.is_dir():
        return shape.home
    # Code that is typed into a shell is in no folder.
    begin = shape.home.absolute().parent if shape.home.is_file() else Path.cwd()
    for place in (begin, *begin.parents):
        folder = place / FOLDER
        if (folder / NAME).is_file() or (folder / shape.full_name).is_dir():
            return folder
        if any((place / root).exists() for root in _ROOTS):
            break
    return None


def folder_above(module: Path) -> Path:
    """The folder of schemas of the project that a new module is in: the nearest one with a lock, else the one at the project's
    root, else the one beside the module. `folder_of` finds it from there."""
    begin = module.absolute().parent
    for place in (begin, *begin.parents):
        if (place / FOLDER / NAME).is_file() or any((place / root).exists() for root in _ROOTS):
            return place / FOLDER
    return begin / FOLDER


def read_lock(folder: Path) -> Lock:
    """The lock in a folder; an empty one where it has none.

    Raises:
        DeclarationError: it is no lock, or gives one number to two names.
    """
    path = folder / NAME
    try:
        state = path.stat()
    except FileNotFoundError:
        return {}
    return _read(path, state.st_mtime_ns, state.st_size)


def write_lock(folder: Path, lock: Lock) -> Path | None:
    """Write the lock in a folder; returns its path where its text changed.

    Raises:
        OSError: it cannot be written.
    """
    path, text = folder / NAME, lock_text(lock)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
    _read.cache_clear()  # times of files may differ by milliseconds at least
    return path


def lock_text(lock: Lock) -> str:
    """The text of a lock: names by their numbers, and a later name of a field behind all of them."""
    lines = [HEAD, f"version = {VERSION}\n"]
    for message, tables in sorted(lock.items()):
        for owner, table in sorted(tables.items()):
            lines.append(f"\n[{_key(message)}.{_key(owner)}]\n")
            lines += [f"{_key(name)} = {json.dumps(held)}\n" for name, held in sorted(table.items(), key=_by_number)]
    return "".join(lines)


def parse_lock(text: str, where: str) -> Lock:
    """The lock of a text.

    Raises:
        DeclarationError: see `read_lock`.
    """
    try:
        found = tomllib.loads(text)
        if found.pop("version", None) != VERSION:
            raise ValueError(f"it has no line `version = {VERSION}`")
        for message, owner, table in _tables(found):
            if not isinstance(table, dict):
                raise ValueError(f"{message}.{owner} is no table")
    except (ValueError, RecursionError) as error:
        raise DeclarationError(
            f"{where} is no lock of field numbers: {error!s:.200}.",
            hint="Solve its merge: keep the lines of both sides; where two have one number, the one that was merged first.",
        ) from error
    for message, owner, table in _tables(found):
        check_table(table, f"{message}: {owner}", where)
    return found


def _tables(found: Mapping[str, object]) -> Iterator[tuple[str, str, dict[str, object]]]:
    for message, tables in found.items():
        if not isinstance(tables, dict):
            raise ValueError(f"{message:.200} is no table")
        for owner, table in tables.items():
            yield message, owner, table


@lru_cache(maxsize=64)
def _read(path: Path, _changed_ns: int, size: int) -> Lock:
    """Read once for all messages of a project: each of them asks."""
    if size > FILE_BYTES_MAX:
        raise DeclarationError(f"{path} has {size:,} bytes; the limit is {FILE_BYTES_MAX:,}.")
    try:
        return parse_lock(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise DeclarationError(f"{path} cannot be read: {error!s:.200}.", hint=f"git checkout {path}") from error


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def _by_number(item: tuple[str, int | str]) -> tuple[int, str]:
    name, held = item
    return (held, name) if isinstance(held, int) else (1 << 31, name)

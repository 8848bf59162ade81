"""Writing a project again: around the parts that a person has filled, or not at all, with the reason and the text to write.

A part of a handler file begins with a line `# part: NAME CONTRACT TEXT`: the digests of its contract and of its text as they were
written. A text that still has its digest is the build's, and is written again; any other is a person's, and stays as it is while
its contract stays the same.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from partita.design.skeleton.file import FilledFile, MigrationFile, Part, WholeFile
from partita.design.skeleton.filling import Open, fill_file, open_places
from partita.design.skeleton.project import Project
from partita.exports.seal import is_sealed

_MARK = re.compile(r"# part: (?P<name>\w{1,99}) (?P<contract>[0-9a-f]{12}) (?P<text>[0-9a-f]{12})")
_NUMBERED = re.compile(r"(?P<number>\d{4})_(?P<name>\w+)\.sql")
_NOTE = (
    "# Each part begins with a line `# part: ...`. Fill the parts, and add code of your own: `partita design build` keeps\n"
    "# every part that you have changed, and says so when the design asks for a change in it.\n"
)


@dataclass(frozen=True, slots=True)
class Needed:
    """A change that only a person can make, before anything is written."""

    path: str
    what: str
    why: str
    write: str = ""


@dataclass(frozen=True, slots=True)
class Rewriting:
    """The files to write and to remove, and those that stay because a person changed them. With something `needed` nothing is
    written."""

    writes: Mapping[str, str]
    removes: tuple[str, ...]
    kept: tuple[str, ...]
    needed: tuple[Needed, ...]
    open: tuple[Open, ...]


@dataclass(frozen=True, slots=True)
class _Held:
    """A part as it is in a file: its digests when it was written, and its text now."""

    contract: str
    written: str
    text: str

    @property
    def is_changed(self) -> bool:
        return _digest(self.text) != self.written


def rewriting(project: Project, there: Mapping[str, str]) -> Rewriting:
    """The way from the files that are there, by their paths in the project, to those of the design."""
    files = project.files
    writes: dict[str, str] = {}
    kept: list[str] = []
    needed: list[Needed] = []
    for file in files:
        if isinstance(file, WholeFile):
            held = there.get(file.path)
            if held is None or is_sealed(held):
                writes[file.path] = file.sealed()
            elif file.rule == "begun":
                kept.append(file.path)
            else:
                needed.append(_edited(file))
        elif isinstance(file, FilledFile):
            _fill(file, there.get(file.path), writes, kept, needed)
    _migrate([file for file in files if isinstance(file, MigrationFile)], there, writes, needed)
    removes = _gone(writes, kept, there, needed, {file.path for file in files if not isinstance(file, MigrationFile)})
    now = {path: text for path, text in {**there, **writes}.items() if path not in removes}
    places = open_places({path: text for path, text in now.items() if path.startswith(f"{project.package}/")})
    page = fill_file(places, project.notes)
    if page.path in there and not is_sealed(there[page.path]):
        needed.append(_edited(page))
    writes[page.path] = page.sealed()
    changed = {path: text for path, text in writes.items() if there.get(path) != text}
    return Rewriting(
        changed, tuple(each for each in removes if each != page.path), tuple(kept), tuple(needed), tuple(places)
    )


def _edited(file: WholeFile) -> Needed:
    return Needed(
        file.path,
        "it was edited, and all of it follows from the design",
        "the next build would take the edit away",
        "Put the change into the brief, or move your code to another file; then delete this one.",
    )


def _fill(file: FilledFile, held: str | None, writes: dict[str, str], kept: list[str], needed: list[Needed]) -> None:
    """A file of parts: the build's parts as the design has them, a person's as they are."""
    if held is None:
        writes[file.path] = _written(_head(file), [(part.name, _mark(part), part.text) for part in file.parts])
        return
    head, parts = _parts_of(held)
    if parts is None:
        needed.append(
            Needed(
                file.path,
                "a line `# part: ...` is there twice, or is no such line any more",
                "the build cannot separate your parts from its own",
                "Restore the line from the history of the file.",
            )
        )
        return
    names = {part.name for part in file.parts}
    for name, old in parts.items():
        if name not in names and old.is_changed:
            needed.append(
                Needed(
                    file.path,
                    f"the part {name} is yours, and the design has no such part any more",
                    "its message or its reaction is gone from the brief",
                    f"Delete the part, or delete its line `# part: {name} ...` and its decorator to keep the code.",
                )
            )
    rows = []
    for part in file.parts:
        now = parts.get(part.name)
        if now is None or not now.is_changed:
            rows.append((part.name, _mark(part), part.text))
        elif now.contract == _digest(part.contract):
            rows.append((part.name, f"# part: {part.name} {now.contract} {now.written}", now.text))
        else:
            needed.append(_outdated(file, part))
    head = _merged_head(file, head, needed)
    text = _written(head, rows)
    kept += [file.path] if any(old.is_changed for old in parts.values()) else []
    writes[file.path] = text


def _outdated(file: FilledFile, part: Part) -> Needed:
    return Needed(
        file.path,
        f"the part {part.name} is yours, and was written for other messages",
        f"it is now {part.contract}",
        f"Bring your code to this text, and put the first line above it:\n{_mark(part)}\n{part.text}",
    )


def _merged_head(file: FilledFile, held: str, needed: list[Needed]) -> str:
    """The head of a file: the build's where it is unchanged. A person's stays while it imports the names that the parts need."""
    wanted = _head(file)
    found = re.search(r"^# head: ([0-9a-f]{12})$", held, re.MULTILINE)
    if found is not None and _digest(held.replace(found[0], "# head:", 1)) == found[1]:
        return wanted
    missing = sorted(set(_imports(wanted)) - set(_imports(held)))
    if missing:
        lines = "\n".join(f"from {module} import {name}" if name else f"import {module}" for module, name in missing)
        needed.append(
            Needed(file.path, "its imports are yours, and lack some", "its parts use these names", f"Add:\n{lines}")
        )
    return held


def _imports(text: str) -> Iterable[tuple[str, str]]:
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return
    for node in body:
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", each.name) for each in node.names)
        elif isinstance(node, ast.Import):
            yield from ((each.name, "") for each in node.names)


def _head(file: FilledFile) -> str:
    doc, _, rest = file.head.partition("\n\n")
    plain = f"{doc}\n\n{_NOTE}# head:\n\n{rest.rstrip()}"
    return plain.replace("# head:", f"# head: {_digest(plain)}", 1)


def _mark(part: Part) -> str:
    return f"# part: {part.name} {_digest(part.contract)} {_digest(part.text)}"


def _written(head: str, rows: Sequence[tuple[str, str, str]]) -> str:
    return "\n\n\n".join([head.rstrip(), *(f"{mark}\n{text.strip()}" for _, mark, text in rows)]) + "\n"


def _parts_of(text: str) -> tuple[str, dict[str, _Held] | None]:
    """The head of a file, and its parts by name. None in their place: the marks cannot be read."""
    lines = text.split("\n")
    starts = [number for number, line in enumerate(lines) if line.startswith("# part: ")]
    head = "\n".join(lines[: starts[0]] if starts else lines).rstrip()
    parts: dict[str, _Held] = {}
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        mark = _MARK.fullmatch(lines[start].rstrip())
        if mark is None or mark["name"] in parts:
            return head, None
        parts[mark["name"]] = _Held(mark["contract"], mark["text"], "\n".join(lines[start + 1 : end]).strip())
    return head, parts


def _migrate(
    files: Sequence[MigrationFile], there: Mapping[str, str], writes: dict[str, str], needed: list[Needed]
) -> None:
    """Each table has one migration that makes it. Databases have applied it, so that file is never written again."""
    for folder in dict.fromkeys(file.folder for file in files):
        numbered = {}
        for path in there:
            found = _NUMBERED.fullmatch(path.removeprefix(f"{folder}/")) if path.startswith(f"{folder}/") else None
            if found is not None:
                numbered[found["name"]] = (int(found["number"]), path)
        free = max((number for number, _ in numbered.values()), default=0) + 1
        for file in (each for each in files if each.folder == folder):
            if file.name not in numbered:
                path = f"{folder}/{free:04}_{file.name}.sql"
                writes[path] = file.text
                free += 1
            elif there[numbered[file.name][1]].strip() != file.text.strip():
                _, path = numbered[file.name]
                needed += [] if _is_continued(folder, file, there, path) else [_migrated(path, file, free)]


def _is_continued(folder: str, file: MigrationFile, there: Mapping[str, str], first: str) -> bool:
    """Whether a person's later migration changes the table: then its form is the person's matter."""
    later = (text for path, text in there.items() if path.startswith(f"{folder}/") and path > first)
    return any(re.search(rf"\b{re.escape(file.name)}\b", text) for text in later)


def _migrated(path: str, file: MigrationFile, free: int) -> Needed:
    folder = path.rpartition("/")[0]
    return Needed(
        path,
        f"it makes {file.name} otherwise than the design now asks for",
        "a migration that a database has applied is never changed",
        f"Write {folder}/{free:04}_change_{file.name}.sql, which leads from its text to:\n{file.text.strip()}",
    )


def _gone(
    writes: Mapping[str, str], kept: Sequence[str], there: Mapping[str, str], needed: list[Needed], ours: set[str]
) -> tuple[str, ...]:
    """The files of an earlier build that this one does not have. One that a person filled has to be moved first."""
    removes = []
    for path, text in sorted(there.items()):
        if path in writes or path in kept or path in ours or not path.endswith((".py", ".md")):
            continue
        if is_sealed(text):
            removes.append(path)
            continue
        _, parts = _parts_of(text)
        if not parts:
            continue
        if any(part.is_changed for part in parts.values()):
            needed.append(
                Needed(
                    path,
                    "it has parts of yours, and the design has no such service any more",
                    "nothing would call them",
                    "Move your code to where it is wanted, and delete the file.",
                )
            )
        else:
            removes.append(path)
    return tuple(removes)


def _digest(text: str) -> str:
    return hashlib.sha256(text.strip().encode("utf-8", "surrogatepass")).hexdigest()[:12]

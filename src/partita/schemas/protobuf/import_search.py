"""The .proto texts that a file imports: found in folders near it, or where a caller has them. Nothing is fetched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

from partita.schemas.protobuf.bundle import bundled
from partita.schemas.protobuf.parsing import IMPORTS_MAX, TOTAL_MAX, imports_of
from partita.schemas.protobuf.well_known import WELL_KNOWN

Find = Callable[[str], str | None]
"""The text of the file of a name; None = there is none."""
FILE_BYTES_MAX = 1_000_000
LEVELS_MAX = 30
_ROOTS = ("pyproject.toml", "setup.py", ".git", "buf.yaml", "buf.work.yaml")


def with_imports(text: str, find: Find) -> str:
    """A text with all that it imports, also through others, as one text. A file that is found nowhere is left out, and the
    reader of the text names it.

    Raises:
        UnknownSchema: one of the texts is none.
    """
    found: dict[str, str] = {}
    size, waiting = len(text), list(imports_of(text))
    while waiting and len(found) < IMPORTS_MAX and size < TOTAL_MAX:
        name = waiting.pop()
        held = find(name) if name not in found and name not in WELL_KNOWN and _is_inside(name) else None
        if held is not None:
            found[name] = held
            size += len(held)
            waiting += imports_of(held)
    return bundled(text, dict(sorted(found.items())))


def in_folders(folders: Iterable[Path]) -> Find:
    """The search in folders; the first one that has the file decides. A link that leads out of its folder is not followed."""
    places = list(folders)

    def find(name: str) -> str | None:
        for folder in places:
            path = folder / name
            if path.is_file() and path.resolve().is_relative_to(folder.resolve()):
                with path.open("rb") as opened:
                    return opened.read(FILE_BYTES_MAX + 1).decode("utf-8-sig", errors="replace")
        return None

    return find


def folders_above(file: Path) -> Iterator[Path]:
    """The folder of a file and those above it up to the root of its project: the name of an import begins in one of them."""
    for place in [*file.absolute().parents][:LEVELS_MAX]:
        yield place
        if any((place / root).exists() for root in _ROOTS):
            return


def _is_inside(name: str) -> bool:
    """Whether a name stays within the folder in which it is looked for."""
    parts = PurePosixPath(name).parts
    return bool(parts) and name[0] != "/" and not {"..", "~"} & set(parts) and not set("\\:\0") & set(name)

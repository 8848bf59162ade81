"""`partita design build --code DIR`: a design as a project in a folder, written whole or not at all."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from partita.cli.output import say, talk
from partita.design.model.design import Design
from partita.design.skeleton.project import Project, project_of
from partita.design.skeleton.regenerating import Rewriting, rewriting
from partita.errors import SettingsError

FAILED = 3
FILE_BYTES_MAX = 5_000_000
SHOWN = 20
_SKIPPED = frozenset({"__pycache__", ".git", ".venv", ".mypy_cache", ".ruff_cache"})


def build_code(design: Design, folder: Path, *, demo: bool) -> int:
    """Write the project of a design into a folder, around the parts that a person has filled; with `demo` play its outcomes.

    Raises:
        SettingsError: the design cannot run, or the folder has something else in it; nothing was written.
    """
    project = project_of(design)
    there = dict(_texts(folder, project))
    for path in there:
        _check_path(folder, path)
    found = rewriting(project, there)
    if found.needed:
        _print_needed(folder, found)
        return FAILED
    write(folder, found.writes, found.removes)
    _print_written(folder, project, found)
    return _play(folder, project) if demo else 0


def write(folder: Path, texts: Mapping[str, str], removes: tuple[str, ...] = ()) -> None:
    """Write all texts beside the folder's files first, then move each into its place: a full disk changes nothing.

    Raises:
        SettingsError: a path leads out of the folder, by itself or by a link.
    """
    for path in (*texts, *removes):
        _check_path(folder, path)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".partita-build-") as beside:
        for path, text in texts.items():
            file = Path(beside) / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
        for path in texts:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(beside) / path).replace(folder / path)
    for path in removes:
        (folder / path).unlink()


def _check_path(folder: Path, path: str) -> None:
    parts = PurePosixPath(path).parts
    is_plain = bool(parts) and ".." not in parts and not path.startswith("/")
    places = [folder.joinpath(*parts[: count + 1]) for count in range(len(parts))]
    if not is_plain or any(place.is_symlink() for place in places):
        raise SettingsError(f"{path} leads out of {folder}.", hint="Nothing was written. Remove the link.")


def _texts(folder: Path, project: Project) -> Iterator[tuple[str, str]]:
    """The texts of the files that a build could have written.

    Raises:
        SettingsError: the folder has files, and is no project of a build, or is that of another domain.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise SettingsError(f"{folder} is no folder.", hint="Name a new folder.")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    page = folder / "FILL.md"
    if not page.is_file() or not (folder / project.package).is_dir():
        raise SettingsError(
            f"{folder} is not empty, and has no build of {project.package}.",
            hint="Nothing was written. Name a new folder, or that of the earlier build; FILL.md is its sign.",
        )
    for top in sorted(folder.iterdir()):
        if top.is_file() and top.stat().st_size <= FILE_BYTES_MAX:
            yield from _text(folder, top)
    for part in (project.package, "tests"):
        for file in sorted((folder / part).rglob("*")):
            if file.is_file() and not _SKIPPED & set(file.parts) and file.stat().st_size <= FILE_BYTES_MAX:
                yield from _text(folder, file)


def _text(folder: Path, file: Path) -> Iterator[tuple[str, str]]:
    try:
        yield file.relative_to(folder).as_posix(), file.read_bytes().decode()
    except UnicodeDecodeError:
        return


def _print_needed(folder: Path, found: Rewriting) -> None:
    for each in found.needed:
        say(
            f"{folder / each.path}: {each.what}",
            f"  because: {each.why}",
            *(f"  {row}" for row in each.write.split("\n")),
            "",
        )
    talk(f"Nothing was written: {len(found.needed)} changes are yours to make first.")


def _print_written(folder: Path, project: Project, found: Rewriting) -> None:
    removed = f", removed {len(found.removes)}" if found.removes else ""
    say(f"{folder}: wrote {len(found.writes)} files{removed}.")
    for path in found.kept:
        say(f"  kept your changes in {path}")
    for place in found.open[:SHOWN]:
        say(f"  {place.path}:{place.line}: {place.what}")
    rest = len(found.open) - SHOWN
    if rest > 0:
        say(f"  and {rest} places more")
    say(f"{len(found.open)} places to fill, {len(project.notes)} points to decide: FILL.md has them all.", "")
    demo = [f"  python -m {project.package}.demo   # every outcome once"] if project.is_played else []
    say(f"  cd {folder}", f"  python -m {'tests' if project.is_played else 'unittest'}", *demo, "  partita run")


def _play(folder: Path, project: Project) -> int:
    """The demo, in a process of its own: the project is imported from its folder."""
    if not project.is_played:
        talk("The design has no saga that a command begins, so there is no demo.")
        return 0
    say("")
    sys.stdout.flush()
    return subprocess.run([sys.executable, "-m", f"{project.package}.demo"], cwd=folder, check=False).returncode

"""`partita design build -o DIR`: the document of a design in a folder, over no file but those of an earlier build."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
import msgspec

from partita.cli.output import say
from partita.design.document.building import document_of
from partita.design.document.run import BYTES_MAX, Run, read_run
from partita.design.document.shown import Shown
from partita.design.model.design import Design
from partita.design.model.text import to_json
from partita.design.rendering.html import html
from partita.design.rendering.markdown import markdown
from partita.design.rendering.pdf import is_sealed_pdf, pdf
from partita.design.rendering.pictures import FOLDER, sealed_pictures
from partita.errors import SettingsError
from partita.exports.file_name import file_names
from partita.exports.seal import UNSEALED, is_sealed, sealed
from partita.exports.writing import FILE_BYTES_MAX, write_folder

FORMS = ("md", "html", "pdf", "json")
"""`json` is `design.json` alone, which each build writes."""
KEPT = "design.json"
RAN = "ran.json"
"""The record of the run that the document has; with it the document is built again."""


def forms_of(_: click.Context, option: click.Parameter, text: str) -> tuple[str, ...]:
    """The forms that `--to md,html,pdf` names."""
    forms = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    for form in forms:
        if form not in FORMS:
            raise click.BadParameter(f"{form!r} is none of {', '.join(FORMS)}.", param=option)
    return forms


def build_document(design: Design, folder: Path, forms: tuple[str, ...], shown: Shown) -> None:
    """Write the document of a design into a folder, in each form.

    Raises:
        SettingsError: a file is there that no build wrote, or one was changed since; then none was written. Or a PDF is asked
            for, and WeasyPrint is not installed.
    """
    name = _name(design)
    texts = document_texts(design, forms, shown)
    printed = pdf(document_of(design, shown)) if "pdf" in forms else b""
    if printed:
        _check_ours(folder / f"{name}.pdf")
    folder.mkdir(parents=True, exist_ok=True)
    written, removed = write_folder(folder, texts, [FOLDER] if "md" in forms else [])
    if printed:
        _write(folder / f"{name}.pdf", printed)
        written.append(folder / f"{name}.pdf")
    _forget_run(folder, shown)
    say(*(f"wrote {path}" for path in written if path.parent == folder))
    pictures = sum(path.parent != folder for path in written)
    say(*([f"wrote {pictures} pictures in {folder / FOLDER}"] if pictures else []), *(f"removed {p}" for p in removed))
    if shown.run is not None:
        say(shown.ran, *(f"FAILED {each.node}: {each.plays}" for each in shown.failed))


def run_in(file: Path) -> Run:
    """The run that a file records.

    Raises:
        SettingsError: there is no such file.
        Malformed: it is no record of a run.
    """
    if not file.is_file():
        raise SettingsError(
            f"There is no file {file}.", hint="python -m tests, in the folder of the project, writes it."
        )
    with file.open("rb") as opened:
        return read_run(opened.read(BYTES_MAX + 1), str(file))


def _forget_run(folder: Path, shown: Shown) -> None:
    """A document without a run keeps no record of one."""
    file = folder / RAN
    if shown.run is None and file.is_file() and is_sealed(file.read_text(encoding="utf-8", errors="replace")):
        file.unlink()


def document_texts(design: Design, forms: tuple[str, ...], shown: Shown) -> dict[str, str]:
    """The texts of the document by their paths in its folder, and `design.json`, with which a later design is compared."""
    document, name = document_of(design, shown), _name(design)
    texts = {KEPT: _kept(to_json(design))}
    if shown.run is not None:
        data = {name: value for name, value in msgspec.to_builtins(shown.run).items() if name != "seal"}
        texts[RAN] = _kept(msgspec.json.format(msgspec.json.encode(data), indent=2).decode() + "\n")
    if "md" in forms:
        texts |= {f"{name}.md": markdown(document), **sealed_pictures(document)}
    if "html" in forms:
        texts[f"{name}.html"] = html(document)
    return texts


def stale_documents(design: Design, folder: Path, shown: Shown) -> list[Path]:
    """The files of a folder that a build would write otherwise: those of the forms that are there."""
    forms = tuple(form for form in ("md", "html") if (folder / f"{_name(design)}.{form}").is_file())
    record = run_in(folder / RAN) if (folder / RAN).is_file() else None
    if record is not None and record.project == shown.project:
        shown = shown.after(record, RAN)
    texts = {folder / path: text for path, text in document_texts(design, forms, shown).items()}
    return [path for path, text in texts.items() if not path.is_file() or path.read_bytes() != text.encode()]


def _kept(text: str) -> str:
    """A text of JSON with its seal before each text of the user's."""
    first, rest = text.split("\n", 1)
    return sealed(f'{first}\n  "seal": "{UNSEALED}",\n{rest}')


def _name(design: Design) -> str:
    return file_names([design.domain])[design.domain]


def _check_ours(path: Path) -> None:
    there = path.exists() or path.is_symlink()
    is_file = path.is_file() and not path.is_symlink() and path.stat().st_size <= FILE_BYTES_MAX
    if there and not (is_file and is_sealed_pdf(path.read_bytes())):
        raise SettingsError(
            f"{path} is there, and is no unchanged file of a build.", hint="Name another folder, or move the file away."
        )


def _write(path: Path, data: bytes) -> None:
    """Write beside the file, then move it there: a reader sees the old file or the new one."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".partita-build-") as beside:
        file = Path(beside) / "file"
        file.write_bytes(data)
        file.replace(path)

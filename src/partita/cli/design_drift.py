"""`partita design drift` and `partita design diff`: a design beside the one that was committed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import click

from partita.cli.design_document import KEPT, stale_documents
from partita.cli.design_source import beside_option, design_from, shown_from
from partita.cli.output import output_option, print_json, say, talk
from partita.design.drift.change import Change
from partita.design.drift.comparing import changes
from partita.design.drift.telling import as_comment, as_text
from partita.design.model.design import Design
from partita.design.model.text import from_json
from partita.errors import Malformed, NotFound
from partita.observability.commit import Commit

FAILED = 3
FOLDER = Path("docs/design")
folder_option = click.option(
    "--documents",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The folder with the committed documents of the design.",
)


@dataclasses.dataclass(frozen=True, slots=True)
class Drift:
    """The changes from the committed documents to the design of today, the files that a build would write otherwise, and the
    command that builds them again."""

    changes: tuple[Change, ...]
    stale: tuple[Path, ...]
    again: str

    @property
    def is_any(self) -> bool:
        """Whether the documents are those of another design."""
        return bool(self.changes or self.stale)

    def as_data(self) -> dict[str, object]:
        """The drift as JSON has it."""
        changes = [{**dataclasses.asdict(each), "title": each.title} for each in self.changes]
        return {"changes": changes, "stale": [path.as_posix() for path in self.stale], "again": self.again}

    def tell(self) -> None:
        """Print the changes by section, then the command that writes the documents again."""
        say(*(as_text(self.changes) if self.changes else ["The design is as it was."]))
        for path in self.stale:
            talk(f"{path} is not as the design of today is built.")
        if self.is_any:
            talk(f"{len(self.changes)} changes. Mend the source, or build the documents again: {self.again}")


def drifted(design: Design, source: str, beside: Path | None, folder: Path) -> Drift:
    """The drift of the documents in a folder.

    Raises:
        NotFound: no design was built there. Malformed: it is one of another version of Partita.
    """
    file, again = folder / KEPT, _build(source, beside, folder)
    if not file.is_file():
        raise NotFound(f"{file} is not there.", hint=again)
    found = changes(_committed(file.read_text(encoding="utf-8"), str(file), again), design)
    return Drift(found, () if found else tuple(stale_documents(design, folder, shown_from(design, source))), again)


def _build(source: str, beside: Path | None, folder: Path) -> str:
    """The command that builds the documents of a folder again, in the forms that are there."""
    there = [form for form in ("md", "html", "pdf") if any(folder.glob(f"*.{form}"))]
    forms = ",".join(there) or ("json" if (folder / KEPT).is_file() else "md,html")
    facts = "" if beside is None else f" --beside {beside.as_posix()}"
    return f"partita design build {source}{facts} -o {folder.as_posix()} --to {forms}"


def _committed(text: str, source: str, again: str) -> Design:
    try:
        return from_json(text, source)
    except Malformed as error:
        raise Malformed(error.what, hint=again) from error


@click.command(epilog="Example:  partita design drift orders.app:app --beside docs/orders.yaml")
@click.argument("source", metavar="APP|BRIEF")
@beside_option
@folder_option
@output_option
def drift(source: str, beside: Path | None, folder: Path | None, output: str) -> int:
    """The changes since the documents in DIR (docs/design) were built, by section, with the services that they hurt; exit 3 where
    there is one."""
    found = drifted(design_from(source, beside), source, beside, folder or FOLDER)
    if output == "json":
        _print(found.changes, output)
    else:
        found.tell()
    return FAILED if found.is_any else 0


@click.command(epilog="Example:  partita design diff HEAD~1 orders.app:app --comment")
@click.argument("ref", metavar="REF")
@click.argument("source", metavar="APP|BRIEF")
@beside_option
@folder_option
@click.option("--comment", is_flag=True, help="As a comment in Markdown for a pull request.")
@output_option
def diff(ref: str, source: str, beside: Path | None, folder: Path | None, comment: bool, output: str) -> None:
    """The changes from the documents in the commit REF to the design of today, with the services that they hurt. DIR is
    docs/design where --documents says nothing else."""
    folder, again = folder or FOLDER, _build(source, beside, folder or FOLDER)
    path = f"{folder.as_posix()}/{KEPT}"
    data = Commit(ref).data(path)
    if data is None:
        raise NotFound(f"{ref} has no {path}.", hint=f"{again}; commit it.")
    found = changes(_committed(data.decode(errors="replace"), f"{path} in {ref}", again), design_from(source, beside))
    if comment:
        say(*as_comment(found))
    else:
        _print(found, output)


def _print(found: Sequence[Change], output: str) -> None:
    if output == "json":
        print_json(
            "DesignChanges",
            {"clean": not found, "changes": [{**dataclasses.asdict(each), "title": each.title} for each in found]},
        )
        return
    say(*(as_text(found) if found else ["The design is as it was."]))

"""`partita design drift` and `partita design diff`: a design beside the one that was committed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import click

from partita.cli.design_document import KEPT, stale_documents
from partita.cli.design_source import beside_option, design_from
from partita.cli.output import output_option, print_json, say, talk
from partita.design.drift.change import Change
from partita.design.drift.comparing import changes
from partita.design.drift.telling import as_comment, as_text
from partita.design.model.text import from_json
from partita.errors import NotFound
from partita.observability.commit import Commit

FAILED = 3
FOLDER = Path("docs/design")
BUILD = "partita design build {source} -o {folder}"
folder_option = click.option(
    "--documents",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=FOLDER,
    show_default=True,
    help="The folder with the committed documents of the design.",
)


@click.command(epilog="Example:  partita design drift orders.app:app --beside docs/orders.yaml")
@click.argument("source", metavar="APP|BRIEF")
@beside_option
@folder_option
@output_option
def drift(source: str, beside: Path | None, folder: Path, output: str) -> int:
    """The changes since the documents were built, by section, with the services that they hurt; exit 3 where there is one."""
    design = design_from(source, beside)
    file = folder / KEPT
    if not file.is_file():
        raise NotFound(f"{file} is not there.", hint=BUILD.format(source=source, folder=folder))
    found = changes(from_json(file.read_text(encoding="utf-8"), str(file)), design)
    _print(found, output)
    stale = [] if found else stale_documents(design, folder)
    for path in stale:
        talk(f"{path} is not as the design of today is built.")
    if found or stale:
        again = BUILD.format(source=source, folder=folder)
        talk(f"{len(found)} changes. Mend the code, or build the documents again: {again}")
    return FAILED if found or stale else 0


@click.command(epilog="Example:  partita design diff HEAD~1 orders.app:app --comment")
@click.argument("ref", metavar="REF")
@click.argument("source", metavar="APP|BRIEF")
@beside_option
@folder_option
@click.option("--comment", is_flag=True, help="As a comment in Markdown for a pull request.")
@output_option
def diff(ref: str, source: str, beside: Path | None, folder: Path, comment: bool, output: str) -> None:
    """The changes from the documents in the commit REF to the design of today, with the services that they hurt."""
    path = f"{folder.as_posix()}/{KEPT}"
    data = Commit(ref).data(path)
    if data is None:
        raise NotFound(f"{ref} has no {path}.", hint=f"{BUILD.format(source=source, folder=folder)}; commit it.")
    found = changes(from_json(data.decode(errors="replace"), f"{path} in {ref}"), design_from(source, beside))
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

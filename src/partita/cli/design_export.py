"""`partita design export`: a design in the formats of other tools."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from partita.cli.design_contracts import CONTRACTS, export_app, export_brief
from partita.cli.design_source import beside_option, design_from, is_app, shown_from
from partita.cli.output import say
from partita.design.checking.rules import check
from partita.design.document.building import document_of
from partita.design.document.shown import Shown
from partita.design.exports.arc42 import arc42
from partita.design.exports.decisions import FOLDER, decision_records
from partita.design.exports.mermaid import context, saga
from partita.design.exports.structurizr import structurizr
from partita.design.model.design import Design
from partita.design.rendering.markdown import markdown
from partita.design.rendering.pictures import FOLDER as PICTURES
from partita.design.rendering.pictures import sealed_pictures
from partita.errors import SettingsError
from partita.exports.file_name import file_names
from partita.exports.seal import UNSEALED, sealed
from partita.exports.writing import write_folder


def _structurizr(design: Design, _: Shown) -> dict[str, str]:
    return {"workspace.dsl": sealed(f"// {UNSEALED}\n{structurizr(design)}")}


def _mermaid(design: Design, _: Shown) -> dict[str, str]:
    names = file_names(each.name for each in design.sagas)
    drawn = {f"saga-{names[each.name]}.mmd": saga(each) for each in design.sagas}
    texts = {"context.mmd": context(design), **drawn}
    return {path: sealed(f"%% {UNSEALED}\n{text}") for path, text in texts.items()}


def _arc42(design: Design, shown: Shown) -> dict[str, str]:
    document = arc42(document_of(design, shown))
    return {"arc42.md": markdown(document), **sealed_pictures(document)}


def _adr(design: Design, _: Shown) -> dict[str, str]:
    return decision_records(design)


FORMATS: dict[str, tuple[Callable[[Design, Shown], dict[str, str]], tuple[str, ...]]] = {
    "structurizr": (_structurizr, ()),
    "mermaid": (_mermaid, ()),
    "arc42": (_arc42, (PICTURES,)),
    "adr": (_adr, (FOLDER,)),
}
"""Each format with the folders in which an export removes its own earlier files."""


@click.command(epilog="Example:  partita design export structurizr orders.yaml docs/c4")
@click.argument("form", metavar="FORMAT", type=click.Choice([*FORMATS, *CONTRACTS]))
@click.argument("source", metavar="BRIEF|APP")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@beside_option
def export(form: str, source: str, folder: Path, beside: Path | None) -> None:
    """Write a design in FORMAT into DIR: structurizr (a workspace in its language), mermaid (the map and each saga), arc42 (the
    document under its twelve headings), adr (a record for each decision), or the contracts of its messages: asyncapi, backstage,
    eventcatalog. Those of a brief are the text that its project exports.

    A file is written over only if an earlier export wrote it and it was not changed since."""
    if form in CONTRACTS:
        if is_app(source):
            export_app(form, source, folder)
        else:
            export_brief(form, _sound(source), folder)
        say(f"wrote {form} in {folder}")
        return
    make, within = FORMATS[form]
    design = design_from(source, beside)
    texts = make(design, shown_from(design, source))
    folder.mkdir(parents=True, exist_ok=True)
    written, removed = write_folder(folder, texts, within)
    say(f"wrote {len(written)} files in {folder}", *(f"removed {path}" for path in removed))


def _sound(source: str) -> Design:
    """The design of a brief without a contradiction.

    Raises:
        SettingsError: it has one; a contract of a system that cannot be is believed.
    """
    design = design_from(source, None)
    found = check(design).to_mend
    if found:
        raise SettingsError(f"{source} has {len(found)} contradictions.", hint=f"partita design check {source}")
    return design

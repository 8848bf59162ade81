"""The source of a design on the command line: a brief, or an app with a file of facts beside it."""

from __future__ import annotations

from pathlib import Path

import click

from partita.app import load_app
from partita.design.brief.nodes import BYTES_MAX
from partita.design.brief.reading import read_brief
from partita.design.derived.beside import NOTHING, read_beside
from partita.design.derived.of_app import design_of
from partita.design.document.shown import Shown
from partita.design.model.design import Design
from partita.design.skeleton.project import shown_of
from partita.errors import SettingsError

beside_option = click.option(
    "--beside",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The facts that the code of an app does not know: purpose, load, storage, rules.",
)


def design_from(source: str, beside: Path | None) -> Design:
    """The design of a brief's file, or of an app (`module:app`).

    Raises:
        BriefRefused: the brief, or the file beside the app, does not follow its form.
        SettingsError: there is neither such a file nor such an app, or a brief has a file beside it.
    """
    if not is_app(source):
        if beside is not None:
            raise SettingsError(f"{source} is a brief, and a brief has no file beside it.", hint="Leave --beside out.")
        return read_design(Path(source))
    if ":" not in source or source.endswith((".yaml", ".yml")):
        raise SettingsError(
            f"{source} is no file here, and no app.",
            hint="A brief such as orders.yaml, or an app such as orders.app:app.",
        )
    facts = NOTHING if beside is None else read_beside(beside.read_text(encoding="utf-8"), str(beside))
    return design_of(load_app(source), source, facts)


def shown_from(design: Design, source: str) -> Shown:
    """The tests that show the design of a source: those of its project. An app has tests of its own, which no design knows."""
    return (
        Shown(missing=f"{source} has tests of its own, which no design knows") if is_app(source) else shown_of(design)
    )


def is_app(source: str) -> bool:
    """Whether a source is an app's name, and no file.

    Raises:
        SettingsError: it is neither.
    """
    if source == "-" or Path(source).is_file():
        return False
    if ":" not in source or source.endswith((".yaml", ".yml")):
        raise SettingsError(
            f"{source} is no file here, and no app.",
            hint="A brief such as orders.yaml, or an app such as orders.app:app.",
        )
    return True


def read_design(brief: Path) -> Design:
    """The design of a brief's file; `-` is the standard input.

    Raises:
        BriefRefused: it does not follow the form. SettingsError: it is no text in UTF-8.
    """
    with click.open_file(str(brief), "rb") as file:
        data: bytes = file.read(BYTES_MAX + 1)
    try:
        return read_brief(data.decode("utf-8-sig"), "the brief" if str(brief) == "-" else str(brief))
    except UnicodeDecodeError as error:
        raise SettingsError(f"{brief} is no text in UTF-8.", hint="Save it in UTF-8.") from error

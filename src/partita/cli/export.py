"""`partita export`: the declarations of an app in the formats of other catalogs; needs no database."""

from __future__ import annotations

from pathlib import Path

import click

from partita.app import load_app
from partita.cli.output import document, say
from partita.cli.whose_app import app_option
from partita.exports.formats import FILES, Naming
from partita.exports.writing import write_file


@click.command(epilog="Example:  partita export asyncapi asyncapi.json")
@click.argument("form", metavar="FORMAT", type=click.Choice([*FILES]))
@click.argument("target", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
@click.option("--title", default="", help="The title of the document. Default: the common part of the namespaces.")
@click.option("--version", default="1.0.0", show_default=True, help="The version of the document.")
@app_option
def export(form: str, target: Path | None, title: str, version: str, app_name: str) -> None:
    """Write the declarations in FORMAT: asyncapi (AsyncAPI 3.1) or catalog (all about each message, as JSON).

    Without FILE the text is printed. A file is written over only if an earlier export wrote it and it was not changed since."""
    text = FILES[form](load_app(app_name), Naming(title, version))
    if target is None:
        document(text)
        return
    write_file(target, text)
    say(f"wrote {target}")

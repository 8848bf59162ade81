"""`partita export`: the declarations of an app in the formats of other catalogs; needs no database."""

from __future__ import annotations

from pathlib import Path

import click

from partita.app import load_app
from partita.cli.output import document, say
from partita.cli.whose_app import app_option
from partita.exports.formats import FILES, FOLDERS
from partita.exports.naming import Naming
from partita.exports.writing import write_file, write_folder


@click.command(epilog="Example:  partita export asyncapi asyncapi.json")
@click.argument("form", metavar="FORMAT", type=click.Choice([*FILES, *FOLDERS]))
@click.argument("target", metavar="[FILE|DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--title", default="", help="The title of the document. Default: the common part of the namespaces.")
@click.option("--version", default="1.0.0", show_default=True, help="The version of the document.")
@click.option("--lifecycle", default="production", show_default=True, help="The lifecycle of services in Backstage.")
@app_option
def export(form: str, target: Path | None, title: str, version: str, lifecycle: str, app_name: str) -> None:
    """Write the declarations in FORMAT: asyncapi (AsyncAPI 3.1), backstage (catalog-info.yaml), catalog (all about each message
    as JSON), or eventcatalog (the folders of EventCatalog, into DIR).

    Without FILE the text is printed. A file is written over only if an earlier export wrote it and it was not changed since."""
    naming = Naming(title, version, lifecycle)
    if form in FOLDERS and target is None:
        raise click.UsageError(f"{form} is a folder of files: partita export {form} DIR")
    app = load_app(app_name)
    if target is None:
        document(FILES[form](app, naming))
    elif form in FOLDERS:
        make, parts = FOLDERS[form]
        written, removed = write_folder(target, make(app, naming), parts)
        say(f"wrote {len(written)} files in {target}", *(f"removed {path}" for path in removed))
    else:
        write_file(target, FILES[form](app, naming))
        say(f"wrote {target}")

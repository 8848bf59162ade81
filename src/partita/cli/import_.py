"""`partita import`: a document of another system as declarations to start from; needs no app."""

from __future__ import annotations

from pathlib import Path

import click

from partita.cli.output import document, say, talk
from partita.errors import SettingsError
from partita.exports.declaring.asyncapi import Imported, declarations_of
from partita.exports.declaring.document import BYTES_MAX, read_document
from partita.schemas.protobuf.lock import folder_above, read_lock
from partita.schemas.revisions import missing, read_folder, write


@click.command("import", epilog="Example:  partita import asyncapi their-asyncapi.json declarations.py")
@click.argument("form", metavar="FORMAT", type=click.Choice(["asyncapi"]))
@click.argument("source", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("target", metavar="[PYTHON-FILE]", required=False, type=click.Path(path_type=Path))
def import_(form: str, source: Path, target: Path | None) -> None:
    """Write the declarations of an AsyncAPI document (3.0 or 3.1, JSON or YAML) as Python: services, messages, and handlers that
    fail until they are written. Without PYTHON-FILE they are printed; a file that is there is never written over.

    The files of messages in Protobuf, with the field numbers of their owner, go into the project's folder of schemas."""
    with source.open("rb") as opened:
        found = declarations_of(read_document(opened.read(BYTES_MAX + 1), str(source)), str(source))
    if target is None:
        document(found.text)
        if found.revisions:
            talk(
                "The numbers of messages in Protobuf are in files of their owner: name a PYTHON-FILE to have them written."
            )
    else:
        say(*(f"wrote {path}" for path in _written(found, target)))
    for each in found.left_out:
        talk(each)


def _written(found: Imported, target: Path) -> list[Path]:
    """Write the module and the files of its messages, but of those whose numbers the project has in its own lock."""
    folder = folder_above(target)
    own = read_lock(folder)
    new = missing([each for each in found.revisions if each.message not in own], read_folder(folder))
    try:
        with target.open("x", encoding="utf-8", newline="") as opened:
            opened.write(found.text)
    except FileExistsError as error:
        raise SettingsError(f"{target} is there already.", hint="Name a new file, and merge the two.") from error
    return [target, *write(folder, new)]

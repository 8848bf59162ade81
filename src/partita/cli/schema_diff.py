"""`partita schema diff`: two schemas line by line, and whether the second may follow the first."""

from __future__ import annotations

import difflib
import json
from pathlib import Path

import click

from partita.app import load_app
from partita.cli.output import output_option, print_json, say
from partita.cli.whose_app import app_option
from partita.errors import NotFound
from partita.observability.describing import contract_named
from partita.observability.schema_history import RULES, revisions_now
from partita.schemas.evolution.checking import Version, check
from partita.schemas.evolution.connect import rules_of
from partita.schemas.evolution.level import Level
from partita.schemas.protobuf.bundle import opened
from partita.schemas.revisions import FOLDER, Revision, by_message, read_folder

DIRECTIONS = {"readers of B read messages of A": Level.BACKWARD, "readers of A read messages of B": Level.FORWARD}


@click.command(epilog="Example:  partita schema diff OrderPlaced@1 OrderPlaced")
@click.argument("old", metavar="A")
@click.argument("new", metavar="B")
@click.option("--against", default=FOLDER, metavar="DIR", show_default=True, help="The folder of the revision files.")
@app_option
@output_option
def diff(old: str, new: str, against: str, app_name: str, output: str) -> None:
    """Compare the schemas A and B: each is NAME, the message as it is declared now, or NAME@N, its revision N in DIR or,
    where no file has it, as the class tells it."""
    before, after = _revision(app_name, old, Path(against)), _revision(app_name, new, Path(against))
    lines = list(
        difflib.unified_diff(_lines(before), _lines(after), old, new, lineterm="", n=2) if before != after else ()
    )
    verdicts = _verdicts(before, after)
    if output == "json":
        print_json("SchemaDiff", {"lines": lines, "verdicts": verdicts})
        return
    say(*(lines or ["no difference"]), "")
    for direction, reasons in verdicts.items():
        said = "no: " + "; ".join(reasons) if reasons else "yes"
        say(f"{direction.replace(' A', f' {old}').replace(' B', f' {new}')}: {said}")


def _revision(app_name: str, named: str, folder: Path) -> Revision:
    name, _, number = named.partition("@")
    app = load_app(app_name)
    message = contract_named(app, name).full_name
    known = by_message(revisions_now(app))[message]
    if not number:
        return known[-1]
    kept = {str(each.number): each for each in known} | {
        str(each.number): each for each in by_message(read_folder(folder)).get(message, ())
    }
    if number not in kept:
        raise NotFound(f"{name} has no revision {number:.20}.", hint=f"It has: {', '.join(sorted(kept))}.")
    return kept[number]


def _lines(revision: Revision) -> list[str]:
    if revision.language == "protobuf":
        own, imports = opened(revision.text)
        others = (line for name, text in imports.items() for line in ("", f"// {name}", *text.splitlines()))
        return [*own.splitlines(), *others]
    return json.dumps(json.loads(revision.text), indent=2, ensure_ascii=False).splitlines()


def _verdicts(before: Revision, after: Revision) -> dict[str, list[str]]:
    if before.language != after.language:
        return {d: [] for d in DIRECTIONS}  # each value is read in the language of its writer
    rules = rules_of(RULES[after.language])
    return {
        direction: [
            f"{each.path}: {each.rule}" for each in check(after.text, [Version("A", before.text)], level, rules)
        ]
        for direction, level in DIRECTIONS.items()
    }

"""`partita schema`: the schema of a message, derived from its class; whether one schema may follow another."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
from click.core import ParameterSource

from partita.app import load_app
from partita.cli.asking import ask
from partita.cli.operating import run
from partita.cli.output import data_option, document, json_of, output_option, print_json, say, show_error, table
from partita.cli.schema_diff import diff
from partita.cli.schema_register import register
from partita.cli.whose_app import app_option
from partita.errors import DeclarationError, NotFound, SettingsError, UnknownSchema
from partita.machine.system import this_machine
from partita.observability.describing import FORMATS, contract_named, schema_lines
from partita.observability.kept_messages import kept_messages
from partita.observability.registered import read_registered
from partita.observability.schema_history import (
    number_fields,
    promises_nothing,
    read_kept,
    revisions_now,
    schema_findings,
)
from partita.schemas.avro import avro_record
from partita.schemas.confluent.client import RegistryClient
from partita.schemas.evolution.checking import Version, check
from partita.schemas.evolution.connect import LANGUAGES, rules_of
from partita.schemas.evolution.finding import Finding
from partita.schemas.evolution.level import Level
from partita.schemas.evolution.rules import Rules
from partita.schemas.fields.field import latest_revision
from partita.schemas.languages import schema_of
from partita.schemas.protobuf.import_search import folders_above, in_folders, with_imports
from partita.schemas.protobuf.numbering import is_numbered
from partita.schemas.revisions import missing, read_folder, write
from partita.settings.settings import Settings

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FILE_BYTES_MAX = 1_000_000
PROPOSED = (
    "// Some of these numbers are given by no lock yet: `partita schema export` gives them to a message in Protobuf.\n"
)


protobuf_json_option = click.option(
    "--protobuf-json",
    is_flag=True,
    help="Also the rules of Protobuf's JSON form, for programs that read values in it: names count there.",
)


@click.group(short_help="Schemas derived from the declarations.")
def schema() -> None:
    """Schemas."""


@schema.command(epilog="Example:  partita schema show OrderPlaced --version 1 -o json")
@click.argument("name")
@click.option("--version", "revision", type=click.IntRange(1), help="The contract's revision; default: the newest.")
@click.option(
    "--format", "form", type=click.Choice(list(FORMATS)), help="A schema language; default: the message's own."
)
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="Indented or on one line.")
@app_option
@click.pass_context
def show(context: click.Context, name: str, revision: int | None, form: str | None, output: str, app_name: str) -> None:
    """Print the schema of the message NAME and nothing else; exit 3 when the language cannot say one of its types.

    Without --format an Avro record has no docstrings of classes; with it, it has all that is published. A .proto file
    begins with a comment where its numbers are not given yet, as of a message in another language."""
    found = contract_named(load_app(app_name), name)
    newest = latest_revision(found.shape.struct)
    if revision is not None and revision > newest:
        raise NotFound(
            f"{name} has no version {revision}.", hint=f"It has: {', '.join(map(str, range(1, newest + 1)))}."
        )
    language = FORMATS[form] if form else found.shape.language
    try:
        if form is None and language == "avro":
            text = json.dumps(avro_record(found.shape, revision=revision))
        else:
            text = schema_of(found.shape, language, revision)
    except DeclarationError as error:
        show_error(error)
        context.exit(3)
    if language == "protobuf":
        text = text if is_numbered(found.shape) else PROPOSED + text
        document(json_of(text) if output == "json" else text)
        return
    document(json_of(json.loads(text), indent=None if output == "json" else 2))


@schema.command(name="list", epilog="Example:  partita schema list")
@app_option
@output_option
def list_(app_name: str, output: str) -> None:
    """List the messages with the language that each is written in, and the newest version of its schema."""
    lines = schema_lines(load_app(app_name))
    if output == "json":
        print_json("Schemas", {"schemas": [dataclasses.asdict(line) for line in lines]})
        return
    rows = [(line.message, line.type, line.kind, line.owner, line.format, line.version) for line in lines]
    say(*table(["message", "type", "kind", "owner", "format", "version"], rows))


@schema.command(epilog="Example:  partita schema compare old.avsc new.avsc --language avro --level BACKWARD")
@click.argument("old", metavar="OLD-FILE", type=FILE)
@click.argument("new", metavar="NEW-FILE", type=FILE)
@click.option("--language", type=click.Choice(list(LANGUAGES)), required=True, help="The language of both schemas.")
@click.option(
    "--level",
    type=click.Choice([level.value for level in Level], case_sensitive=False),
    required=True,
    help="The promise that the new schema has to keep to the old one.",
)
@click.option(
    "--imports",
    multiple=True,
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Protobuf: a folder with imported files, beside those above each file up to its project's root.",
)
@protobuf_json_option
@output_option
@click.pass_context
def compare(
    context: click.Context,
    old: Path,
    new: Path,
    language: str,
    level: str,
    imports: tuple[Path, ...],
    protobuf_json: bool,
    output: str,
) -> None:
    """Say whether the schema in NEW-FILE may follow the one in OLD-FILE; exit 3 when it may not. Needs no app."""
    rules = rules_of(language, protobuf_json=protobuf_json)
    earlier, later = (
        _schema_in(each, rules, (*imports, *folders_above(each)) if language == "protobuf" else ())
        for each in (old, new)
    )
    found = _merged(check(later, [Version(str(old), earlier)], Level(level), rules))
    _print_verdict(
        [f"{new} may{' not' if found else ''} follow {old} at the level {level}."], found, Level(level), output
    )
    if found:
        context.exit(3)


@schema.command(epilog="Example:  partita schema export schemas")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@app_option
@output_option
def export(folder: Path, app_name: str, output: str) -> None:
    """Write the schema of each message to DIR, a file for each revision. A file that is there never changes: a schema that
    differs from its newest file gets the next number. Fields of messages in Protobuf get numbers in DIR/partita.lock.
    Commit DIR."""
    app = load_app(app_name)
    lock = number_fields(app, folder)
    written = [] if lock is None else [lock]
    written += write(folder, missing(revisions_now(app, folder), read_folder(folder)))
    if output == "json":
        print_json("SchemaFiles", {"written": [str(path) for path in written]})
        return
    say(*([f"wrote {path}" for path in written] or [f"{folder} is up to date."]))


@schema.command(name="check", epilog="Example:  partita schema check --against HEAD~1")
@click.option(
    "--against",
    required=True,
    metavar="DIR|GIT-REF|URL",
    help="A folder of revision files, a commit that has it, or a schema registry.",
)
@click.option(
    "--level",
    type=click.Choice([level.value for level in Level], case_sensitive=False),
    help="One level for all messages, in place of the level that each declares (default: FULL_TRANSITIVE).",
)
@protobuf_json_option
@data_option
@app_option
@output_option
@click.pass_context
def check_(
    context: click.Context,
    against: str,
    level: str | None,
    protobuf_json: bool,
    data: Path,
    app_name: str,
    output: str,
) -> None:
    """Say whether the schemas of the app may follow those in DIR, in the folder `schemas` of a commit, or in a registry;
    exit 3 when they may not. A folder also has to have the newest schemas. No code of the commit runs.

    With --data, --store or --bus it also counts the messages of the old schemas that wait in the databases, and the records that
    consumer groups have not read."""
    app, given = load_app(app_name), None if level is None else Level(level)
    if "://" in against:
        client = RegistryClient(against, this_machine().clock)
        kept, is_folder, against = run(read_registered(app, client)), False, client.where
    else:
        kept, is_folder = read_kept(against)
    live = None
    named = Settings.from_environment()
    if context.get_parameter_source("data") is not ParameterSource.DEFAULT or named.store or named.stores or named.bus:
        live, _ = ask(app, data, lambda sight: kept_messages(sight, app), some=True)
    found = _merged(schema_findings(app, kept, given, stale=is_folder, live=live, protobuf_json=protobuf_json))
    at = "each at the level that it declares" if level is None else f"at the level {level}"
    verdict = f"The schemas may{' not' if found else ''} follow those of {against}, {at}."
    unchecked = promises_nothing(app) if given is None else ()
    notes = [f"{name} promises NONE: its schema was not compared with earlier ones." for name in unchecked]
    _print_verdict([verdict, *notes], found, given, output)
    if found:
        context.exit(3)


schema.add_command(register)
schema.add_command(diff)


def _schema_in(file: Path, rules: Rules, folders: Sequence[Path]) -> str:
    """The text of a schema file, with those that it imports from these folders. A schema reads its own values: comparing it
    with itself finds whether it is a schema."""
    with file.open("rb") as opened:
        data = opened.read(FILE_BYTES_MAX + 1)
    if len(data) > FILE_BYTES_MAX:
        raise SettingsError(f"{file} has more than {FILE_BYTES_MAX:,} bytes.", hint="Name the file of one schema.")
    try:
        text = data.decode("utf-8-sig")  # editors of Windows begin a text with a byte order mark
        text = with_imports(text, in_folders(folders)) if folders else text
        rules.compare(text, text)
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file} is no text in UTF-8: {error.reason}.", hint="Save it as UTF-8.") from error
    except UnknownSchema as error:
        raise SettingsError(f"{file}: {error.what}", hint=error.hint or "Name a file of the given language.") from error
    return text


def _merged(found: list[Finding]) -> list[Finding]:
    """One finding for a clash in both directions; it hurts the readers of both."""
    merged: dict[Finding, list[str]] = {}
    for finding in found:
        merged.setdefault(replace(finding, hurts=()), []).extend(finding.hurts)
    return [replace(finding, hurts=tuple(dict.fromkeys(hurts))) for finding, hurts in merged.items()]


def _print_verdict(verdict: Sequence[str], found: list[Finding], level: Level | None, output: str) -> None:
    if output == "json":
        keys = ("rule", "path", "old", "new", "hurts", "instead")
        items = [{key: getattr(finding, key) for key in keys} for finding in found]
        print_json("SchemaVerdicts", {"compatible": not found, "findings": items})
        return
    say(*verdict)
    for finding in found:
        say(f"{finding.path}: {finding.rule}", f"  {finding.old} -> {finding.new}")
        say(*[f"  hurts {hurt}" for hurt in finding.hurts], f"  {finding.instead}")
    if not found and level is not None:
        say(level.order)
    orders = dict.fromkeys(finding.order for finding in found if finding.order)
    say(*(f"Afterwards: {order}" for order in orders))

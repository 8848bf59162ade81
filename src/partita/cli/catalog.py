"""`partita catalog`: every message with its meaning, its parties and its versions, as declared; needs no database."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from pathlib import Path

import click

from partita.app import load_app
from partita.cli.output import json_of, output_option, print_json, say, table, talk
from partita.cli.whose_app import app_option
from partita.observability.catalog.document import catalog_document, entry_document, matches_document
from partita.observability.catalog.entry import Entry, entries, entry_named
from partita.observability.catalog.lint import failures
from partita.observability.catalog.lint import lint as linted
from partita.observability.catalog.rules import RULES
from partita.observability.catalog.search import search as searched
from partita.schemas.revisions import FOLDER, read_folder

FAILED = 3
"""The exit code of a lint with an error that no owner accepts."""

schemas_option = click.option(
    "--schemas",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(FOLDER),
    show_default=True,
    help="The folder of revision files.",
)


@click.group(short_help="Every event and command: meaning, owner, parties, versions.")
def catalog() -> None:
    """The event catalog."""


@catalog.command("list", epilog="Example:  partita catalog list")
@app_option
@output_option
def list_(app_name: str, output: str) -> None:
    """List every event, command and refusal by its owner, with its parties and its meaning."""
    found = [entry for entry in entries(load_app(app_name)) if not entry.becomes]
    if output == "json":
        print_json("Catalog", catalog_document(found))
        return
    for number, (owner, owned) in enumerate(groupby(found, key=lambda entry: entry.owner)):
        messages = list(owned)
        team = f"   team {messages[0].team}" if messages[0].team else ""
        topics = ", ".join(dict.fromkeys(each.topic for each in messages))
        say(*([""] if number else []), f"{owner}{team}   on {topics}")
        heads = ["message", "kind", "version", "key", "from", "to", "PII", "meaning"]
        say(*(f"  {line}" for line in table(heads, [_row(each) for each in messages])))


def _row(entry: Entry) -> tuple[object, ...]:
    return (
        entry.called,
        entry.kind,
        f"{entry.version}.{entry.revision}",
        entry.key,
        ", ".join(dict.fromkeys(by.service for by in entry.producers)),
        ", ".join(consumer.service for consumer in entry.consumers),
        ", ".join(entry.personal),
        entry.meaning,
    )


@catalog.command(epilog="Example:  partita catalog show OrderPlaced")
@click.argument("name")
@schemas_option
@app_option
@output_option
def show(name: str, folder: Path, app_name: str, output: str) -> None:
    """Show all about the message NAME: meaning, parties, fields, versions and their readers, an example."""
    found = entry_named(load_app(app_name), name, read_folder(folder))
    if output == "json":
        print_json("CatalogEntry", entry_document(found))
        return
    page(found)


def page(found: Entry) -> None:
    """The page of a message, for people; `partita describe event` shows the same one."""
    team = f" (team {found.team})" if found.team else ""
    say(f"{found.type}   {found.kind} of {found.owner}{team}", *([found.meaning] if found.meaning else []), "")
    called = "" if found.declared_as == found.wire_name else f" as {found.declared_as}"
    say(*(f"{name:<12} {value}" for name, value in _facts(found)), f"declared{called} at {found.place}", "")
    fields = [(f.name, f.type, f.default, f.since, f.marks, f.meaning) for f in found.fields]
    say(*table(["field", "type", "default", "since", "marks", "meaning"], fields), "")
    versions = [
        (f"{v.version}.{v.revision or '?'}", ", ".join(v.adds), v.file or "no file", ", ".join(v.readers))
        for v in found.versions
    ]
    say(*table(["version", "adds", "kept as", "read by"], versions))
    if found.example is not None:
        say("", "an example", *(f"  {line}" for line in json_of(found.example, indent=2).split("\n")))


def _facts(found: Entry) -> list[tuple[str, str]]:
    verbs = {"event": "published by", "command": "sent by", "refusal": "raised by"}
    by = [f"{each.name}{' (saga)' if each.kind == 'saga' else ''} of {each.service}" for each in found.producers]
    unsaid = "no handler and no saga" if found.kind == "event" else "no saga; app.send may send it from anywhere"
    to = [
        " and ".join(filter(None, (", ".join(each.handlers), ", ".join(f"{saga} (saga)" for saga in each.sagas))))
        + f" of {each.service}"
        for each in found.consumers
    ]
    kept = f", kept {found.kept}" if found.kept else ""
    carried = "" if found.headers == "full" else f", headers {found.headers}"
    versions = [("old shape", f"its messages become {found.becomes}")] if found.becomes else []
    versions += [("also reads", f"messages of {', '.join(found.old_shapes)}")] if found.old_shapes else []
    facts = [
        *versions,
        ("topic", f"{found.topic}{kept}{carried}"),
        ("key", f"{found.key or 'none'}{f': {found.key_meaning}' if found.key_meaning else ''}"),
        ("written in", f"{found.format}, version {found.version}, revision {found.revision}"),
        (verbs[found.kind], ", ".join(dict.fromkeys(by)) or unsaid),
        ("consumed by", ", ".join(to) or "no service"),
        ("answered by", ", ".join(filter(None, (found.reply, *found.refusals)))),
        ("answers", ", ".join(found.answers)),
        ("concerns", ", ".join(found.concerns)),
    ]
    return [(name, value) for name, value in facts if value]


@catalog.command(epilog="Example:  partita catalog search customer")
@click.argument("words", nargs=-1, required=True, metavar="TEXT...")
@app_option
@output_option
def search(words: tuple[str, ...], app_name: str, output: str) -> None:
    """Find the messages that have all words of TEXT in their names, meanings, fields, owners or consumers."""
    found = searched(entries(load_app(app_name)), " ".join(words))
    if output == "json":
        print_json("CatalogMatches", matches_document(found))
        return
    rows = [
        (match.entry.called if not number else "", match.entry.owner if not number else "", place, text)
        for match in found
        for number, (place, text) in enumerate(match.found)
    ]
    if rows:
        say(*table(["message", "owner", "found in", "text"], rows))
    talk(f"{len(found)} of the app's messages.")


@catalog.command(epilog="Example:  partita catalog lint --strict")
@click.option("--strict", is_flag=True, help="Fail for warnings too.")
@click.option("--rules", "only_rules", is_flag=True, help="List the rules, and check nothing.")
@app_option
@output_option
def lint(strict: bool, only_rules: bool, app_name: str, output: str) -> int:
    """Find what a reader of another team would miss or misunderstand; exit 3 where there is an error.

    A message accepts a finding with its reason: class PriceChanged(Event, of=prices, accept={"unheard-event": "..."})."""
    if only_rules:
        return _rules(output)
    found = linted(load_app(app_name))
    failed = failures(found, strict=strict)
    if output == "json":
        print_json("CatalogFindings", {"clean": not failed, "findings": [asdict(each) for each in found]})
        return FAILED if failed else 0
    for each in found:
        if each.accepted:
            say(f"accepted {each.rule}: {each.what}", f"  because: {each.accepted}", "")
        else:
            say(
                f"{each.severity} {each.rule}: {each.what}",
                f"  at {each.place}",
                f"  {each.why}",
                f"  {each.instead}",
                "",
            )
    counts = {kind: sum(each.severity == kind and not each.accepted for each in found) for kind in ("error", "warning")}
    accepted = sum(bool(each.accepted) for each in found)
    talk(f"{counts['error']} errors, {counts['warning']} warnings, {accepted} accepted.")
    return FAILED if failed else 0


def _rules(output: str) -> int:
    if output == "json":
        print_json("CatalogRules", {"rules": [{"rule": name, **asdict(rule)} for name, rule in RULES.items()]})
    else:
        say(*table(["rule", "severity", "why"], [(name, rule.severity, rule.why) for name, rule in RULES.items()]))
    return 0

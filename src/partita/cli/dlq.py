"""`partita dlq`: dead letters: show, edit, replay and discard them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from partita.cli.dlq_acting import discard, edit, import_, replay, restore
from partita.cli.operating import beside, filter_options, run, the_filter
from partita.cli.output import data_option, document, json_of, moment, output_option, print_json, say, table, talk
from partita.cli.whose_app import app_option
from partita.observability.letters import (
    LetterShown,
    edit_of,
    full_ids,
    letter_groups,
    letters,
    open_where,
    show_letter,
)
from partita.observability.reach import Stores
from partita.operators.letter_lines import exported
from partita.store.dead_letters import DeadLetter
from partita.texts.foreign_text import shown_lines

T = TypeVar("T")
EXPORTED_MAX = 1_000_000
STATUSES = ("open", "replaying", "handled", "discarded", "superseded", "overtaken", "any")


@click.group(short_help="Dead letters: look, mend, replay, discard.")
def dlq() -> None:
    """Messages that could not be handled. Nothing is dropped: each is here with its cause and its raw bytes."""


for verb in (replay, edit, discard, restore, import_):
    dlq.add_command(verb)


@dlq.command(epilog="Example:  partita dlq groups")
@data_option
@app_option
@output_option
def groups(data: Path, app_name: str, output: str) -> None:
    """List open letters by cause, the largest group first: each group needs one decision."""
    found = _read(app_name, data, letter_groups)
    if output == "json":
        items = [{**g._asdict(), "first_at": moment(g.first_us), "last_at": moment(g.last_us)} for g in found]
        print_json("DeadLetterGroups", {"items": items})
    elif found:
        rows = [
            (g.letters, g.consumer, g.type.rpartition(".")[2] or "(unreadable)", f"{g.cause_type}: {g.cause[:60]}")
            + (moment(g.first_us)[:19], g.fingerprint)
            for g in found
        ]
        say(*table(["letters", "group", "message", "cause", "first (UTC)", "--cause"], rows))
    else:
        say("no open dead letters")


@dlq.command("list", epilog="Example:  partita dlq list --group stock --type TakeStock")
@click.option("--status", type=click.Choice(STATUSES), default="open", show_default=True)
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True)
@filter_options
@data_option
@app_option
@output_option
def list_(
    status: str,
    limit: int,
    group: str | None,
    data: Path,
    app_name: str,
    output: str,
    **given: Any,
) -> None:
    """List letters, the oldest first."""
    where = the_filter(**given, status="" if status == "any" else status)

    async def ask(stores: Stores) -> list[DeadLetter]:
        return await letters(stores, where._replace(ids=await full_ids(stores, where.ids)), limit)

    found = _read(app_name, data, ask, group)
    if output == "json":
        print_json("DeadLetters", {"items": [as_json(letter) for letter in found]})
    elif found:
        rows = [
            (x.id, x.consumer, x.type.rpartition(".")[2] or "(unreadable)", x.key or "", x.attempts, x.status)
            + (f"{x.cause_type}: {x.cause[:40]}",)
            for x in found
        ]
        say(*table(["id", "group", "message", "key", "tries", "status", "cause"], rows))
    else:
        say("no such dead letters")


@dlq.command(epilog="Example:  partita dlq show 01a2091b-94ad-7000-bb6f-8f5f0cac74d3")
@click.argument("letter_id", metavar="ID")
@data_option
@app_option
@output_option
def show(letter_id: str, data: Path, app_name: str, output: str) -> None:
    """Show one letter: its message, its failures, the stack, its raw bytes, and the number of messages behind it."""

    async def read() -> LetterShown:
        async with beside(app_name, data) as system:
            return await show_letter(system.stores, system.codec, system.registry.find, letter_id)

    found = run(read())
    letter, seen, failures, behind = found.letter, found.view, found.failures, found.behind
    if output == "json":
        content = {
            **as_json(letter),
            "fields": seen.fields,
            "problem": seen.problem,
            "headers_hex": seen.headers_hex,
            "value_hex": seen.value_hex,
            "stack": letter.stack,
            "behind": behind,
            "failures": [f._asdict() for f in failures],
        }
        print_json("DeadLetter", content)
        return
    say(f"{letter.type or '(unreadable)'}  key {letter.key or '-'}   {letter.status}")
    say(f"group {letter.consumer}   {letter.topic}[{letter.partition}]@{letter.offset}   message {letter.message_id}")
    if letter.superseded_by:
        say(f"an edited copy took its place: partita dlq show {letter.superseded_by}")
    say(f"{letter.cause_type}: {letter.cause}   ({letter.attempts} tries, fingerprint {letter.fingerprint})")
    if behind:
        say(f"{behind} later messages of this key wait behind it")
    rows = [(moment(f.at_us), f.stage, f.tries, f"{f.cause_type}: {f.cause[:60]}") for f in failures]
    if rows:
        say("", *table(["at (UTC)", "stage", "tries", "cause"], rows))
    say("")
    if seen.fields is not None:
        document(json_of(seen.fields, indent=2))
    else:
        say(f"cannot be decoded: {seen.problem}")
    say("", f"value    {seen.value_hex}")
    if seen.fields is None:
        say(f"headers  {seen.headers_hex}")
    say("", *shown_lines(letter.stack))


@dlq.command(epilog="Example:  partita dlq diff 01a2091b-94ad-7000-bb6f-8f5f0cac74d3")
@click.argument("letter_id", metavar="ID")
@data_option
@app_option
@output_option
def diff(letter_id: str, data: Path, app_name: str, output: str) -> None:
    """Compare an edited letter with its original."""

    async def read() -> list[tuple[str, str, str]]:
        async with beside(app_name, data) as system:
            return await edit_of(system.stores, system.codec, system.registry.find, letter_id)

    rows = run(read())
    if output == "json":
        items = [{"field": field, "before": before, "after": after} for field, before, after in rows]
        print_json("DeadLetterDifference", {"items": items})
    else:
        say(*table(["field", "before", "after"], rows))


@dlq.command(epilog="Example:  partita dlq export letters.jsonl --group stock")
@click.argument("file", type=click.File("w", encoding="utf-8"))
@filter_options
@data_option
@app_option
def export(file: Any, group: str | None, data: Path, app_name: str, **given: Any) -> None:
    """Write letters to FILE, one JSON object a line; `-` is standard output."""
    where = the_filter(**given, status="open")

    async def ask(stores: Stores) -> list[DeadLetter]:
        return await letters(stores, await open_where(stores, where), EXPORTED_MAX)

    found = _read(app_name, data, ask, group)
    for letter in found:
        file.write(json_of(exported(letter)) + "\n")
    file.write("")  # without letters the file is made as well; an error of writing it is reported
    talk(f"{len(found)} letters")


def _read(app_name: str, data: Path, question: Callable[[Stores], Awaitable[T]], group: str | None = None) -> T:
    async def read() -> T:
        async with beside(app_name, data, group) as system:
            return await question(system.stores)

    return run(read())


def as_json(letter: DeadLetter) -> dict[str, object]:
    """A letter without its bytes."""
    content = letter._asdict()
    for name in ("headers", "value", "stack", "at_us", "closed_us"):
        content.pop(name)
    return {**content, "at": moment(letter.at_us), "closed_at": moment(letter.closed_us) or None}

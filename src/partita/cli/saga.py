"""`partita saga`: the instances, the history of one, and the diagram of a saga."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from partita.app import App, load_app
from partita.cli.asking import read
from partita.cli.output import data_option, document, moment, output_option, print_json, say, table
from partita.cli.saga_acting import VERBS
from partita.cli.whose_app import app_option
from partita.errors import NotFound
from partita.observability.awaited import AwaitedAnswer
from partita.observability.declarations import sagas_of
from partita.observability.describing import saga_named
from partita.observability.instances import STATUSES, Instance, awaited_by, instances, instances_of
from partita.observability.reach import Stores
from partita.observability.saga_family import Family, family_of
from partita.observability.tasks import owner_of
from partita.sagas.diagram import mermaid, text
from partita.store.sagas import SagaEvent, SagaRow


@click.group(short_help="Sagas: look at them, and act on one.")
def saga() -> None:
    """Sagas and their instances."""


for act in VERBS:
    saga.add_command(act)


@saga.command("list", epilog="Example:  partita saga list --status needs_attention")
@click.option("--status", type=click.Choice(STATUSES), help="Only these.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True)
@data_option
@app_option
@output_option
def list_(status: str | None, limit: int, data: Path, app_name: str, output: str) -> None:
    """List instances, the latest changed first."""
    app = load_app(app_name)
    rows = [each.row for each in read(app, data, lambda stores: instances(stores, status, limit))]
    waits = [awaited_by(row, sagas_of(app)) for row in rows]
    if output == "json":
        items = [{**_as_json(row), "waits_for": _waits(app, each)} for row, each in zip(rows, waits, strict=True)]
        print_json("Sagas", {"items": items})
    elif rows:
        cells = [
            (r.saga_id, r.saga, r.status, r.step, _hint(app, each), moment(r.updated_us), r.last_error)
            for r, each in zip(rows, waits, strict=True)
        ]
        say(*table(["key", "saga", "status", "step", "waits for", "changed (UTC)", "problem"], cells))
    else:
        say("no sagas" + (f" are {status}" if status else " yet: they start with their start event"))


@saga.command(epilog="Example:  partita saga show order-42")
@click.argument("key")
@data_option
@app_option
@output_option
def show(key: str, data: Path, app_name: str, output: str) -> None:
    """Show the history of each instance of KEY."""
    app = load_app(app_name)
    sagas = sagas_of(app)

    async def look(stores: Stores) -> list[tuple[Instance, Family]]:
        return [(each, await family_of(stores, sagas, each)) for each in await instances_of(stores, sagas, key)]

    found = read(app, data, look)
    if not found:
        raise NotFound(f"No saga has the key {key!r} in {data}.", hint="partita saga list")
    if output == "json":
        items = [
            {
                **_as_json(each.row),
                **_family(family),
                "waits_for": _waits(app, awaited_by(each.row, sagas_of(app))),
                "history": [_event(e) for e in each.history],
            }
            for each, family in found
        ]
        print_json("Sagas", {"items": items})
        return
    for each, family in found:
        row = each.row
        say(f"{row.saga} {row.saga_id}   {row.status} at {row.step}   {row.last_error}")
        if family.parent is not None:
            say(f"asked for by step {family.parent.step} of {family.parent.saga} {family.parent.saga_id}")
        for child in family.children:
            say(f"step {child.step} is carried out by {child.saga} {child.saga_id}   {child.status}".rstrip())
        waits = awaited_by(row, sagas_of(app))
        if row.due_us:
            say(f"next timer {moment(row.due_us)} UTC: {_next(row, waits)}")
        for awaited in waits:
            reminder = awaited.reminder
            remind = f"; {reminder.name} at {moment(reminder.at_us)}" if reminder is not None else ""
            until = f"; after {moment(awaited.until_us)} {awaited.then}" if awaited.until_us else ""
            say(f"{awaited.step} waits for {_party(app, awaited)}{remind}{until}")
        say(
            *table(
                ["at (UTC)", "what", "step", "note"], [(moment(e.at_us), e.kind, e.step, e.note) for e in each.history]
            )
        )


@saga.command(epilog="Example:  partita saga diagram Purchase --format mermaid")
@click.argument("name")
@click.option("--format", "form", type=click.Choice(["text", "mermaid"]), default="text", show_default=True)
@app_option
def diagram(name: str, form: str, app_name: str) -> None:
    """Draw the saga NAME as declared."""
    definition = saga_named(load_app(app_name), name)
    document(mermaid(definition) if form == "mermaid" else text(definition))


def _next(row: SagaRow, waits: Sequence[AwaitedAnswer]) -> str:
    """The action of the instance when its next timer fires."""
    for awaited in waits:
        if awaited.reminder is not None and awaited.reminder.at_us == row.due_us:
            return f"{awaited.reminder.name} is sent"
    return next((each.then for each in waits if each.until_us == row.due_us), "it acts again")


def _party(app: App, awaited: AwaitedAnswer) -> str:
    owner = owner_of(app.catalog, awaited.message)
    return f"{awaited.reply} of {owner}" if owner else awaited.reply


def _hint(app: App, waits: Sequence[AwaitedAnswer]) -> str:
    return ", ".join(_party(app, each) for each in waits)


def _waits(app: App, waits: Sequence[AwaitedAnswer]) -> list[dict[str, object]]:
    return [
        {
            "step": each.step,
            "message": each.message.name,
            "reply": each.reply,
            "owner": owner_of(app.catalog, each.message) or None,
            "reminder": None if each.reminder is None else each.reminder.name,
            "reminder_at": None if each.reminder is None else moment(each.reminder.at_us),
            "until": moment(each.until_us) or None,
            "then": each.then,
        }
        for each in waits
    ]


def _as_json(row: SagaRow) -> dict[str, object]:
    return {
        "key": row.saga_id,
        "saga": row.saga,
        "status": row.status,
        "step": row.step,
        "version": row.definition_version,
        "started_at": moment(row.started_us),
        "updated_at": moment(row.updated_us),
        "due_at": moment(row.due_us) or None,
        "last_error": row.last_error,
    }


def _family(family: Family) -> dict[str, object]:
    parent = family.parent
    return {
        "parent": None if parent is None else {"saga": parent.saga, "key": parent.saga_id, "step": parent.step},
        "children": [
            {"step": each.step, "saga": each.saga, "key": each.saga_id, "status": each.status}
            for each in family.children
        ],
    }


def _event(event: SagaEvent) -> dict[str, object]:
    return {
        "at": moment(event.at_us),
        "kind": event.kind,
        "step": event.step,
        "note": event.note,
        "message": event.message_id,
    }

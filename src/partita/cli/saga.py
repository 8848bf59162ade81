"""`partita saga`: which instances there are, what one went through, how a saga looks."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from partita.app import load_app
from partita.assembly.existing import open_stores
from partita.cli.output import data_option, document, moment, output_option, print_json, say, table
from partita.cli.saga_acting import VERBS
from partita.cli.whose_app import app_option
from partita.errors import NotFound
from partita.sagas.diagram import mermaid, text
from partita.store.sagas import SagaEvent, SagaRow

STATUSES = ["running", "compensating", "completed", "undone", "needs_attention"]


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
    rows = asyncio.run(_find(data, app_name, status, limit))
    if output == "json":
        print_json("Sagas", {"items": [_as_json(row) for row in rows]})
    elif rows:
        cells = [(r.saga_id, r.saga, r.status, r.step, moment(r.updated_us), r.last_error) for r in rows]
        say(*table(["key", "saga", "status", "step", "changed (UTC)", "problem"], cells))
    else:
        say("no sagas" + (f" are {status}" if status else " yet: they start with their start event"))


@saga.command(epilog="Example:  partita saga show order-42")
@click.argument("key")
@data_option
@app_option
@output_option
def show(key: str, data: Path, app_name: str, output: str) -> None:
    """Show what the instances of KEY went through."""
    found = asyncio.run(_show(key, data, app_name))
    if not found:
        raise NotFound(f"No saga has the key {key!r} in {data}.", hint="partita saga list")
    if output == "json":
        items = [{**_as_json(row), "history": [_event(e) for e in history]} for row, history in found]
        print_json("Sagas", {"items": items})
        return
    for row, history in found:
        say(f"{row.saga} {row.saga_id}   {row.status} at {row.step}   {row.last_error}")
        if row.due_us:
            say(f"next timer {moment(row.due_us)} UTC")
        say(*table(["at (UTC)", "what", "step", "note"], [(moment(e.at_us), e.kind, e.step, e.note) for e in history]))


@saga.command(epilog="Example:  partita saga diagram Checkout --format mermaid")
@click.argument("name")
@click.option("--format", "form", type=click.Choice(["text", "mermaid"]), default="text", show_default=True)
@app_option
def diagram(name: str, form: str, app_name: str) -> None:
    """Draw the saga NAME as declared."""
    definitions = load_app(app_name).definitions
    for definition in definitions:
        if definition.name == name:
            document(mermaid(definition) if form == "mermaid" else text(definition))
            return
    raise NotFound(f"There is no saga {name!r}.", hint=f"There is: {', '.join(d.name for d in definitions) or 'none'}.")


async def _find(data: Path, app_name: str, status: str | None, limit: int) -> list[SagaRow]:
    rows: list[SagaRow] = []
    async with open_stores(load_app(app_name), data) as stores:
        for store in stores.values():
            async with store.reading() as session:
                rows += await session.sagas.find(status=status, limit=limit)
    return sorted(rows, key=lambda r: -r.updated_us)[:limit]


async def _show(key: str, data: Path, app_name: str) -> list[tuple[SagaRow, list[SagaEvent]]]:
    app = load_app(app_name)
    found = []
    async with open_stores(app, data) as stores:
        for definition in app.definitions:
            store = stores.get(definition.service.name)
            if store is not None:
                async with store.reading() as session:
                    for row in (await session.sagas.load(definition.name, [key])).values():
                        found.append((row, list(await session.sagas.history(definition.name, key))))
    return found


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


def _event(event: SagaEvent) -> dict[str, object]:
    return {
        "at": moment(event.at_us),
        "kind": event.kind,
        "step": event.step,
        "note": event.note,
        "message": event.message_id,
    }

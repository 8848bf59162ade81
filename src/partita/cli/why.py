"""`partita why`: one sentence for everything that waits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from partita.app import load_app
from partita.bus.port import GroupLag
from partita.cli.looking import Sight, looking
from partita.cli.operating import run
from partita.cli.output import data_option, output_option, print_json, say
from partita.cli.whose_app import app_option
from partita.observability.why import why_key, why_saga
from partita.observability.workers import why_service
from partita.runtime.path.saga_steps import SagaDirectory
from partita.sagas.state import state_from_bytes
from partita.store.sagas import SagaRow

QUESTIONS = 20


@click.command(epilog="Example:  partita why order-42")
@click.argument("key", required=False)
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@data_option
@app_option
@output_option
def why(key: str | None, limit: int, data: Path, app_name: str, output: str) -> int:
    """Say why sagas, keys and groups are stuck: all of them, or those of KEY."""

    async def read() -> tuple[list[str], Sight]:
        app = load_app(app_name)
        async with looking(app, data) as sight:
            found: list[str] = []
            lags = await sight.lags()
            for name in sight.stores:
                directory = SagaDirectory.of(app.catalog.service(name).declared.sagas, app.settings.time_scale)
                found += (
                    await sight.ask(name, _of_service(sight, name, directory, key, limit, lags), times=QUESTIONS) or []
                )
        return found, sight

    found, sight = run(read())
    if output == "json":
        print_json("Why", {"items": found, "unknown": sight.as_json()})
    elif found:
        say(*found)
    elif not sight.unknown:
        say("nothing is stuck")
    return sight.tell()


async def _of_service(
    sight: Sight,
    name: str,
    directory: SagaDirectory,
    key: str | None,
    limit: int,
    lags: Sequence[GroupLag] | None,
) -> list[str]:
    store = sight.stores[name]
    now_us = await store.now_us()
    found: list[str] = []
    if key is None:
        found += await why_service(store, lags, now_us)
    async with store.reading() as session:
        places = await session.parking.keys(name, limit)
        for topic, parked_key in places:
            if key in (None, parked_key):
                found.append(await why_key(session, name, topic, parked_key, now_us))
        rows: list[SagaRow] = []
        for status in ("needs_attention", "compensating", "running"):
            rows += await session.sagas.find(status=status, limit=limit)
    for row in rows:
        if key in (None, row.saga_id):
            definition = directory.of_row(row)
            state = state_from_bytes(row.data)
            number = definition.index_of.get(row.step, 0)
            spec, step = definition.steps[number], state.steps[number]
            command = spec.undo if step.phase == "undoing" and spec.undo is not None else spec.command
            waits_for = command.reply.__name__ if command.reply is not None else command.name
            found.append(await why_saga(row, waits_for, step.message_id, sight.stores, now_us))
    return [text for text in found if text]

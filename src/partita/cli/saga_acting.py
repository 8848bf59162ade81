"""The commands of `partita saga` that change an instance; the state of the instance decides which are legal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from partita.cli.operating import acting_options, beside, confirmed, run
from partita.cli.output import data_option, output_option, print_json, say
from partita.cli.whose_app import app_option
from partita.observability.instances import the_instance
from partita.operators.audit import actor
from partita.operators.steering import act_on_saga
from partita.sagas.verbs import Verb
from partita.store.sagas import SagaRow

TEXTS: dict[Verb, str] = {
    "retry": "Send the awaited command again, now.",
    "resume": "Resume a saga that waits for a person: its tries begin again.",
    "skip": "Count the awaited undo as done; give a reason. The undo is not sent again.",
    "compensate": "Undo the steps that have happened, up to the pivot.",
    "cancel": "The same as compensate.",
    "note": "Write a note into its history.",
}


def verb(name: Verb, text: str) -> click.Command:
    """The command of one verb."""

    @click.command(
        name, help=text, epilog=f"Example:  partita saga {name} order-42 --reason 'as agreed with the customer'"
    )
    @click.argument("key")
    @click.option("--saga", "saga_name", help="The saga, when several have this key.")
    @acting_options
    @data_option
    @app_option
    @output_option
    def act(key: str, saga_name: str | None, data: Path, app_name: str, output: str, **how: Any) -> None:
        row = run(_act(name, key, saga_name, data, app_name, **how))
        if output == "json":
            print_json("Saga", {"key": row.saga_id, "saga": row.saga, "status": row.status, "step": row.step})
        else:
            say(f"{row.saga} {row.saga_id} is {row.status} at {row.step}")

    return act


async def _act(
    name: Verb, key: str, saga_name: str | None, data: Path, app_name: str, *, yes: bool, dry_run: bool, reason: str
) -> SagaRow:
    async with beside(app_name, data) as system:
        sagas = [each for name in system.stores for each in system.catalog.service(name).declared.sagas]
        found = await the_instance(system.stores, sagas, key, saga_name)
        service, row = found.service, found.row
        if dry_run:
            return row
        confirmed(f"{name} {row.saga} {row.saga_id}, which is {row.status} at {row.step}", 1, yes=yes, reason=reason)
        pipeline = system.pipelines[service]
        return await act_on_saga(pipeline, row.saga, row.saga_id, name, reason=reason, by=actor())


VERBS = tuple(verb(name, text) for name, text in TEXTS.items())

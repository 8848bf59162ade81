"""`partita schema register`: the newest schemas of an app, given to a schema registry."""

from __future__ import annotations

import click

from partita.app import load_app
from partita.cli.operating import run
from partita.cli.output import output_option, print_json, say, table
from partita.cli.whose_app import app_option
from partita.errors import SettingsError
from partita.machine.system import this_machine
from partita.operators.registering import Planned, plan_registrations
from partita.operators.registering import register as registered
from partita.schemas.confluent.client import RegistryClient

REFUSED = 3
"""The exit code where the registry refuses a schema."""


@click.command(epilog="Example:  partita schema register --registry http://127.0.0.1:8081 --dry-run")
@click.option("--registry", "url", metavar="URL", help="The registry. Default: PARTITA_REGISTRY.")
@click.option("--dry-run", is_flag=True, help="Only say what the command would do.")
@app_option
@output_option
def register(url: str | None, dry_run: bool, app_name: str, output: str) -> int:
    """Register the newest schema of each message that the app writes; exit 3 when the registry refuses one, and then none
    is registered. An app with PARTITA_REGISTRY registers each by itself when it first writes it; this is for a pipeline
    that must know before."""
    app = load_app(app_name)
    where = url or app.settings.registry
    if not where:
        raise SettingsError(
            "No schema registry is named.", hint="--registry http://127.0.0.1:8081, or PARTITA_REGISTRY"
        )

    async def work() -> tuple[list[Planned], list[int]]:
        client = RegistryClient(where, this_machine().clock)
        plan = list(await plan_registrations(app, client))
        stays = dry_run or any(each.state == "refused" for each in plan)
        return plan, [] if stays else list(await registered(client, plan))

    plan, ids = run(work())
    refused = [each for each in plan if each.state == "refused"]
    if output == "json":
        items = [
            {"message": each.message, "subject": each.subject, "state": each.state, "reasons": list(each.reasons)}
            for each in plan
        ]
        print_json("Registrations", {"registered": len(ids), "schemas": items})
    else:
        say(*table(["message", "subject", "state"], [(each.message, each.subject, each.state) for each in plan]))
        for each in refused:
            say("", f"{each.message} is refused:", *(f"  {reason}" for reason in each.reasons))
        new = sum(each.state == "new" for each in plan)
        done = f"{len(ids)} registered" if not (dry_run or refused) else f"{new} new, nothing was registered"
        say("", f"{done}.")
    return REFUSED if refused else 0

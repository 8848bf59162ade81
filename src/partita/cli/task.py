"""`partita task`: the commands that wait for a person, and the answer to one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from partita.cli.operating import acting_options, beside, confirmed, run
from partita.cli.output import data_option, moment, output_option, print_json, say, table
from partita.cli.whose_app import app_option
from partita.errors import SettingsError
from partita.observability.tasks import Form, OpenTask, document, open_tasks, the_task
from partita.operators.audit import actor
from partita.operators.deciding import answer_of, decide, form_named
from partita.texts.foreign_text import shown


@click.group(short_help="Tasks: commands that wait for a person; answer one.")
def task() -> None:
    """Commands that wait for an answer from outside."""


@task.command("list", epilog="Example:  partita task list --owner adjusters")
@click.option("--owner", help="The tasks of these people alone.")
@data_option
@app_option
@output_option
def list_(owner: str | None, data: Path, app_name: str, output: str) -> None:
    """List the commands that wait, the oldest first."""

    async def asked() -> list[OpenTask]:
        async with beside(app_name, data) as system:
            return await open_tasks(system.stores, system.catalog, system.codec, system.registry.find, owner)

    found = run(asked())
    if output == "json":
        print_json("Tasks", {"items": [_as_json(each) for each in found]})
    elif found:
        cells = [(each.short_id, each.owner, each.title, each.service, moment(each.row.at_us)) for each in found]
        say(*table(["id", "owner", "what", "service", "since (UTC)"], cells))
    else:
        say("no command waits" + (f" for {owner}" if owner else ""))


@task.command(epilog="Example:  partita task show 5f2e81c09a77")
@click.argument("task_id", metavar="ID")
@data_option
@app_option
@output_option
def show(task_id: str, data: Path, app_name: str, output: str) -> None:
    """Show the command ID, or the one whose id ends so, with the forms of its answers."""

    async def asked() -> OpenTask:
        async with beside(app_name, data) as system:
            return await the_task(system.stores, system.catalog, system.codec, system.registry.find, task_id)

    found = run(asked())
    if output == "json":
        print_json("Task", _as_json(found))
        return
    say(found.title, f"{found.row.type} {found.row.reply_to}   waits since {moment(found.row.at_us)} UTC")
    if found.row.saga:
        say(f"for saga {found.row.saga} {found.row.saga_id}, step {found.row.step}")
    say(*(f"  {name}: {value}" for name, value in found.fields.items()))
    for form in found.forms:
        say(f"partita task do {found.short_id} {form.line}")


@task.command("do", epilog="Example:  partita task do 5f2e81c09a77 ClaimApproved amount=120000 --as anna --yes")
@click.argument("task_id", metavar="ID")
@click.argument("answer", metavar="ANSWER")
@click.argument("fields", nargs=-1, metavar="[FIELD=VALUE]...")
@click.option("--as", "name", help="The person that answers. Default: PARTITA_ACTOR, else the user of this process.")
@acting_options
@data_option
@app_option
@output_option
def do_(
    task_id: str,
    answer: str,
    fields: Sequence[str],
    name: str | None,
    data: Path,
    app_name: str,
    output: str,
    **how: Any,
) -> None:
    """Answer the command ID with its reply or a refusal, named ANSWER. Missing fields are asked for on a terminal."""
    said = run(_do(task_id, answer, _pairs(fields), name or actor(), data, app_name, **how))
    if output == "json":
        print_json("Answer", said)
    else:
        say(f"{said['task']}: {said['answer']}{'' if said['new'] else ', as before'}")


async def _do(
    task_id: str,
    answer: str,
    texts: dict[str, str],
    by: str,
    data: Path,
    app_name: str,
    *,
    yes: bool,
    dry_run: bool,
    reason: str,
) -> dict[str, Any]:
    async with beside(app_name, data) as system:
        found = await the_task(system.stores, system.catalog, system.codec, system.registry.find, task_id)
        form = form_named(found, answer)
        made = answer_of(form, _asked_for(form, texts))
        if not dry_run:
            confirmed(f"{form.name} for {found.title}", 1, yes=yes, reason=reason)
            new = await decide(system.pipelines[found.service], found, made, by=by, reason=reason)
        else:
            new = True
        return {"task": found.title, "id": found.row.reply_to, "answer": shown(repr(made)), "by": by, "new": new}


def _pairs(fields: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in fields:
        name, equals, value = each.partition("=")
        if not equals or not name or name in found:
            raise SettingsError(f"{each!r:.80} is no field and its value.", hint="amount=120000, each field once")
        found[name] = value
    return found


def _asked_for(form: Form, texts: dict[str, str]) -> dict[str, str]:
    """The given fields, with those that a person types in."""
    missing = [each for each in form.fields if each.required and each.given is None and each.name not in texts]
    if missing and sys.stdin.isatty():
        return texts | {each.name: click.prompt(f"{each.name} ({each.type})", err=True) for each in missing}
    return texts


def _as_json(task: OpenTask) -> dict[str, Any]:
    return {**document(task), "since": moment(task.row.at_us)}

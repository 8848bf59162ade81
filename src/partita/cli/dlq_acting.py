"""The commands of `partita dlq` that change something: replay, edit, discard, restore, import."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from partita.cli.operating import (
    acting_options,
    beside,
    confirmed,
    filter_options,
    progress_line,
    run,
    the_filter,
)
from partita.cli.output import Amount, data_option, output_option, print_json, say, table, talk
from partita.cli.whose_app import app_option
from partita.errors import Malformed
from partita.observability.letters import count_letters, open_where, the_letter
from partita.operators.audit import actor
from partita.operators.discarding import restore as restore_letter
from partita.operators.editing import AsTyped, propose, supersede
from partita.operators.letter_lines import Taken, take_letters
from partita.operators.operations import Operation, begin_discard, begin_replay, carry_out, plan_replays
from partita.operators.rehearsing import Rehearsal, rehearse_letters
from partita.operators.replaying import Pace, Progress
from partita.runtime.system import System
from partita.store.dead_letters import LetterFilter


def ramp(_: click.Context, __: click.Parameter, text: str) -> tuple[int, ...]:
    """`1,5,20,100` as numbers."""
    try:
        sizes = tuple(int(part) for part in text.split(","))
    except ValueError:
        sizes = (0,)
    if min(sizes) < 1:
        raise click.BadParameter(f"{text!r}: batch sizes with commas between, each at least 1, like 1,5,20,100.")
    return sizes


@click.command(epilog="Example:  partita dlq replay --cause 3f9a1c20b7d4 --rehearse, then the same with --yes")
@click.option(
    "--rehearse", "rehearsal", is_flag=True, help="Run it in a transaction that is rolled back, and show the result."
)
@click.option("--ramp", callback=ramp, default="1,5,20,100", show_default=True, help="Batch sizes; the last repeats.")
@click.option("--rate", type=Amount(min=0.1), default=200.0, show_default=True, help="Letters per second.")
@click.option(
    "--stop-at-errors", type=click.IntRange(0, 100), default=10, show_default=True, help="Per cent that may fail again."
)
@click.option("--patience", type=Amount(0), default=30.0, show_default=True, help="Seconds to wait for one batch.")
@click.option("--no-wait", is_flag=True, help="Release all letters and return; the group handles them when it runs.")
@filter_options
@acting_options
@data_option
@app_option
@output_option
@click.pass_context
def replay(context: click.Context, /, rehearsal: bool, group: str | None, output: str, **given: Any) -> None:
    """Give letters to the group that failed, in growing batches, and stop when too many fail again."""
    how = {name: given.pop(name) for name in ("ramp", "rate", "stop_at_errors", "patience", "no_wait")}
    act = {name: given.pop(name) for name in ("yes", "dry_run", "reason")}
    data, app_name = given.pop("data"), given.pop("app_name")
    where = the_filter(**given, status="open")
    if rehearsal:
        show_rehearsal(run(_rehearse(app_name, data, group, where)), output)
        return
    results = run(_replay(app_name, data, group, where, _pace(**how), **act))
    if output == "json":
        print_json("Replay", {"items": results})
    elif not results:
        say("no such open dead letters")
    for result in results if output == "text" else ():
        say(f"{result['group']}: " + ", ".join(f"{k} {v}" for k, v in result.items() if k != "group" and v != ""))
    if any(r.get("stopped") for r in results) and not how["no_wait"]:
        context.exit(1)


def _pace(ramp: tuple[int, ...], rate: float, stop_at_errors: int, patience: float, no_wait: bool) -> Pace:
    if no_wait:
        return Pace(ramp=(1_000,), rate=1e9, stop_at_errors=1.0, patience_s=0.0)
    return Pace(ramp=ramp, rate=rate, stop_at_errors=stop_at_errors / 100, patience_s=patience)


async def _rehearse(app_name: str, data: Path, group: str | None, where: LetterFilter) -> Rehearsal:
    async with beside(app_name, data, group) as system:
        return await rehearse_letters(system.pipelines, await open_where(system.stores, where))


def show_rehearsal(found: Rehearsal, output: str) -> None:
    """Print the result of a rehearsal."""
    if output == "json":
        content = {
            "letters": found.letters,
            "verdicts": dict(found.verdicts),
            "leaves": dict(found.leaves),
            "calls": dict(found.calls),
            "items": [each._asdict() for each in found.messages],
        }
        print_json("Rehearsal", content)
        return
    if not found.messages:
        say("no such open dead letters")
        return
    behind = len(found.messages) - found.letters
    say(f"{found.letters} letters" + (f" and {behind} messages that wait behind them" if behind else ""))
    for verdict, count in found.verdicts.most_common():
        say(f"  {count:>6,}  {verdict}")
    for error, count in found.errors.most_common(5):
        say(f"          {count:,} x {error[:100]}")
    for name, count in found.leaves.most_common():
        say(f"  {count:>6,}  {name} would leave")
    for name, count in found.calls.most_common():
        say(f"  {count:>6,}  calls to the outside by {name}, each with its idempotency key (not rehearsed)")
    say("All of it was rolled back; nothing was changed.")


async def _replay(
    app_name: str,
    data: Path,
    group: str | None,
    where: LetterFilter,
    pace: Pace,
    *,
    yes: bool,
    dry_run: bool,
    reason: str,
) -> list[dict[str, Any]]:
    async with beside(app_name, data, group) as system:
        where = await open_where(system.stores, where)
        plans = await plan_replays(system, where, by=actor())
        if dry_run:
            return [{"group": p.group, "letters": p.plan.letters, "digest": p.plan.digest} for p in plans]
        total = sum(planned.plan.letters for planned in plans)
        if total:
            confirmed(f"Replay {total:,} dead letters", total, yes=yes, reason=reason)
        return [await carried_out(system, _begun(await begin_replay(each, where, pace, reason))) for each in plans]


def _begun(operation: Operation) -> Operation:
    """Print the command that resumes a new operation, before anything can interrupt the operation."""
    talk(f"operation {operation.row.id}; if this is interrupted: partita op resume {operation.row.id}")
    return operation


async def carried_out(system: System, operation: Operation) -> dict[str, Any]:
    """Carry out an operation with a progress line; returns the text of its result."""
    ended = await carry_out(
        system, operation, by=actor(), report=lambda each, progress: progress_line(_said(each, progress))
    )
    progress_line(_said(operation, Progress(ended.planned, ended.done, ended.failed), last=True), last=True)
    counts = {"discarded": ended.done} if operation.is_discard else {"handled": ended.done, "failed": ended.failed}
    return {
        "group": operation.group,
        "operation": operation.row.id,
        "planned": ended.planned,
        **counts,
        "stopped": ended.stopped,
    }


def _said(operation: Operation, p: Progress, *, last: bool = False) -> str:
    if operation.is_discard:
        return f"{operation.group}: {p.handled:,} of {p.planned:,} discarded"
    waiting = "," if last else f", {p.waiting:,} in work"
    return f"{operation.group}: {p.handled:,} handled, {p.failed:,} failed again{waiting} of {p.planned:,}"


@click.command(epilog="Example:  partita dlq edit ID --set email=ann@example.com --reason 'a typo in the order form'")
@click.argument("letter_id", metavar="ID")
@click.option(
    "--set", "sets", multiple=True, metavar="FIELD=VALUE", help="Change a field; VALUE is JSON or plain text."
)
@click.option(
    "--data-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The whole value as a JSON object.",
)
@acting_options
@data_option
@app_option
def edit(letter_id: str, sets: tuple[str, ...], data_file: Path | None, data: Path, app_name: str, **act: Any) -> None:
    """Edit a letter: the edited copy replaces it, also in the order of its key. This does not replay the copy."""
    changes = _changes(sets, data_file)

    async def mend() -> str:
        async with beside(app_name, data) as system:
            whole = data_file is not None
            proposed = await propose(system.stores, system.pipelines, system.ids, letter_id, changes, whole=whole)
            rows = proposed.changes
            talk(*(f"{given} is {wire_name} on the wire" for given, wire_name in proposed.names))
            talk(*(table(["field", "before", "after"], rows) if rows else ["nothing changes"]))
            if act["dry_run"] or not rows:
                return ""
            confirmed("Put the edited copy in its place", 1, yes=act["yes"], reason=act["reason"])
            pipeline = system.pipelines[proposed.letter.consumer]
            await supersede(pipeline, proposed.letter, proposed.copy, actor=actor(), reason=act["reason"])
            return proposed.copy.id

    new_id = run(mend())
    if new_id:
        say(new_id)
        talk(f"replay it with: partita dlq replay --id {new_id}")


def _changes(sets: tuple[str, ...], data_file: Path | None) -> dict[str, Any]:
    if data_file is not None:
        try:
            whole = json.loads(data_file.read_text("utf-8"))
        except (ValueError, RecursionError) as error:
            raise Malformed(f"{data_file} is not JSON: {error}.") from error
        if not isinstance(whole, dict):
            raise Malformed(f"{data_file}: the value of a message is a JSON object.")
        return whole
    changes: dict[str, Any] = {}
    for text in sets:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(f"{text!r}: FIELD=VALUE is needed.", param_hint="--set")
        changes[name] = AsTyped(value)
    if not changes:
        raise click.UsageError("Nothing to change. Give --set FIELD=VALUE or --data-file FILE.")
    return changes


@click.command(epilog="Example:  partita dlq discard --cause 3f9a1c20b7d4 --execute --reason 'test orders'")
@click.option("--execute", is_flag=True, help="Do it; without this option the command only shows the number.")
@filter_options
@acting_options
@data_option
@app_option
def discard(execute: bool, group: str | None, data: Path, app_name: str, **given: Any) -> None:
    """Discard letters; later messages of their keys go on. Letters can be restored for 7 days."""
    dry_run, yes, reason = (given.pop(name) for name in ("dry_run", "yes", "reason"))
    asked = the_filter(**given, status="open")

    async def work() -> int:
        async with beside(app_name, data, group) as system:
            where = await open_where(system.stores, asked)
            counts = await count_letters(system.stores, where)
            total = sum(counts.values())
            if total == 0 or dry_run or not execute:
                return total
            confirmed(f"Discard {total:,} dead letters", total, yes=yes, reason=reason)
            for name in counts:
                begun = _begun(await begin_discard(system, name, where, reason=reason, by=actor()))
                await carried_out(system, begun)
            return total

    count = run(work())
    done = execute and not dry_run
    if not count:
        say("no such open dead letters")
        return
    say(f"{count:,} letters {'discarded; partita dlq restore ID takes one back' if done else 'would be discarded'}")
    if not done:
        talk("do it with --execute")


@click.command(epilog="Example:  partita dlq restore 01a2091b-94ad-7000-bb6f-8f5f0cac74d3")
@click.argument("letter_id", metavar="ID")
@data_option
@app_option
def restore(letter_id: str, data: Path, app_name: str) -> None:
    """Open a discarded letter again."""

    async def work() -> None:
        async with beside(app_name, data) as system:
            letter = await the_letter(system.stores, letter_id)
            service = system.catalog.service(letter.consumer)
            await restore_letter(system.stores[letter.consumer], service, letter.id, by=actor())

    run(work())
    say(f"{letter_id} is open again")


@click.command("import", epilog="Example:  partita dlq import letters.jsonl")
@click.argument("file", type=click.File("rb"))
@data_option
@app_option
def import_(file: Any, data: Path, app_name: str) -> None:
    """Import exported letters; letters that are here already are not changed."""

    async def work() -> Taken:
        async with beside(app_name, data) as system:
            return await take_letters(system.stores, file, by=actor())

    result = run(work())
    say(f"{result.taken:,} of {result.seen:,} letters imported")

"""The verbs of `partita dlq` that change something: replay, edit, discard, restore, import."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import click
import msgspec

from partita.catalog.service import Service
from partita.cli.operating import (
    acting_options,
    beside,
    confirmed,
    filter_options,
    progress_line,
    run,
    the_filter,
)
from partita.cli.output import Amount, data_option, moment, output_option, print_json, say, table, talk
from partita.cli.whose_app import app_option
from partita.errors import Malformed, NotFound
from partita.operators.audit import actor, record
from partita.operators.discarding import begin_discard, run_discard
from partita.operators.discarding import restore as restore_letter
from partita.operators.editing import difference, edited, supersede, view
from partita.operators.replaying import Pace, Progress, Replay
from partita.runtime.failing.rehearsal import Rehearsed, rehearse
from partita.runtime.system import System
from partita.store.dead_letters import DeadLetter, LetterFilter
from partita.store.operations import OperationRow
from partita.store.port import Store
from partita.texts.cause import cause_of

REHEARSED_AT_ONCE = 50


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
@click.option("--rehearse", "rehearsal", is_flag=True, help="Run it in a transaction that is rolled back, and tell.")
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
    """Give letters to the group that failed, in growing batches, and stop when they fail again."""
    how = {name: given.pop(name) for name in ("ramp", "rate", "stop_at_errors", "patience", "no_wait")}
    act = {name: given.pop(name) for name in ("yes", "dry_run", "reason")}
    data, app_name = given.pop("data"), given.pop("app_name")
    where = the_filter(**given, status="open")
    if rehearsal:
        tell_rehearsal(run(_rehearse(app_name, data, group, where)), output)
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


async def _rehearse(app_name: str, data: Path, group: str | None, where: LetterFilter) -> list[Rehearsed]:
    found: list[Rehearsed] = []
    async with beside(app_name, data, group) as system:
        for name, pipeline in system.pipelines.items():
            after, more = "", True
            while more:
                async with system.stores[name].reading() as session:
                    letters = await session.dead_letters.find(name, REHEARSED_AT_ONCE, where, after)
                if letters:
                    found += await rehearse(pipeline, letters)
                    after = letters[-1].id
                more = len(letters) == REHEARSED_AT_ONCE
    return found


def tell_rehearsal(found: list[Rehearsed], output: str) -> None:
    """Print what would happen."""
    verdicts = Counter(each.verdict for each in found)
    leaves = Counter(name for each in found for name in each.leaves)
    calls = Counter(name for each in found for name, _ in each.calls)
    if output == "json":
        content = {
            "letters": sum(bool(each.letter_id) for each in found),
            "verdicts": dict(verdicts),
            "leaves": dict(leaves),
            "calls": dict(calls),
            "items": [each._asdict() for each in found],
        }
        print_json("Rehearsal", content)
        return
    if not found:
        say("no such open dead letters")
        return
    behind = sum(not each.letter_id for each in found)
    say(f"{len(found) - behind} letters" + (f" and {behind} messages that wait behind them" if behind else ""))
    for verdict, count in verdicts.most_common():
        say(f"  {count:>6,}  {verdict}")
    for error, count in Counter(each.error for each in found if each.error).most_common(5):
        say(f"          {count:,} x {error[:100]}")
    for name, count in leaves.most_common():
        say(f"  {count:>6,}  {name} would leave")
    for name, count in calls.most_common():
        say(f"  {count:>6,}  calls to the outside by {name}, each with its idempotency key (not rehearsed)")
    say("Nothing has happened: all of it was rolled back.")


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
    results: list[dict[str, Any]] = []
    async with beside(app_name, data, group) as system:
        plans = []
        for name, store in system.stores.items():
            service = system.catalog.service(name)
            job = Replay(service, store, system.clock, system.ids, actor())
            plan = await job.plan(where)
            if plan.letters:
                plans.append((name, job, plan))
        if dry_run:
            return [{"group": name, "letters": plan.letters, "digest": plan.digest} for name, _, plan in plans]
        total = sum(plan.letters for _, _, plan in plans)
        if total:
            confirmed(f"Replay {total:,} dead letters", total, yes=yes, reason=reason)
        for name, job, _ in plans:
            row = await job.begin(where, pace, reason)
            talk(f"operation {row.id}; if this is interrupted: partita op resume {row.id}")
            results.append(await carry_out(name, job, row.id))
    return results


async def carry_out(group: str, job: Replay, operation_id: str) -> dict[str, Any]:
    """Run an operation with a progress line."""

    def told(p: Progress) -> None:
        progress_line(
            f"{group}: {p.handled:,} handled, {p.failed:,} failed again, {p.waiting:,} in work of {p.planned:,}"
        )

    p = await job.run(operation_id, told)
    progress_line(f"{group}: {p.handled:,} handled, {p.failed:,} failed again, of {p.planned:,}", last=True)
    return {
        "group": group,
        "operation": operation_id,
        "planned": p.planned,
        "handled": p.handled,
        "failed": p.failed,
        "stopped": p.stopped,
    }


async def carry_out_discard(service: Service, store: Store, row: OperationRow) -> dict[str, Any]:
    """Run a discard with a progress line."""
    talk(f"operation {row.id}; if this is interrupted: partita op resume {row.id}")

    def told(count: int) -> None:
        progress_line(f"{service.name}: {count:,} of {row.planned:,} discarded")

    count = await run_discard(store, service, row.id, told)
    progress_line(f"{service.name}: {count:,} of {row.planned:,} discarded", last=True)
    return {"group": service.name, "operation": row.id, "planned": row.planned, "discarded": count, "stopped": ""}


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
    """Mend a letter: an edited copy takes its place, also in the order of its key. It is not replayed by this."""
    changes = _changes(sets, data_file)

    async def mend() -> str:
        async with beside(app_name, data) as system:
            letter = await open_letter(system, letter_id)
            pipeline = system.pipelines[letter.consumer]
            copy = edited(letter, pipeline, system.ids, changes, whole=data_file is not None)
            rows = difference(view(letter, system.codec), view(copy, system.codec))
            talk(*(table(["field", "before", "after"], rows) if rows else ["nothing changes"]))
            if act["dry_run"] or not rows:
                return ""
            confirmed("Put the edited copy in its place", 1, yes=act["yes"], reason=act["reason"])
            await supersede(pipeline, letter, copy, actor=actor(), reason=act["reason"])
            return copy.id

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
        try:
            changes[name] = json.loads(value)
        except (ValueError, RecursionError):
            changes[name] = value
    if not changes:
        raise click.UsageError("Nothing to change. Give --set FIELD=VALUE or --data-file FILE.")
    return changes


@click.command(epilog="Example:  partita dlq discard --cause 3f9a1c20b7d4 --execute --reason 'test orders'")
@click.option("--execute", is_flag=True, help="Do it; without this only the number is shown.")
@filter_options
@acting_options
@data_option
@app_option
def discard(execute: bool, group: str | None, data: Path, app_name: str, **given: Any) -> None:
    """Let letters go, and their keys on. They can be restored for 7 days."""
    dry_run, yes, reason = (given.pop(name) for name in ("dry_run", "yes", "reason"))
    where = the_filter(**given, status="open")

    async def work() -> int:
        async with beside(app_name, data, group) as system:
            total = 0
            for name, store in system.stores.items():
                async with store.reading() as session:
                    total += await session.dead_letters.count(name, where)
            if total == 0 or dry_run or not execute:
                return total
            confirmed(f"Discard {total:,} dead letters", total, yes=yes, reason=reason)
            for name, store in system.stores.items():
                service = system.catalog.service(name)
                async with store.reading() as session:
                    planned = await session.dead_letters.count(name, where)
                if planned:
                    row = await begin_discard(store, service, where, system.ids, reason=reason, by=actor())
                    await carry_out_discard(service, store, row)
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
            letter = await any_letter(system, letter_id)
            service = system.catalog.service(letter.consumer)
            await restore_letter(system.stores[letter.consumer], service, letter_id, by=actor())

    run(work())
    say(f"{letter_id} is open again")


@click.command("import", epilog="Example:  partita dlq import letters.jsonl")
@click.argument("file", type=click.File("rb"))
@data_option
@app_option
def import_(file: Any, data: Path, app_name: str) -> None:
    """Take letters that were exported; those that are here already are left alone."""

    async def work() -> tuple[int, int]:
        taken = seen = 0
        async with beside(app_name, data) as system:
            for number, line in enumerate(file, 1):
                letter = imported(line, number)
                store = system.stores.get(letter.consumer)
                if store is None:
                    raise NotFound(f"Line {number}: there is no group {letter.consumer!r} here.")
                now_us = await store.now_us()
                seen += 1
                async with store.transaction() as session:
                    known = LetterFilter(status="", ids=(letter.id,))
                    if not await session.dead_letters.count(letter.consumer, known):
                        await session.dead_letters.add([letter])
                        await record(session, now_us, actor(), "dlq import", letter.id)
                        taken += 1
        return taken, seen

    taken, seen = run(work())
    say(f"{taken:,} of {seen:,} letters imported")


def imported(line: bytes, number: int) -> DeadLetter:
    """A letter from its line.

    Raises:
        Malformed: the line is no exported letter. A field of another type would break every list that shows it.
    """
    try:
        content = json.loads(line)
        content["headers"] = bytes.fromhex(content["headers"])
        content["value"] = bytes.fromhex(content["value"])
        letter = msgspec.convert([*DeadLetter(**content)], DeadLetter)
        for at_us in (letter.at_us, letter.closed_us):
            moment(at_us)  # a time that no calendar has
    except (ValueError, TypeError, KeyError, OverflowError, OSError, RecursionError) as error:
        raise Malformed(
            f"Line {number} is not an exported dead letter: {cause_of(error)}.",
            hint="The file is written by: partita dlq export FILE",
        ) from error
    return letter


async def any_letter(system: System, letter_id: str) -> DeadLetter:
    """A letter of whatever status.

    Raises:
        NotFound: there is none.
    """
    for name, store in system.stores.items():
        async with store.reading() as session:
            found = await session.dead_letters.find(name, 1, LetterFilter(status="", ids=(letter_id,)))
        if found:
            return found[0]
    raise NotFound(f"There is no dead letter {letter_id!r}.", hint="partita dlq list")


async def open_letter(system: System, letter_id: str) -> DeadLetter:
    """A letter that is open.

    Raises:
        NotFound: there is none of that id that is open.
    """
    letter = await any_letter(system, letter_id)
    if letter.status != "open":
        raise NotFound(f"Dead letter {letter_id} is {letter.status}, not open.", hint="partita dlq list --status any")
    return letter

"""`partita consumers`: the positions of groups; pause, resume, reset or forget a group."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from partita.app import load_app
from partita.assembly.existing import open_bus
from partita.cli.asking import ask, report_unknown, unknown_items
from partita.cli.operating import acting_options, beside, confirmed, run
from partita.cli.output import data_option, output_option, print_json, say, table, talk
from partita.cli.whose_app import app_option
from partita.errors import NotFound
from partita.observability.groups import groups
from partita.observability.reach import BUS
from partita.observability.why import since
from partita.operators.audit import actor
from partita.operators.steering import (
    Moves,
    ResetPlan,
    check_forgettable,
    check_paused,
    pause_group,
    plan_reset,
    reset_group,
    resume_group,
)
from partita.operators.steering import accept_gap as give_up_gap

PARKED = ("waiting", "behind", "gap", "ready", "dead")


@click.group(short_help="Consumer groups: positions, pause, resume, reset.")
def consumers() -> None:
    """Consumer groups."""


@consumers.command("list", epilog="Example:  partita consumers list")
@click.option("--group", help="Only this group.")
@data_option
@app_option
@output_option
def list_(group: str | None, data: Path, app_name: str, output: str) -> int:
    """List groups: how far each is behind, its members, its parked messages, and its state."""
    found, unknown = ask(load_app(app_name), data, lambda sight: groups(sight, group))
    if output == "json":
        items = [lag._asdict() for lag in found.partitions]
        states = [{"group": s.group, "state": s.why, "parked": s.parked._asdict()} for s in found.states]
        print_json("Consumers", {"items": items, "groups": states, "unknown": unknown_items(unknown)})
        return report_unknown(unknown)
    rows = [
        (
            each.group,
            each.topic,
            each.behind,
            "" if each.oldest_us is None else since(found.now_us - each.oldest_us),
            f"{each.partitions_held} of {each.partitions}",
            each.members,
        )
        for each in found.topics
    ]
    if rows:
        say(*table(["group", "topic", "behind", "oldest waits", "partitions held", "members"], rows))
    elif BUS not in unknown and not found.states:
        if group is not None:
            raise NotFound(f"There is no group {group!r}.", hint="partita consumers list")
        say("no groups yet")
    for state in found.states:
        counts = [f"{getattr(state.parked, k)} {k}" for k in PARKED if getattr(state.parked, k)]
        texts = [*state.why, *([f"parked {', '.join(counts)}"] if counts else [])]
        if texts:
            say(f"{state.group}: " + "; ".join(texts))
    return report_unknown(unknown)


@consumers.command(epilog="Example:  partita consumers pause stock --reason 'the warehouse is being moved'")
@click.argument("group")
@acting_options
@data_option
@app_option
def pause(group: str, data: Path, app_name: str, **how: Any) -> None:
    """Pause GROUP: it handles nothing until it is resumed, and keeps its position."""

    async def work() -> None:
        async with beside(app_name, data, group) as system:
            if not how["dry_run"]:
                confirmed(f"Pause {group}", 1, yes=how["yes"], reason=how["reason"])
                await pause_group(system.stores[group], reason=how["reason"], by=actor())

    run(work())
    say(f"{group} " + ("would be paused" if how["dry_run"] else "is paused within half a second"))


@consumers.command(epilog="Example:  partita consumers resume stock")
@click.argument("group")
@acting_options
@data_option
@app_option
def resume(group: str, data: Path, app_name: str, **how: Any) -> None:
    """Resume a paused GROUP."""

    async def work() -> None:
        async with beside(app_name, data, group) as system:
            if not how["dry_run"]:
                confirmed(f"Resume {group}", 1, yes=True, reason=how["reason"])  # it only ends the pause
                await resume_group(system.stores[group], reason=how["reason"], by=actor())

    run(work())
    say(f"{group} " + ("would go on" if how["dry_run"] else "goes on"))


@consumers.command(epilog="Example:  partita consumers reset reports --topic acme.order.events --to start --execute")
@click.argument("group")
@click.option("--topic", required=True)
@click.option("--to", type=click.Choice(["start", "end"]), required=True)
@click.option("--execute", is_flag=True, help="Do it; without this option the command only shows the moves.")
@acting_options
@data_option
@app_option
def reset(group: str, topic: str, to: str, execute: bool, data: Path, app_name: str, **how: Any) -> None:
    """Move a paused GROUP to the start or the end of a topic, and list the moves.

    With Kafka stop its processes first: the broker moves no group that has members. Otherwise refused (exit 5) before
    anything is changed.
    """

    async def work() -> tuple[Moves, ResetPlan]:
        async with beside(app_name, data, group) as system:
            store = system.stores[group]
            plan = await plan_reset(store, system.bus, topic)
            if not execute or how["dry_run"]:
                return (), plan
            await check_paused(store)
            count = len(plan.partitions)
            confirmed(f"Reset {group} in {topic} to its {to}", count, yes=how["yes"], reason=how["reason"])
            return await reset_group(store, system.bus, topic, to, reason=how["reason"], by=actor()), plan

    moved, plan = run(work())
    if moved:
        rows = [(m.partition, "nowhere" if m.before is None else m.before, m.after) for m in moved]
        say(*table(["partition", "was at", "is at"], rows))
        say(f"{sum(m.before != m.after for m in moved)} of {len(moved)} partitions of {topic} moved to their {to}")
        talk(f"{group} goes on with: partita consumers resume {group}")
        return
    say(f"{len(plan.partitions)} partitions of {topic} would be at their {to}")
    first = ([] if plan.paused else [f"partita consumers pause {group}"]) + (
        [f"with Kafka stop its processes ({', '.join(plan.owners)})"] if plan.owners else []
    )
    talk("do it with --execute" + (f"; before that: {', '.join(first)}" if first else ""))


@consumers.command("accept-gap", epilog="Example:  partita consumers accept-gap reports --topic T --key order-42")
@click.argument("group")
@click.option("--topic", required=True)
@click.option("--key", required=True)
@acting_options
@data_option
@app_option
def accept_gap(group: str, topic: str, key: str, data: Path, app_name: str, **how: Any) -> None:
    """Give up a message that never came, so that the messages behind it run."""

    async def work() -> int:
        async with beside(app_name, data, group) as system:
            confirmed(f"Give up the missing message before key {key}", 1, yes=how["yes"], reason=how["reason"])
            return await give_up_gap(system.stores[group], topic, key, reason=how["reason"], by=actor())

    say(f"number {run(work())} of key {key} may run now")


@consumers.command(epilog="Example:  partita consumers forget reports-2025 --reason 'the job is gone'")
@click.argument("group")
@acting_options
@data_option
@app_option
def forget(group: str, data: Path, app_name: str, **how: Any) -> None:
    """Forget a GROUP that no longer exists: until then the log keeps the records that it has not read."""
    app = load_app(app_name)
    check_forgettable(app, group)

    async def work() -> int:
        async with open_bus(app, data) as bus:
            stands = await bus.lag(group)
            if stands and not how["dry_run"]:
                confirmed(f"Forget {group}", len(stands), yes=how["yes"], reason=how["reason"])
                return await bus.forget(group)
            return len(stands)

    partitions = run(work())
    if not partitions:
        raise NotFound(f"There is no group {group}.", hint="partita consumers list")
    say(f"{group} " + ("would be" if how["dry_run"] else "is") + f" forgotten in {partitions} partitions")

"""`partita journey KEY`: all messages of one key, in causal order."""

from __future__ import annotations

from pathlib import Path

import click

from partita.app import load_app
from partita.cli.asking import read
from partita.cli.output import data_option, moment, output_option, print_json, say
from partita.cli.whose_app import app_option
from partita.errors import NotFound
from partita.observability.journey import Hop
from partita.observability.journey import journey as journey_of
from partita.observability.why import since

LONG_US = 3_600_000_000


@click.command(epilog="Example:  partita journey order-42")
@click.argument("key")
@data_option
@app_option
@output_option
def journey(key: str, data: Path, app_name: str, output: str) -> None:
    """Follow KEY, such as an order's id, through all services."""
    hops = read(load_app(app_name), data, lambda stores: journey_of(stores, key))
    if not hops:
        raise NotFound(
            f"Nothing is known of {key!r} in {data}.",
            hint="Write the key as the messages have it. Is --data the folder, and --app the app?",
        )
    if output == "json":
        print_json("Journey", {"key": key, "messages": [_as_json(h) for h in hops]})
        return
    say(*drawing(key, hops))


def _as_json(hop: Hop) -> dict[str, object]:
    return {
        "id": hop.id,
        "type": hop.type,
        "key": hop.key,
        "correlation_id": hop.correlation_id,
        "causation_id": hop.causation_id,
        "at": moment(hop.at_us),
        "service": hop.service,
        "handled": [{"by": h.by, "outcome": h.outcome, "at": moment(h.at_us)} for h in hop.handled],
        "copies": [{"by": c.by, "to": c.to, "at": moment(c.at_us)} for c in hop.copies],
        "edit_of": hop.edit_of or None,
        "wait": None
        if hop.wait is None
        else {
            "by": hop.wait.service,
            "state": hop.wait.state,
            "since": moment(hop.wait.since_us),
            "ended": moment(hop.wait.ended_us) or None,
        },
        "given_by": hop.given_by or None,
        "turns": [
            {"saga": t.saga, "kind": t.kind, "step": t.step, "note": t.note, "at": moment(t.at_us)} for t in hop.turns
        ],
    }


def drawing(key: str, hops: list[Hop]) -> list[str]:
    """The lines of a journey as a tree with times from its start. A line about a wait is in the order of time among the
    messages that the waiting command caused."""
    start = min(h.at_us for h in hops)
    later = [x.at_us for h in hops for x in h.handled] + [x.at_us for h in hops for x in h.copies]
    later += [x.at_us for h in hops for x in h.turns]
    later += [h.wait.ended_us for h in hops if h.wait is not None]
    end = max([h.at_us for h in hops] + later)
    lines = [f"{key}   {moment(start)} UTC   {len(hops)} messages in {_took(end - start)}", ""]
    owed: list[
        tuple[int, list[tuple[int, str]]]
    ] = []  # of each command on the way here: its depth, and its later lines
    for hop in hops:
        while owed and owed[-1][0] >= hop.depth:
            lines += _told(owed.pop(), None, start)
        if owed:
            lines += _told(owed[-1], hop.at_us, start)
        lines.append(_message(hop, start))
        for copy in hop.copies:
            what = "dead letter" if copy.to == "dlq" else f"waits in {copy.to}"
            lines.append(f"{_offset(copy.at_us - start)}  {'  ' * hop.depth}  {copy.by}: {what}")
        owed.append((hop.depth, sorted(_notes(hop), key=lambda each: each[0])))
    while owed:
        lines += _told(owed.pop(), None, start)
    return lines


def _message(hop: Hop, start: int) -> str:
    who = ", ".join(h.by if h.outcome == "handled" else f"{h.by} ({h.outcome})" for h in hop.handled if "/" not in h.by)
    origin = "dlq edit" if hop.edit_of else hop.service or "sent"
    given = f", given by {hop.given_by}" if hop.given_by else ""
    left = f"{_offset(hop.at_us - start)}  {'  ' * hop.depth}{hop.name}"
    return f"{left:<42} {origin} -> {who or 'nobody'}{given}"


def _notes(hop: Hop) -> list[tuple[int, str]]:
    """The lines about a message with their times: the wait for an answer, and the turns of the saga."""
    found = []
    if hop.wait is not None:
        found.append((hop.wait.since_us, f"{hop.wait.service}: kept, waits for an answer"))
        if hop.wait.state == "undone":
            found.append((hop.wait.ended_us, f"{hop.wait.service}: undone before an answer came"))
    found += [(t.at_us, f"{t.saga}, {t.step}: {t.kind}{f', {t.note}' if t.note else ''}") for t in hop.turns]
    return found


def _told(owed: tuple[int, list[tuple[int, str]]], until: int | None, start: int) -> list[str]:
    """The lines that are owed up to a time; they are owed no more."""
    depth, notes = owed
    lines = []
    while notes and (until is None or notes[0][0] <= until):
        at_us, text = notes.pop(0)
        lines.append(f"{_offset(at_us - start)}  {'  ' * depth}  {text}")
    return lines


def _offset(us: int) -> str:
    """A time since the start: milliseconds, or days and hours where those would have too many digits."""
    if us < LONG_US:
        return f"{us / 1000:>9,.1f}"
    return f"{since(us):>9}"


def _took(us: int) -> str:
    return f"{us / 1000:,.1f} ms" if us < LONG_US else since(us)

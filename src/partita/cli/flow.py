"""`partita flow`: the map of an app's services, messages and sagas, as declared; needs no database."""

from __future__ import annotations

import click

from partita.app import load_app
from partita.cli.output import document, output_option, print_json, say, talk
from partita.cli.whose_app import app_option
from partita.flow.checking import FAN_OUT_MAX, unaccepted
from partita.flow.checking import check as checked
from partita.flow.decision import Decision, table_of
from partita.flow.decision import decisions as decided
from partita.flow.drawing import svg
from partita.flow.finding import Finding
from partita.flow.flow_map import flow_map
from partita.flow.mermaid import mermaid
from partita.flow.story import story

FAILED = 3
"""The exit code of a check with a finding that its owner did not accept."""


class MapFirst(click.Group):
    """A group that draws the map where no command is named: `partita flow --format mermaid`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the name of the map's command before options of its own."""
        if not args or (args[0].startswith("-") and args[0] not in ("-h", "--help")):
            args = ["map", *args]
        return super().parse_args(ctx, args)


@click.group(cls=MapFirst, short_help="Which message goes where, what decides it, what to mend.")
def flow() -> None:
    """Which message goes where. Without a command: the map."""


@flow.command("map", epilog="Example:  partita flow --format svg > flow.svg")
@click.option("--format", "form", type=click.Choice(["text", "mermaid", "svg"]), help="How to draw it; default: text.")
@click.option("--title", default="The flow map", show_default=True, help="The title of an SVG.")
@app_option
@output_option
def draw(form: str | None, title: str, app_name: str, output: str) -> None:
    """Each flow, from its first message to the last service that hears of it."""
    if output == "json" and form is not None:
        raise click.UsageError(
            f"-o json is the map as data, and --format {form} a drawing of it: leave one of them out."
        )
    found = flow_map(load_app(app_name).catalog)
    if output == "json":
        hops = [{"from": hop.origin, "to": hop.to, "message": hop.message, "style": hop.style} for hop in found.hops]
        print_json("Flow", {"nodes": [{"id": node.id, "kind": node.kind} for node in found.nodes], "hops": hops})
    elif form == "mermaid":
        document(mermaid(found))
    elif form == "svg":
        document(svg(found, title))
    else:
        say(*story(found))


@flow.command(epilog="Example:  partita flow decisions")
@app_option
@output_option
def decisions(app_name: str, output: str) -> None:
    """Choreography or orchestration: the criteria, the choice and its declared reason, for each part of each flow."""
    found = decided(flow_map(load_app(app_name).catalog))
    if output == "json":
        print_json("FlowDecisions", {"decisions": [_document(each) for each in found]})
        return
    before = ""
    for each in found:
        if each.flow != before:
            say(*([""] if before else []), f"flow {each.flow}")
            before = each.flow
        say(f"  {each.part}: {each.choice}", *(f"    {question:<26} {answer}" for question, answer in table_of(each)))
        say(*(f"    {'why':<26} {service}: {reason}" for service, reason in each.reasons))
        say(*(f"    {'why':<26} not said. Write {line}" for line in each.unsaid))
        if each.criteria.speak_for != each.choice:
            say(f"    {'':<26} the criteria speak for {each.criteria.speak_for}")


def _document(decision: Decision) -> dict[str, object]:
    criteria = decision.criteria
    return {
        "flow": decision.flow,
        "part": decision.part,
        "choice": decision.choice,
        "criteria": {
            "money": criteria.money or None,
            "undo": list(criteria.undo),
            "services": list(criteria.services),
            "deadline_s": criteria.deadline_s,
            "human": criteria.human or None,
            "outcome": list(criteria.outcome),
        },
        "speak_for": criteria.speak_for,
        "why": [{"service": service, "reason": reason} for service, reason in decision.reasons],
        "unsaid": list(decision.unsaid),
    }


@flow.command(epilog="Example:  partita flow check --fan-out 12")
@click.option(
    "--fan-out",
    type=click.IntRange(1),
    default=FAN_OUT_MAX,
    show_default=True,
    help="So many services may hear an event.",
)
@app_option
@output_option
def check(fan_out: int, app_name: str, output: str) -> int:
    """Unheard events, commands without a handler, endless circles, hot events, hidden sagas; exit 3 where there is one."""
    found = checked(flow_map(load_app(app_name).catalog), fan_out)
    failed = unaccepted(found)
    if output == "json":
        print_json("FlowFindings", {"clean": not failed, "findings": [_entry(each) for each in found]})
    else:
        for each in failed:
            say(f"{each.rule}: {each.what}", f"  at {each.place}", f"  {each.why}", f"  {each.instead}", "")
        for each in found:
            if each.accepted:
                say(f"accepted {each.rule}: {each.what}", f"  because: {each.accepted}", "")
        talk(f"{len(failed)} to mend, {len(found) - len(failed)} accepted.")
    return FAILED if failed else 0


def _entry(finding: Finding) -> dict[str, object]:
    return {
        "rule": finding.rule,
        "message": finding.message,
        "where": str(finding.place),
        "what": finding.what,
        "why": finding.why,
        "instead": finding.instead,
        "accepted": finding.accepted or None,
    }

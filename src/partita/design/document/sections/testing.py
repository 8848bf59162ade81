"""Section 13, testing: requirements by kind of test, consumer contracts, chaos, invariants, and the script of a game day.

Nothing runs from a brief alone: each test is `planned`, under the name that the skeleton gives it.
"""

from __future__ import annotations

from collections.abc import Iterator

from partita.design.document.block import (
    PLANNED,
    Block,
    Heading,
    Item,
    Paragraph,
    Pointer,
    Row,
    Section,
    bullets,
    compact,
    row,
)
from partita.design.document.failure_matrix import cells_of, shown_by
from partita.design.document.quantity import listed, rate, sentence, span
from partita.design.document.traffic import on_topics
from partita.design.document.view import View

KINDS = ("unit", "contract", "integration", "simulation", "chaos")


def section(view: View) -> Section:
    """The tests that show the design."""
    design = view.design
    blocks: list[Block] = list(
        compact(f"requirement | {' | '.join(KINDS)} | last result", [_row(*each) for each in requirements(view)])
    )
    blocks.append(Paragraph(f"The failure matrix names a test for each cell: {cells_of(design)}.", PLANNED))
    blocks.append(
        Pointer(
            "H",
            f"the names of the tests of {len(design.rules)} rules and {len(on_topics(design))} schemas; how each statement "
            "stays true",
        )
    )
    blocks += [
        Heading("Consumer contracts"),
        *compact("consumer | of | events", _contracts(view)),
        Heading("Chaos"),
        *compact("hypothesis | fault | reaches | abort when | expected", _chaos(view)),
        Heading("Invariants and their checkers"),
        *_invariants(view),
        Heading("Game day"),
        *_game_day(view),
        Pointer("G", f"the rollout of {design.domain}, and the threats to its data"),
    ]
    return Section("13", "Testing", tuple(blocks))


def requirements(view: View) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Each requirement, the words of its tests' names, and the kinds of its tests."""
    design = view.design
    kinds = {
        "exactly-once-effect": ("unit", "integration", "simulation", "chaos"),
        "invariant": ("integration", "simulation", "chaos"),
        "staleness": ("integration", "chaos"),
        "outbox": ("integration", "chaos"),
    }
    for rule in design.rules:
        yield sentence(rule.text)[:-1], rule.text, kinds.get(rule.kind, ("integration",))
    for saga in design.sagas:
        yield f"each end of {saga.name}", saga.name, ("unit", "integration", "simulation", "chaos")
    for each in design.reactions:
        yield f"{each.who}: {each.does}", f"{each.who} {each.does}", ("unit", "integration")
    for event in on_topics(design):
        yield f"schema of {event.name}", event.name, ("contract",)


def _row(requirement: str, _: str, kinds: tuple[str, ...]) -> Row:
    return row(PLANNED, requirement, *("yes" if kind in kinds else "-" for kind in KINDS), "not run")


def _contracts(view: View) -> list[Row]:
    found: dict[tuple[str, str], list[str]] = {}
    for event in on_topics(view.design):
        for consumer in view.design.consumers(event.name):
            if consumer != event.by:
                found.setdefault((consumer, event.by), []).append(event.name)
    return [row(PLANNED, consumer, by, listed(events)) for (consumer, by), events in found.items()]


def _chaos(view: View) -> list[Row]:
    found = []
    for saga, step in view.design.steps:
        if step.human:
            continue
        share = f"each {saga.key} at `{step.do}`, {rate(view.design.event(saga.start).rate.value)}"
        end = (
            f"`{step.ok}` late"
            if step.kind == "retriable" or not step.undo
            else f"`{saga.failed or saga.name}` or `{step.ok}`"
        )
        found.append(
            row(
                PLANNED,
                f"`{saga.name}` ends without {step.at}",
                f"kill {step.at} during `{step.do}`",
                share,
                f"{span(saga.deadline.value)} pass",
                f"{end}, nothing twice",
            )
        )
    for model in view.design.read_models:
        bound = span(model.staleness.value) if model.staleness.value is not None else "its bound"
        found.append(
            row(
                PLANNED,
                f"`{model.name}` catches up",
                f"stop {model.service} for an hour",
                f"readers of `{model.name}`",
                "a writer slows down",
                f"at most {bound} behind again",
            )
        )
    return found


def _invariants(view: View) -> tuple[Block, ...]:
    items = [
        Item(
            f"{sentence(rule.text)[:-1]}: a query over {listed(rule.across or [rule.key or rule.read])} after each "
            f"simulated fault (`{shown_by(rule.text)}_simulation`).",
            PLANNED,
        )
        for rule in view.design.rules
        if rule.kind in ("invariant", "exactly-once-effect")
    ]
    return bullets(*items) or (Paragraph(f"No invariant of {view.design.domain} is declared.", PLANNED),)


def _game_day(view: View) -> tuple[Block, ...]:
    items = []
    for stream in view.design.load.streams:
        items.append(
            Item(
                f"Send {rate(stream.steady.value)} of {stream.name} as `{stream.begins}`, then {rate(stream.peak.value)}.",
                PLANNED,
            )
        )
    for saga, step in view.design.steps:
        if step.kind == "pivot":
            items.append(
                Item(
                    f"Stop {step.at} between `{step.do}` and `{step.ok}`: team {view.team(saga.at)} finds the open "
                    f"`{saga.name}` and says which are in doubt.",
                    PLANNED,
                )
            )
    services = [each.who for each in view.design.reactions][:1]
    for name in services:
        items.append(Item(f"Poison one message of {name}: team {view.team(name)} replays it within the hour.", PLANNED))
    return bullets(*items)

"""Section 13, testing: requirements by kind of test, consumer contracts, chaos, invariants, and the script of a game day.

A requirement has the tests that the project of the design has. From a brief alone none of them has run: each is `planned`.
"""

from __future__ import annotations

from collections.abc import Iterator

from partita.design.document.block import (
    PLANNED,
    Block,
    Heading,
    Item,
    M,
    Paragraph,
    Pointer,
    R,
    Row,
    Section,
    bullets,
    compact,
    row,
)
from partita.design.document.bus_faults import of_bus
from partita.design.document.entry_faults import of_entries
from partita.design.document.failure_matrix import REACTION_FAULTS, cells_of, of_reactions, of_saga
from partita.design.document.quantity import listed, rate, sentence, span
from partita.design.document.shown import KINDS, NONE, Claim, about_reaction, about_rule, about_saga, about_schema
from partita.design.document.traffic import on_topics
from partita.design.document.undo_faults import of_undos
from partita.design.document.view import View
from partita.design.model.rule import Rule


def section(view: View) -> Section:
    """The tests that show the design."""
    design = view.design
    rows = [_row(view, *each) for each in requirements(view)]
    blocks: list[Block] = list(compact(f"requirement | {' | '.join(KINDS)} | last result", rows))
    if not view.shown.tests:
        blocks.append(Paragraph(f"No test is named here: {view.shown.missing}.", PLANNED))
    blocks += ran(view)
    blocks.append(Paragraph(f"The failure matrix has {cells_of(design)}: {_cells(view)}.", R))
    blocks.append(
        Pointer(
            "H",
            f"the tests by their names, those of {len(design.rules)} rules and {len(on_topics(design))} schemas among them; how "
            "each statement stays true",
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


def requirements(view: View) -> Iterator[tuple[str, tuple[Claim, ...]]]:
    """Each requirement, and the claims that a test of it shows."""
    design = view.design
    for rule in design.rules:
        yield sentence(rule.text)[:-1], (about_rule(rule.text),)
    for saga in design.sagas:
        yield f"each end of {saga.name}", (about_saga(saga.name),)
    for each in design.reactions:
        claims = tuple(about_reaction(each.who, each.does, fault) for fault in REACTION_FAULTS)
        yield f"{each.who}: {each.does}", claims
    for event in on_topics(design):
        yield f"schema of {event.name}", (about_schema(event.name),)


def ran(view: View) -> Iterator[Paragraph]:
    """The last run, and each test that failed in it."""
    if view.shown.run is not None:
        yield Paragraph(view.shown.ran, M)
    if view.shown.failed:
        yield Paragraph(f"FAILED: {', '.join(f'`{each.node}`' for each in view.shown.failed)}.", M)


def _cells(view: View) -> str:
    """The cells of the matrix with a test, and those without."""
    rows = [row for saga in view.design.sagas for row in (*of_saga(view, saga), *of_undos(view, saga))]
    rows += [*of_reactions(view), *of_entries(view), *of_bus(view)]
    bare = sum(each.cells[-1] == NONE for each in rows)
    return f"shown by a test = {len(rows) - bare}; by none = {bare}"


def _row(view: View, requirement: str, claims: tuple[Claim, ...]) -> Row:
    tests = view.shown.of(*claims)
    kinds = {test.kind for test in tests}
    mark = view.shown.mark(tests)
    return row(mark, requirement, *("yes" if kind in kinds else NONE for kind in KINDS), view.shown.result(tests))


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
        Item(f"{sentence(rule.text)[:-1]}: {_checked(view, rule)}.", PLANNED)
        for rule in view.design.rules
        if rule.kind in ("invariant", "exactly-once-effect")
    ]
    return bullets(*items) or (Paragraph(f"No invariant of {view.design.domain} is declared.", PLANNED),)


def _checked(view: View, rule: Rule) -> str:
    tests = view.shown.cell(about_rule(rule.text))
    over = listed(rule.across or [rule.key or rule.read])
    if tests == NONE:
        return f"no test checks it; a query over {over} finds a breach"
    if rule.kind == "invariant":
        return f"all steps over {over} are done or none is, after each run of {tests}"
    return f"each effect by {over} happens once, in {tests}"


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

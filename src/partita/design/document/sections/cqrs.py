"""Section 8, commands and queries: handlers and invariants, read models with their staleness, and their rebuild."""

from __future__ import annotations

from partita.design.document import arithmetic
from partita.design.document.block import (
    PLANNED,
    Block,
    Heading,
    Item,
    Paragraph,
    R,
    Row,
    Section,
    bullets,
    compact,
    mark_of,
    row,
    sums,
)
from partita.design.document.quantity import listed, rate, sentence, span
from partita.design.document.rule_keeping import commands_of
from partita.design.document.view import View
from partita.design.model.message import CommandDesign
from partita.design.model.rule import Rule
from partita.design.model.storage import ReadModelDesign


def section(view: View) -> Section:
    """The two sides."""
    design = view.design
    blocks: list[Block] = [Heading("Commands")]
    blocks += compact(
        "command | handler | aggregate | invariant | idempotency key, with its name | answer", _commands(view)
    ) or (
        Paragraph(
            f"No saga of {design.domain} sends a command: {listed(e.by for e in design.events)} publish by themselves.",
            R,
        ),
    )
    blocks.append(Heading("Queries"))
    if design.read_models:
        blocks += compact(
            "read model | inputs | store | index | at most behind | asked for",
            [_query(view, m) for m in design.read_models],
        )
        blocks += sums(*(arithmetic.replay(design, model) for model in design.read_models))
        names = listed(model.name for model in design.read_models)
        blocks.append(
            Paragraph(
                f"A rebuild is blue/green: a second {names} catches up beside the first, then takes its name.", PLANNED
            )
        )
        blocks.append(Heading("Reading one's own writes"))
        blocks += bullets(*_own_writes(view))
    else:
        names = listed(service.name for service in design.services)
        blocks.append(Paragraph(f"No service projects a read model: {names} answer from their own tables.", R))
    return Section("8", "Commands and queries", tuple(blocks))


def _commands(view: View) -> list[Row]:
    found = []
    for each in view.design.commands:
        owned = view.design.service(each.to).owns
        rules = [rule.text for rule in view.design.rules if _bounds(view, rule, each)]
        answer = f"`{each.reply}`" + (f", or {listed(each.refusals, 'or')}" if each.refusals else "")
        found.append(
            row(
                R,
                f"`{each.name}`",
                each.to,
                ", ".join(owned) or "-",
                "; ".join(rules) or "-",
                each.key,
                answer,
            )
        )
    return found


def _bounds(view: View, rule: Rule, command: CommandDesign) -> bool:
    if rule.kind == "exactly-once-effect":
        return command in commands_of(view.design, rule)
    return rule.kind == "invariant" and bool(set(rule.across) & set(view.design.service(command.to).owns))


def _query(view: View, model: ReadModelDesign) -> Row:
    keys = dict.fromkeys(view.design.event(name).key for name in model.inputs)
    bound = model.staleness.value
    return row(
        PLANNED,
        f"`{model.name}`",
        listed(model.inputs),
        view.design.service(model.service).database.value,
        listed(keys),
        span(bound) if bound is not None else "not said",
        f"one {listed(keys, 'or')}, or a list by time",
    )


def _own_writes(view: View) -> list[Item]:
    found = []
    for model in view.design.read_models:
        writers = dict.fromkeys(view.design.event(name).by for name in model.inputs)
        first = model.inputs[0] if model.inputs else model.name
        bound = model.staleness.value
        late = f"up to {span(bound)} late" if bound is not None else "late without a bound"
        total = sum(view.design.event(name).rate.value for name in model.inputs)
        found.append(
            Item(
                f"A screen that shows `{model.name}` is {late} at {rate(total)}: after `{first}` it shows the answer of "
                f"{listed(writers)}, and asks `{model.name}` with the position of that answer.",
                PLANNED,
            )
        )
    for rule in view.design.rules:
        if rule.kind == "strong-read":
            found.append(
                Item(f"{sentence(rule.text)[:-1]}: read it from the writer's own table.", mark_of(rule.origin))
            )
    return found

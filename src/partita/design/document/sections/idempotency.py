"""Section 11, idempotency: for each consumer the key, the window and the rows; for each outside effect its argument."""

from __future__ import annotations

from partita.design.document import arithmetic
from partita.design.document.block import (
    A,
    Block,
    Heading,
    Item,
    Mark,
    Paragraph,
    Pointer,
    R,
    Row,
    Section,
    bullets,
    compact,
    row,
    weakest,
)
from partita.design.document.outside import outside_blocks
from partita.design.document.quantity import lasting, listed, sentence, span
from partita.design.document.rule_keeping import commands_of
from partita.design.document.traffic import of_consumer
from partita.design.document.view import View
from partita.design.model.rule import Rule


def section(view: View) -> Section:
    """The effects that happen once."""
    design = view.design
    consumers = [service.name for service in design.services if of_consumer(design, service.name).steady > 0]
    blocks: list[Block] = []
    blocks += compact(
        "consumer | messages | known by | stored in | with the effect | window | older than the window | rows, disk",
        [_row(view, each) for each in consumers],
    )
    if consumers:
        blocks.append(Pointer("D", f"the marks of {listed(consumers)}, computed"))
    effects = [row(R, *_effect(view, position)) for position in range(len(design.steps))]
    blocks += [
        Heading("Effects outside"),
        *compact("effect | of | key at the provider | when no answer comes", effects),
    ]
    if not effects:
        blocks.append(Paragraph(f"No saga of {design.domain} has an effect outside of its services.", R))
    blocks += outside_blocks(design)
    once = [rule for rule in design.rules if rule.kind == "exactly-once-effect"]
    blocks.append(Heading("Exactly-once effect, argued"))
    blocks += bullets(*(Item(_argument(view, rule), _sure(view, rule)) for rule in once)) or (
        Paragraph(f"No rule of {design.domain} asks for an effect that happens once.", R),
    )
    return Section("11", "Idempotency", tuple(blocks))


def _row(view: View, consumer: str) -> Row:
    design = view.design
    events = [event.name for event in design.events if consumer in design.consumers(event.name)]
    commands = [command for command in design.commands if command.to == consumer]
    keys = dict.fromkeys(command.key for command in commands if not command.enters)
    known = [f"{', '.join(keys)} and the command's name"] if keys else []
    known += ["the idempotency key of the caller"] if any(command.enters for command in commands) else []
    known += ["message id"] if events or not commands else []
    window = arithmetic.window_of(design, consumer)
    older = "cannot be: nothing is forgotten" if window is None else "refused as too old, never handled again silently"
    database = design.service(consumer).database.value
    return row(
        A,
        f"`{consumer}`",
        listed([*(command.name for command in commands), *events]),
        "; ".join(known),
        database,
        f"one transaction of {database}",
        span(window),
        older,
        ", ".join(one.result for one in arithmetic.window_rows(design, consumer, window)),
    )


def _effect(view: View, position: int) -> tuple[str, ...]:
    saga, step = view.design.steps[position]
    kind = view.design.service(step.at).kind
    key = f"{saga.key} + {step.name}"
    provider = f"`{key}`" if kind != "human" else f"the task of {saga.key}: a second answer is dropped"
    silence = {
        "undo": f"{step.undo} with the same key" if step.undo else f"{step.at} looks it up by the key",
        "retry": f"{step.do} again with the same key",
        "ask": f"ask {step.at} by the key",
    }[step.on_timeout.value]
    return f"`{step.do}`", step.at, provider, silence


def _sure(view: View, rule: Rule) -> Mark:
    named = {command.name for command in commands_of(view.design, rule)[:1]}
    steps = [step for _, step in view.design.steps if step.do in named]
    return weakest(rule.bound, view.design.failure.retry_topics, *(step.origin for step in steps))


def _argument(view: View, rule: Rule) -> str:
    command = next(iter(commands_of(view.design, rule)), None)
    if command is None:
        return f"{sentence(rule.text)} A mark by `{rule.key}` is written with the effect and kept {span(rule.window)}."
    step = next((step for _, step in view.design.steps if step.do == command.name), None)
    waits = sum(step.retry) if step and step.retry else arithmetic.retry_time(view.design).amount
    tries = f"tries end after {span(waits)}"
    if step is not None and "retry" in (step.on_timeout.value, {"retriable": "retry"}.get(step.kind)):
        tries = "its saga repeats it until it is done"
    return (
        f"{sentence(rule.text)} `{command.to}` writes the mark of `{command.name}` by `{rule.key}` in the "
        f"transaction of its own rows: a second finds it {lasting(rule.window)}; {tries}."
    )

"""The open questions of a design: facts that decide it, and that only a person knows."""

from __future__ import annotations

import re

from partita.design.brief.deriving.ledger import Ledger
from partita.design.brief.deriving.services import owner_of
from partita.design.model.design import Design
from partita.design.model.saga import SagaDesign, StepDesign

DAY_S = 86_400.0
YEAR_S = 365.25 * DAY_S
LONG_S = 30 * DAY_S
WHERE = re.compile(r"(?:^|_)(?:account|card|iban|method|mandate|payee|payer|token|wallet)(?:_|$)")
"""The words in the name of a field that says where money comes from or goes to."""


def ask_all(design: Design, ledger: Ledger) -> None:
    """Put every question that this design leaves open into the ledger."""
    for saga in design.sagas:
        _about_refusals(design, saga, ledger)
    for saga, step in design.steps:
        _about_step(design, saga, step, ledger)
    if not design.sagas and design.reactions:
        first = design.reactions[0]
        ledger.ask(
            f"May {first.who} refuse {first.when[0]}, or must its work be taken back? The design says no.",
            owner_of(design.services, first.who),
            f"If yes, {first.who} takes a command in a saga, with `fail`, `undo` and `undone`, and reacts no longer.",
        )
    _about_rules(design, ledger)
    for model in design.read_models:
        if model.staleness.value is None:
            ledger.ask(
                f"How far may the read model {model.name} be behind?",
                owner_of(design.services, model.service),
                f"Whether {model.service} may keep it by events, and when it is late. "
                f"Write {{rule: {model.name} is at most 5 s behind, kind: staleness, read: {model.name}, max: 5s}}.",
            )
    _about_personal_data(design, ledger)


def _about_refusals(design: Design, saga: SagaDesign, ledger: Ledger) -> None:
    pivot = next((step for step in saga.steps if step.kind == "pivot"), None)
    for step in saga.steps if pivot else ():
        if step.kind == "retriable" and pivot is not None:
            refund = pivot.undo or f"an undo of {pivot.do}"
            ledger.ask(
                f"May {step.do} ({step.at}) refuse after {pivot.ok}? The design says no.",
                owner_of(design.services, step.at),
                f"If yes, {step.do} cannot be retriable: {refund} must then take back {pivot.do}, "
                f"so {step.do} goes before it, or becomes the pivot itself.",
            )


def _about_step(design: Design, saga: SagaDesign, step: StepDesign, ledger: Ledger) -> None:
    owner = owner_of(design.services, step.at)
    reply = next((event for event in design.events if event.name == step.ok), None)
    if step.human and step.kind != "retriable" and step.on_timeout.value == "retry":
        limit = _days(step.timeout.value)
        ledger.ask(
            f"What if no person has decided {step.do} after {limit}? Here an alarm calls {owner}, {step.do} stays open, "
            f"and no clock decides it before the deadline of {saga.name}, {_days(saga.deadline.value)}.",
            owner,
            f"If silence is a no: `on_timeout: undo` at {step.do}, and {saga.failed} follows after {limit}. "
            f"If it may take longer: a later `deadline:` of {saga.name}. Other persons that may decide: `escalate:`.",
        )
    elif step.human and not any(timer.kind != "remind" for timer in step.timers):
        ledger.ask(
            f"Which person decides {step.do} when its owner in {step.at} is away?",
            owner,
            f"The escalation before {_days(step.timeout.value)} are over, and the other persons that may decide.",
        )
    elif (
        not step.human
        and reply is not None
        and step.kind != "step"
        and any(field.type == "money" for field in reply.fields)
    ):
        fields = [field.name for command in design.commands if command.name == step.do for field in command.fields]
        asked, decides = "", ""
        if fields and not any(WHERE.search(name) for name in fields):
            asked = " Which field says where the money goes, as a card token or an IBAN?"
            decides = (
                f" Whether {step.at} can carry it out: declare the field at {saga.start}, and list it under "
                f"`commands: {{{step.do}: {{fields: [{', '.join(fields)}, payment_token]}}}}`."
            )
        ledger.ask(
            f"Does the provider behind {step.do} take an idempotency key, and for how long does it know it?{asked}",
            owner,
            f"Whether {step.ok} can happen twice when {step.at} crashes between the provider's answer and its commit.{decides}",
        )


def _about_rules(design: Design, ledger: Ledger) -> None:
    for rule in design.rules:
        owners = [each for each in design.aggregates if each.name in rule.across]
        if rule.kind == "invariant" and len({each.service for each in owners}) > 1:
            names = f"{', '.join(rule.across[:-1])} and {rule.across[-1]}"
            ledger.ask(
                f'"{rule.text}": which screens and reports may see {names} while a saga is between its steps?',
                owner_of(design.services, owners[0].service),
                f"Whether {names} need a state such as `pending`, which no reader counts.",
            )


def _about_personal_data(design: Design, ledger: Ledger) -> None:
    kept = [each for each in design.events if each.pii and (each.retention.value or LONG_S + 1) > LONG_S]
    if kept:
        fields = ", ".join(f"{each.name}.{name}" for each in kept for name in each.pii)
        longest = max(each.retention.value or 1_000 * 365 * DAY_S for each in kept)
        ledger.ask(
            f"Which law lets topics keep {fields} for {_days(longest)}, and how is one person's data erased?",
            owner_of(design.services, kept[0].by),
            "Whether these fields are encrypted with a key per person that can be deleted, or `keep:` is shorter.",
        )


def _days(seconds: float) -> str:
    if seconds >= 365 * 1_000 * DAY_S:
        return "ever"
    if seconds >= YEAR_S and seconds % YEAR_S == 0:
        years = seconds / YEAR_S
        return f"{years:g} year{'s' * (years != 1)}"
    return f"{seconds / DAY_S:g} days" if seconds >= DAY_S else f"{seconds / 3_600:g} hours"

"""Appendix G, threats and rollout: the personal data and its readers, and the steps of the start with their way back."""

from __future__ import annotations

from partita.design.document.block import (
    Block,
    Heading,
    Item,
    Paragraph,
    R,
    Row,
    Section,
    bullets,
    compact,
    row,
    weakest,
)
from partita.design.document.quantity import listed, rate, span
from partita.design.document.traffic import on_topics
from partita.design.document.view import View
from partita.design.model.section import APPENDICES


def section(view: View) -> Section:
    """The threats, and the plan of the start."""
    domain = view.design.domain
    blocks: list[Block] = [Heading("Threats and personal data")]
    blocks += compact("asset | threat | answer", _threats(view)) or (
        Paragraph(f"No field of {domain} is personal data, and no step of it is a point of no return.", R),
    )
    blocks += [Heading("Rollout"), *_rollout(view)]
    if isinstance(blocks[-1], Heading):
        blocks.append(
            Paragraph(f"All services of {domain} publish, and none waits for a command: start them together.", R)
        )
    return Section("G", APPENDICES["G"], tuple(blocks))


def _threats(view: View) -> list[Row]:
    found = []
    for event in view.design.events:
        for name in event.pii:
            heard = listed(view.design.consumers(event.name))
            found.append(
                row(
                    weakest(event.retention),
                    f"`{event.name}.{name}`",
                    f"read by a service that needs it not; {heard} receive it",
                    f"kept {span(event.retention.value)}; rights of section 5, erased as in section 7",
                )
            )
    for saga, step in view.design.steps:
        if step.kind == "pivot":
            found.append(
                row(
                    R,
                    f"`{step.do}`",
                    f"sent by another service than {saga.at}",
                    f"only `{saga.at}` may write the commands of {step.at}",
                )
            )
        if step.human:
            found.append(
                row(
                    R,
                    f"`{step.do}`",
                    f"a person of {step.at} decides in another's name",
                    "the actor comes from the sign-in and is written with the decision",
                )
            )
    return found


def _rollout(view: View) -> tuple[Block, ...]:
    design = view.design
    items = []
    leaves = [each.name for each in design.services if not any(event.by == each.name for event in on_topics(design))]
    if leaves:
        items.append(Item(f"Start {listed(leaves)}: stopped again, nothing is left, since nothing was published.", R))
    places = list(dict.fromkeys(step.at for saga, step in design.steps if step.at != saga.at))
    if places:
        items.append(Item(f"Start {listed(places)}: without a command they stay idle; stop them to go back.", R))
    for saga in design.sagas:
        items.append(
            Item(
                f"Let `{saga.at}` publish `{saga.start}` for one in a hundred; to go back, stop it and wait "
                f"{span(saga.deadline.value)} until each `{saga.name}` has ended.",
                weakest(saga.deadline),
            )
        )
    for stream in design.load.streams:
        items.append(
            Item(
                f"Raise {stream.name} to {rate(stream.steady.value)}, then to {rate(stream.peak.value)}.",
                weakest(stream.steady, stream.peak),
            )
        )
    return bullets(*items)

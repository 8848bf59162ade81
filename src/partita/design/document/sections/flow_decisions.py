"""Section 3, choreography or orchestration: the map, the decision for each interaction, and the coupling between services."""

from __future__ import annotations

from partita.design.document.adr import adrs
from partita.design.document.block import (
    Block,
    Figure,
    Heading,
    Paragraph,
    Pointer,
    R,
    Section,
    compact,
    mark_of,
    row,
    table,
    weakest,
)
from partita.design.document.quantity import listed, plain, sentence
from partita.design.document.scene import context
from partita.design.document.view import View
from partita.flow.decision import Decision, decisions, table_of
from partita.flow.picture import picture_of

CARDS_MAX = 60
"""A picture with more boxes is read by no person."""


def section(view: View) -> Section:
    """The map and its decisions."""
    design = view.design
    found = decisions(view.flow)
    directed = listed(saga.name for saga in design.sagas) if design.sagas else "no saga"
    heard = [each.name for each in design.choreographies]
    caption = f"Thick lines are directed by {directed}; thin ones are the reactions of {listed(heard)}, which no saga waits for."
    picture = picture_of(view.flow)
    if len(picture.cards) > CARDS_MAX:
        messages = f"{len(view.flow.messages)} messages of {listed(service.name for service in design.services)}"
        caption = f"{messages} are too many for one picture: it has the services alone. {caption}"
        picture = context(design)
    blocks: list[Block] = [Figure("flow", picture, caption, R)]
    blocks.append(Heading("Criteria"))
    questions = [question for question, _ in table_of(found[0])] if found else []
    marks = {saga.name: weakest(saga.deadline) for saga in design.sagas}
    rows = [
        row(
            marks.get(each.part, R),
            f"`{each.part}`",
            *(answer for _, answer in table_of(each)),
            each.choice,
            _weighed(each),
        )
        for each in found
    ]
    blocks += compact(" | ".join(["part", *questions, "choice", "the criteria"]), rows)
    blocks.append(Heading("Reasons and rejected alternatives"))
    rows = []
    for saga in design.sagas:
        rows.append(
            row(
                mark_of(saga.why),
                f"`{saga.name}`",
                "orchestration",
                sentence(saga.why.value),
                _without(view, saga.name),
            )
        )
    for choreography in design.choreographies:
        events = dict.fromkeys(event for each in choreography.reactions for event in each.when)
        services = list(dict.fromkeys(each.who for each in choreography.reactions))
        other = (
            f"a saga: {listed(services)} would have to be up for {listed(events)} to end, and a saga would carry answers "
            "that no step reads"
        )
        rows.append(
            row(
                mark_of(choreography.why),
                f"`{choreography.name}`",
                "choreography",
                sentence(choreography.why.value),
                other,
            )
        )
    blocks += table("part | choice | why | rejected", rows)
    blocks.append(Pointer("F", f"{len(adrs(view))} decisions of {design.domain}, with their rejected alternatives"))
    blocks += [Heading("Coupling: kinds of messages from a row to a column"), *_coupling(view)]
    return Section("3", "Choreography or orchestration", tuple(blocks))


def _weighed(decision: Decision) -> str:
    speak = decision.criteria.speak_for
    return "agree" if speak == decision.choice else f"speak for {speak}"


def _without(view: View, saga_name: str) -> str:
    saga = next(each for each in view.design.sagas if each.name == saga_name)
    undos = [step.undo for step in reversed(saga.steps) if step.undo]
    places = list(dict.fromkeys(step.at for step in saga.steps))
    if undos:
        last = next(step for step in reversed(saga.steps) if step.undo)
        return (
            f"choreography: {plain([f'`{p}`' for p in places])} would each have to know when to {listed(undos, 'or')}, and no "
            f"place would know that `{last.do}` is still to be undone"
        )
    return f"choreography: no place would see that {listed(step.do for step in saga.steps)} did not end in time"


def _coupling(view: View) -> tuple[Block, ...]:
    """The kinds of messages between each pair of services."""
    design = view.design
    names = [service.name for service in design.services]
    kinds: dict[tuple[str, str], dict[str, None]] = {}
    for event in design.events:
        for consumer in design.consumers(event.name):
            kinds.setdefault((event.by, consumer), {})[event.name] = None
    for saga, step in design.steps:
        for command in step.sends:
            kinds.setdefault((saga.at, step.at), {})[command] = None
    rows = [row(R, f"`{origin}`", *(str(len(kinds.get((origin, to), {})) or "-") for to in names)) for origin in names]
    found = table(" | ".join(["from", *names]), rows)
    pairs = {pair: held for pair, held in kinds.items() if pair[0] != pair[1]}
    if not pairs:
        return found
    (origin, to), held = max(pairs.items(), key=lambda pair: (len(pair[1]), pair[0]))
    return (*found, Paragraph(f"The tightest pair is `{origin}` and `{to}`, by {listed(held)}.", R))

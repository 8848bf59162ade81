"""Section 0, one page: purpose, context, five numbers, what was said, risks, clashes, the heaviest assumptions, the first open
questions."""

from __future__ import annotations

import re
from dataclasses import dataclass

from partita.design.document import arithmetic
from partita.design.document.answered import first_clauses
from partita.design.document.block import (
    PLANNED,
    A,
    Block,
    Calculation,
    Figure,
    Heading,
    Item,
    Paragraph,
    Pointer,
    R,
    Section,
    bullets,
    mark_of,
    row,
    sums,
    table,
)
from partita.design.document.clashes.found import FIRST, first_clashes, questions
from partita.design.document.quantity import listed, rate, sentence
from partita.design.document.risk import risks
from partita.design.document.scene import context
from partita.design.document.view import View
from partita.design.model.ledger import Assumption

PURPOSE_MAX = 220
"""The clauses of the answers say the rest of a purpose that is a whole answer."""


@dataclass(frozen=True, slots=True)
class Most:
    """So many of each are on the first page: with more of them it is a second one."""

    risks: int
    clashes: int
    assumptions: int
    questions: int


USUAL = Most(risks=3, clashes=FIRST, assumptions=2, questions=3)
FEW = Most(risks=2, clashes=1, assumptions=2, questions=2)
"""Beside the clauses of the answers, whose deviations name clashes and questions too."""


def section(view: View) -> Section:
    """The page that an architect reads first."""
    design = view.design
    blocks: list[Block] = [Paragraph(_purpose(view), mark_of(design.purpose))]
    directed = [saga for saga in design.sagas if any(step.at != saga.at for step in saga.steps)]
    point = "; ".join(
        f"`{saga.at}` directs {listed(dict.fromkeys(s.at for s in saga.steps if s.at != saga.at))} by `{saga.name}`"
        for saga in directed
    )
    directors = {saga.at for saga in directed}
    react = list(dict.fromkeys(each.who for each in design.reactions if each.who not in directors))
    verb = "react" if react[1:] else "reacts"
    point = "; ".join(
        part for part in (point, f"{listed(react)} {verb} without being directed" if react else "") if part
    )
    blocks.append(
        Figure("context", context(design, is_small=True), f"{point or f'The services of {design.domain}'}.", R)
    )
    blocks += [Heading("Five numbers"), *sums(*_five(view))]
    said, about = first_clauses(view)
    blocks += said
    few = FEW if said else USUAL
    blocks.append(Heading("Top risks"))
    blocks += bullets(*(Item(each.text, each.mark) for each in risks(view)[: few.risks]))
    blocks += first_clashes(view, few.clashes, about)
    blocks.append(Heading("Assumptions"))
    shown = _heaviest(view, few.assumptions)
    blocks += table(
        "id | assumption | owner | if it is wrong",
        [row(A, each.id, each.text, each.owner, sentence(each.wrong)) for each in shown],
    )
    blocks.append(Heading("Open questions"))
    asked = questions(view)
    blocks += table(
        "id | question | owner",
        [row(PLANNED, each.id, each.text, each.owner) for each in asked[: few.questions]],
    ) or (Paragraph(f"The brief of {design.domain} leaves no question open.", R),)
    more = f", {len(asked)} questions and the decisions that hang on them" if asked else ""
    blocks.append(
        Pointer(
            "A",
            f"the rules of {design.domain} and where each is kept, all {len(view.ledger)} assumptions with the lines that "
            f"replace them{more}",
        )
    )
    return Section("0", "One page", tuple(blocks))


def _purpose(view: View) -> str:
    """The purpose; of a long one that is an answer the sentences at its beginning."""
    text = sentence(view.design.purpose.value)
    if not view.design.clauses or len(text) <= PURPOSE_MAX:
        return text
    found = ""
    for each in re.split(r"(?<=[.!?]) ", text):
        if found and len(found) + len(each) > PURPOSE_MAX:
            break
        found = f"{found} {each}".strip()
    return found


def _heaviest(view: View, most: int) -> tuple[Assumption, ...]:
    """The assumptions of the first page: those that its numbers are computed from, each consequence once."""
    own = len(view.design.assumptions)
    others = {each.wrong: each for each in reversed(view.ledger[own:])}
    return tuple(each for each in view.ledger[own:] if others[each.wrong] is each)[:most]


def _five(view: View) -> list[Calculation]:
    design = view.design
    found = []
    for stream in design.load.streams:
        steady, peak = stream.steady.value, stream.peak.value
        values = f"{rate(steady)} steady, {rate(peak)} peak"
        found.append(
            Calculation(f"rate of {stream.name}", "steady, peak", values, rate(peak), peak, mark_of(stream.steady))
        )
    found += [arithmetic.p95(design, saga) for saga in design.sagas]
    copies = design.bus.replication.value
    formula = "events outside the transaction of their state"
    lossy = [event.name for event in design.events if event.lossy]
    values = f"0 outside, {copies} copies" + (f"; of {', '.join(lossy)} those in flight" if lossy else "")
    found.append(Calculation("RPO of committed events", formula, values, "0 events", 0.0, R))
    return [*found, arithmetic.recovery(design), arithmetic.monthly(design)]

"""Section 0, one page: purpose, context, five numbers, risks, clashes, the heaviest assumptions, the first open questions."""

from __future__ import annotations

from partita.design.document import arithmetic
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
from partita.design.document.clashes.found import first_clashes, questions
from partita.design.document.quantity import listed, rate, sentence
from partita.design.document.risk import risks
from partita.design.document.scene import context
from partita.design.document.view import View
from partita.design.model.ledger import Assumption

ASSUMPTIONS_MAX = 3
QUESTIONS_MAX = 3
"""With more of them the first page is a second one."""


def section(view: View) -> Section:
    """The page that an architect reads first."""
    design = view.design
    blocks: list[Block] = [Paragraph(sentence(design.purpose.value), mark_of(design.purpose))]
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
    blocks.append(Heading("Top risks"))
    blocks += bullets(*(Item(each.text, each.mark) for each in risks(view)[:3]))
    blocks += first_clashes(view)
    blocks.append(Heading("Assumptions"))
    shown = _heaviest(view)
    blocks += table(
        "id | assumption | owner | if it is wrong",
        [row(A, each.id, each.text, each.owner, sentence(each.wrong)) for each in shown],
    )
    blocks.append(Heading("Open questions"))
    asked = questions(view)
    blocks += table(
        "id | question | owner",
        [row(PLANNED, each.id, each.text, each.owner) for each in asked[:QUESTIONS_MAX]],
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


def _heaviest(view: View) -> tuple[Assumption, ...]:
    """The assumptions of the first page: those of its own, then those that its numbers are computed from."""
    own = len(view.design.assumptions)
    first = view.ledger[: min(own, ASSUMPTIONS_MAX // 4)]
    others = {each.wrong: each for each in reversed(view.ledger[own:])}
    rest = [each for each in view.ledger[own:] if others[each.wrong] is each]
    return (*first, *rest[: ASSUMPTIONS_MAX - len(first)])


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

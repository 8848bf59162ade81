"""Section 0, one page: purpose, context, five numbers, risks, the rules of consistency, the ledger, the open questions."""

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
    R,
    Section,
    bullets,
    mark_of,
    row,
    sums,
    table,
)
from partita.design.document.quantity import listed, rate, sentence
from partita.design.document.risk import risks
from partita.design.document.rule_keeping import keeper
from partita.design.document.scene import context
from partita.design.document.view import View


def section(view: View) -> Section:
    """The page that an architect reads first."""
    design = view.design
    blocks: list[Block] = [Paragraph(sentence(design.purpose.value), mark_of(design.purpose))]
    directed = [saga for saga in design.sagas if any(step.at != saga.at for step in saga.steps)]
    point = "; ".join(
        f"`{saga.at}` directs {listed(dict.fromkeys(s.at for s in saga.steps if s.at != saga.at))} by `{saga.name}`"
        for saga in directed
    )
    react = list(dict.fromkeys(each.who for each in design.reactions))
    point = "; ".join(
        part for part in (point, f"{listed(react)} react without being directed" if react else "") if part
    )
    blocks.append(Figure("context", context(design), f"{point or f'The services of {design.domain}'}.", R))
    blocks += [Heading("Five numbers"), *sums(*_five(view))]
    blocks.append(Heading("Top risks"))
    blocks += bullets(*(Item(each.text, each.mark) for each in risks(view)[:3]))
    blocks.append(Heading("What must hold"))
    blocks += table(
        "rule | kind | kept by | section",
        [row(mark_of(rule.origin), sentence(rule.text), rule.kind, *keeper(view, rule)) for rule in design.rules],
    )
    blocks.append(Heading("Assumption ledger"))
    blocks += table(
        "id | assumption | owner | if it is wrong | write",
        [row(A, each.id, each.text, each.owner, sentence(each.wrong), _written(each.write)) for each in view.ledger],
    )
    blocks.append(Heading("Open questions"))
    blocks += table(
        "id | question | owner | what the answer decides",
        [row(PLANNED, each.id, each.text, each.owner, each.decides) for each in design.questions],
    ) or (Paragraph(f"The brief of {design.domain} leaves no question open.", R),)
    return Section("0", "One page", tuple(blocks))


def _written(line: str) -> str:
    """The line that replaces an assumption, as code where it is one."""
    return f"`{line}`" if ":" in line and "`" not in line else line


def _five(view: View) -> list[Calculation]:
    design = view.design
    found = []
    for stream in design.load.streams:
        steady, peak = stream.steady.value, stream.peak.value
        values = f"{rate(steady)} steady, {rate(peak)} peak"
        found.append(
            Calculation(f"rate of {stream.name}", "steady, peak", values, rate(peak), peak, mark_of(stream.steady))
        )
    found += [arithmetic.p95(saga) for saga in design.sagas]
    copies = design.bus.replication.value
    formula = "events that a commit leaves outside its transaction; a lossy event may be lost"
    lossy = [event.name for event in design.events if event.lossy]
    values = f"0 outside, {copies} copies" + (f"; of {', '.join(lossy)} those in flight" if lossy else "")
    found.append(Calculation("RPO of committed events", formula, values, "0 events", 0.0, R))
    return [*found, arithmetic.recovery(design), arithmetic.monthly(design)]

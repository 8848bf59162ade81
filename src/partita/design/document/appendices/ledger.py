"""Appendix A, the ledger: the rules and where each is kept, the clashes, each assumption with its owner and its consequence,
and each open question with what it decides."""

from __future__ import annotations

from partita.design.document.answered import all_clauses
from partita.design.document.block import (
    PLANNED,
    A,
    Block,
    Heading,
    Mark,
    Paragraph,
    R,
    Section,
    compact,
    mark_of,
    row,
    table,
)
from partita.design.document.clashes.found import all_clashes, questions
from partita.design.document.quantity import sentence
from partita.design.document.rule_keeping import keeper
from partita.design.document.view import View
from partita.design.model.rule import Rule
from partita.design.model.section import APPENDICES


def section(view: View) -> Section:
    """The assumptions and the questions, whole."""
    design = view.design
    said = {part for clause in design.clauses for part in clause.kept}
    rest = [rule for rule in design.rules if " ".join(rule.text.split()) not in said]
    blocks: list[Block] = [
        *all_clauses(view),
        Heading("What must hold" if not said else "What must hold beside it"),
        *(
            compact(
                "rule | kept by | section",
                [
                    row(
                        A if mark_of(rule.bound) is A else mark_of(rule.origin),
                        sentence(rule.text),
                        *keeper(view, rule),
                    )
                    for rule in rest
                ],
            )
            or (
                Paragraph(
                    f"No {'other ' if design.rules else ''}rule of consistency is declared for {design.domain}.", R
                ),
            )
        ),
        *all_clashes(view),
        Heading("Assumptions"),
    ]
    blocks += table(
        "id | assumption | owner | if it is wrong | write",
        [row(A, each.id, each.text, each.owner, sentence(each.wrong), _written(each.write)) for each in view.ledger],
    ) or (Paragraph(f"{design.domain} assumes nothing.", R),)
    blocks.append(Heading("Open questions"))
    blocks += table(
        "id | question | owner | what the answer decides",
        [row(PLANNED, each.id, each.text, each.owner, each.decides) for each in questions(view)],
    ) or (Paragraph(f"No question of {design.domain} is open.", R),)
    return Section("A", APPENDICES["A"], tuple(blocks))


def _mark(rule: Rule) -> Mark:
    """The mark of a rule with its keeper, which names the times of the rule."""
    return A if mark_of(rule.bound) is A else mark_of(rule.origin)


def _written(line: str) -> str:
    """The line that replaces an assumption, as code where it is one."""
    return f"`{line}`" if ":" in line and "`" not in line else line

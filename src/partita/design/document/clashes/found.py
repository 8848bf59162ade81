"""All clashes of a design, the heaviest first, and the questions that they leave to people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from partita.design.document.block import Block, Heading, row, table
from partita.design.document.clashes import people, promising, repeating, retrying
from partita.design.document.clashes.clash import Clash
from partita.design.document.view import View
from partita.design.model.ledger import Question

Rule = Callable[[View], Iterator[Clash]]
RULES: tuple[Rule, ...] = (
    retrying.first_retry,
    retrying.ladder,
    retrying.outage,
    retrying.dead_letters,
    repeating.weekend,
    repeating.retention,
    repeating.endless,
    repeating.one_key_for_all,
    repeating.several,
    repeating.coarse,
    repeating.outlived,
    promising.staleness,
    promising.any_order,
    promising.between_databases,
    promising.ceiling,
    promising.never_ends,
    people.load,
    people.machine,
    people.replayed,
)


FIRST = 2
"""So many clashes are on the first page, unless it has other things to say."""


def clashes(view: View, rules: Sequence[Rule] = RULES) -> list[Clash]:
    """The clashes of a design, the heaviest first."""
    return sorted((each for rule in rules for each in rule(view)), key=lambda each: -each.weight)


def questions(view: View) -> tuple[Question, ...]:
    """The questions of a design, then those of its clashes, under one numbering."""
    asked = dict.fromkeys((each.question, each.owner, each.decides) for each in clashes(view) if each.question)
    own = (Question(f"Q-{number}", *each) for number, each in enumerate(asked, len(view.design.questions) + 1))
    return (*view.design.questions, *own)


def first_clashes(view: View, most: int = FIRST, said: frozenset[str] = frozenset()) -> list[Block]:
    """The heaviest clashes, for the first page; not those about parts of which the page has said as much."""
    every = clashes(view)
    found = [each for each in every if not each.about or each.about not in said][:most]
    if not found:
        return []
    heading = Heading(f"Clashes in the facts, {len(found)} of {len(every)}")
    asked = _asked(view)
    rows = [row(each.mark, each.between, each.literally, _owner(asked, each)) for each in found]
    return [heading, *table("clash | taken literally | decides", rows)]


def all_clashes(view: View) -> list[Block]:
    """Each clash whole, for the ledger."""
    asked = _asked(view)
    rows = [row(each.mark, each.between, each.literally, each.does, _owner(asked, each)) for each in clashes(view)]
    columns = "clash | what happens if both are taken literally | what this design does | decides"
    return [Heading("Clashes"), *table(columns, rows)] if rows else []


def _asked(view: View) -> dict[str, str]:
    """The number of each question by its text."""
    return {question.text: question.id for question in questions(view)}


def _owner(asked: dict[str, str], each: Clash) -> str:
    return f"{each.owner}, {asked[each.question]}" if each.question else each.owner

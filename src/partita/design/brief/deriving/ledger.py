"""The ledger while a brief becomes a design: it numbers assumptions and questions, and makes the origins of facts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from partita.design.brief.part import Part
from partita.design.model.ledger import Assumption, Question
from partita.design.model.origin import Fact, Mark, Origin, weakest

T = TypeVar("T")


class Ledger:
    """The assumptions and questions so far, in the order in which they were made."""

    def __init__(self, source: str, assumed_lines: frozenset[int] = frozenset()) -> None:
        self.source = source
        self._assumed_lines = assumed_lines
        self._assumed: list[tuple[str, list[str], str, str, str]] = []
        self._asked: list[tuple[str, str, str]] = []

    def declared(self, line: int, why: str = "") -> Origin:
        """The origin of a fact that the brief declares; on a line with the comment `# assumed` it is an assumption."""
        if line in self._assumed_lines:
            return Origin("assumed", f"{self.source}:{line}", why or "the line is marked as assumed")
        return Origin("declared", f"{self.source}:{line}", why)

    def derived(self, why: str, line: int = 0, *, of: Iterable[Origin] = ()) -> Origin:
        """The origin of a fact that follows from others: from an assumed one follows an assumed one."""
        marks: list[Mark] = [each.mark for each in of]
        return Origin(weakest(*marks), f"{self.source}:{line}" if line else "", why)

    def assume(self, text: str, owner: str, wrong: str, write: str, *, about: str = "") -> Origin:
        """Take a default. Several parts with the same default are one assumption: `{about}` in its text lists them."""
        for known in self._assumed:
            if known[0] == text:
                if about and about not in known[1]:
                    known[1].append(about)
                break
        else:
            self._assumed.append((text, [about] if about else [], owner, wrong, write))
        return Origin("assumed", "", text.replace("{about}", about))

    def ask(self, text: str, owner: str, decides: str) -> None:
        """Leave a question to a person."""
        if (text, owner, decides) not in self._asked:
            self._asked.append((text, owner, decides))

    def fact(self, part: Part, key: str, value: T) -> Fact[T]:
        """A value that the brief declares at a key."""
        return Fact(value, self.declared(part.line_of(key)))

    def assumptions(self) -> tuple[Assumption, ...]:
        """A-1, A-2 and so on."""
        return tuple(
            Assumption(f"A-{number}", text.replace("{about}", _listed(about)), owner, wrong, write)
            for number, (text, about, owner, wrong, write) in enumerate(self._assumed, 1)
        )

    def questions(self) -> tuple[Question, ...]:
        """Q-1, Q-2 and so on."""
        return tuple(Question(f"Q-{number}", *each) for number, each in enumerate(self._asked, 1))


LISTED_MAX = 8


def _listed(names: list[str]) -> str:
    more = len(names) - LISTED_MAX
    shown = ", ".join(names[:LISTED_MAX])
    return f"{shown} and {more} more" if more > 0 else shown

"""The facts of a design that no code knows, declared beside the app."""

from __future__ import annotations

from dataclasses import dataclass

from partita.design.model.ledger import Question
from partita.design.model.load import Load
from partita.design.model.origin import Fact, Origin
from partita.design.model.rule import Rule
from partita.design.model.storage import AggregateDesign, ReadModelDesign

UNSAID = Origin("assumed", why="nothing is declared beside the app")
WEEK_S = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Beside:
    """The purpose, the load, the decisions about storage, the read models and the rules of an app."""

    domain: str = ""
    purpose: Fact[str] = Fact("", UNSAID)
    load: Load = Load((), Fact(WEEK_S, UNSAID))
    aggregates: tuple[AggregateDesign, ...] = ()
    read_models: tuple[ReadModelDesign, ...] = ()
    rules: tuple[Rule, ...] = ()

    def questions(self) -> tuple[Question, ...]:
        """The questions that are open where it says nothing."""
        asked = (
            (not self.purpose.value, "What is the purpose of the system, in one sentence?", "the first page"),
            (
                not self.load.streams,
                "How much arrives per second, steady and at the peak?",
                "partitions, disk, window rows",
            ),
            (not self.aggregates, "Which aggregates are there, and is the row or its events stored?", "section 7"),
            (not self.rules, "Which rules must hold, and within which time?", "sections 8, 11 and 13"),
        )
        open_ = [(text, decides) for is_open, text, decides in asked if is_open]
        return tuple(
            Question(f"Q-{number}", text, "the owner of the app", decides)
            for number, (text, decides) in enumerate(open_, 1)
        )

"""The view of a design that all sections share: the design, its ledger, topics and flow map, the tests of its project."""

from __future__ import annotations

from dataclasses import dataclass

from partita.design.document.flow_of_design import flow_of
from partita.design.document.ledger import ledger_of
from partita.design.document.shown import NO_TESTS, Shown
from partita.design.document.topic import TopicDesign, topics_of
from partita.design.model.design import Design
from partita.design.model.ledger import Assumption
from partita.flow.flow_map import FlowMap


@dataclass(frozen=True, slots=True)
class View:
    """A design as its sections see it."""

    design: Design
    ledger: tuple[Assumption, ...]
    topics: tuple[TopicDesign, ...]
    flow: FlowMap
    shown: Shown = NO_TESTS

    def topic(self, message: str) -> TopicDesign | None:
        """The topic of a message."""
        return next((topic for topic in self.topics if message in topic.messages), None)

    def team(self, service: str) -> str:
        """The team of a service."""
        return self.design.service(service).team


def view_of(design: Design, shown: Shown = NO_TESTS) -> View:
    """The view of a design, with the tests that show it."""
    return View(design, ledger_of(design), topics_of(design), flow_of(design), shown)

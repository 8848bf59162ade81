"""The tests that show the claims of a document: each has the name that the project of the design gives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["unit", "scenario", "contract", "simulation"]
"""unit: the engine decides, and nothing runs. scenario: the app runs by the test's clock. simulation: dice choose its faults."""
KINDS: tuple[Kind, ...] = get_args(Kind)
NONE = "-"
"""The cell of a claim that no test shows."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement that a test can show: about a step, a reaction, a saga, a rule or a schema by its name, under a fault."""

    about: tuple[str, ...]
    fault: str = ""


@dataclass(frozen=True, slots=True)
class WrittenTest:
    """A test of a project: its file, its class and its name there, its kind, what it plays in words, and the claims that it
    shows."""

    path: str
    case: str
    name: str
    kind: Kind
    plays: str
    shows: tuple[Claim, ...]

    @property
    def node(self) -> str:
        """Its id, as pytest selects it."""
        return f"{self.path}::{self.case}::{self.name}"


@dataclass(frozen=True, slots=True)
class Shown:
    """The tests of a project, and the reason where there are none."""

    tests: tuple[WrittenTest, ...] = ()
    missing: str = "no project was written from it"

    def of(self, *claims: Claim) -> list[WrittenTest]:
        """The tests that show one of these claims."""
        return [each for each in self.tests if any(claim in each.shows for claim in claims)]

    def cell(self, claim: Claim) -> str:
        """The tests that show a claim, by their names."""
        return ", ".join(f"`{each.name}`" for each in self.of(claim)) or NONE

    def result(self, tests: list[WrittenTest]) -> str:
        """The last result of some tests."""
        return "not run" if tests else NONE


NO_TESTS = Shown()


def about_step(saga: str, command: str, fault: str) -> Claim:
    """A step of a saga, or an undo of one, under a fault."""
    return Claim(("step", saga, command), fault)


def about_reaction(who: str, does: str, fault: str) -> Claim:
    """A reaction under a fault."""
    return Claim(("reaction", who, does), fault)


def about_entry(command: str, fault: str) -> Claim:
    """A command from outside under a fault."""
    return Claim(("entry", command), fault)


def about_saga(saga: str) -> Claim:
    """The ends of a saga."""
    return Claim(("saga", saga))


def about_rule(text: str) -> Claim:
    """A rule of consistency."""
    return Claim(("rule", text))


def about_schema(event: str) -> Claim:
    """The revisions of an event."""
    return Claim(("schema", event))

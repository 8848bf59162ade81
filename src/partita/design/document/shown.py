"""The tests that show the claims of a document: each has the name that the project of the design gives it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from partita.design.document.block import PLANNED, M, Mark
from partita.design.document.run import Run
from partita.errors import Conflict

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
    """The tests of a project and the digest of its files, the reason where there are none, and a run of them."""

    tests: tuple[WrittenTest, ...] = ()
    missing: str = "no project was written from it"
    project: str = ""
    run: Run | None = None

    def after(self, run: Run, source: str) -> Shown:
        """The same tests with the results of a run.

        Raises:
            Conflict: another project ran.
        """
        if run.project != self.project:
            raise Conflict(
                f"{source} is the run of another project, {run.project[:12]}; this design gives {self.project[:12] or 'none'}.",
                hint="Build its code again, then make test in its folder.",
            )
        return replace(self, run=run)

    def of(self, *claims: Claim) -> list[WrittenTest]:
        """The tests that show one of these claims."""
        return [each for each in self.tests if any(claim in each.shows for claim in claims)]

    def cell(self, claim: Claim) -> str:
        """The tests that show a claim, by their names; after a run each with its result."""
        return ", ".join(f"`{each.name}`{self._said(each)}" for each in self.of(claim)) or NONE

    def mark(self, tests: Sequence[WrittenTest]) -> Mark:
        """Measured where every one of these tests ran and passed, else planned."""
        return M if tests and all(self._result(each) == "passed" for each in tests) else PLANNED

    def result(self, tests: Sequence[WrittenTest]) -> str:
        """The last result of some tests."""
        if not tests:
            return NONE
        if self.run is None:
            return "not run"
        found = Counter(self._result(each) for each in tests)
        if found["failed"]:
            return f"FAILED {found['failed']} of {len(tests)}, {self.run.when}"
        if found["passed"] < len(tests):
            return f"ran {found['passed']} of {len(tests)}, {self.run.when}" if found["passed"] else "not run"
        return f"ran {self.run.when}"

    @property
    def failed(self) -> list[WrittenTest]:
        """The tests that failed in the run."""
        return [each for each in self.tests if self._result(each) == "failed"]

    @property
    def ran(self) -> str:
        """The run in one sentence."""
        assert self.run is not None, "it ran"
        found = Counter(self._result(each) for each in self.tests)
        without = len(self.tests) - found["passed"] - found["failed"]
        counts = f"passed = {found['passed']}; FAILED = {found['failed']}; without a result = {without}"
        return f"The tests ran {self.run.when}: {counts}."

    def _result(self, test: WrittenTest) -> str:
        return self.run.tests.get(test.node, "") if self.run is not None else ""

    def _said(self, test: WrittenTest) -> str:
        if self.run is None:
            return ""
        return {"passed": " ran", "failed": " FAILED"}.get(self._result(test), " not run")


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

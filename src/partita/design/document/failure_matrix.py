"""The failure matrix: each step of each saga, and each reaction, under each fault."""

from __future__ import annotations

import re
from collections.abc import Iterator

from partita.design.document.arithmetic import retry_time
from partita.design.document.assumed import SESSION_S
from partita.design.document.block import PLANNED, Row, row
from partita.design.document.quantity import listed, span
from partita.design.document.view import View
from partita.design.model.choreography import Reaction
from partita.design.model.saga import SagaDesign

COLUMNS = "step | fault | the customer sees | the system does | notified | shown by"
FAULTS = (
    "refused",
    "timeout",
    "crash before commit",
    "crash after commit",
    "duplicate",
    "reorder",
    "poison",
    "an hour away",
)
REACTION_FAULTS = ("crash before commit", "crash after commit", "duplicate", "reorder", "poison", "an hour away")


def of_saga(view: View, saga: SagaDesign) -> list[Row]:
    """The rows of a saga: each step under each fault."""
    rows = []
    for position, step in enumerate(saga.steps):
        cell = _StepCells(view, saga, position)
        for fault, found in zip(FAULTS, cell.all(), strict=True):
            rows.append(row(PLANNED, f"`{step.do}`", fault, *found, f"`{shown_by(saga.name, step.do, fault)}`"))
    return rows


def of_reactions(view: View) -> list[Row]:
    """The rows of the reactions, which no customer waits for."""
    rows = []
    for each in view.design.reactions:
        for fault, found in zip(REACTION_FAULTS, _of_reaction(view, each), strict=True):
            name = f"`{each.who}`: {each.does}"
            rows.append(row(PLANNED, name, fault, *found, f"`{shown_by(each.who, each.does, fault)}`"))
    return rows


def shown_by(*parts: str) -> str:
    """The name of the test that shows a row; from a brief alone it is planned."""
    words = "_".join(re.sub("(?<=[a-z0-9])(?=[A-Z])", "_", part) for part in parts)
    return "test_" + re.sub("[^a-z0-9]+", "_", words.lower()).strip("_")


class _StepCells:
    """The cells of one step: (the customer sees, the system does, notified)."""

    def __init__(self, view: View, saga: SagaDesign, position: int) -> None:
        self._view = view
        self._saga = saga
        self._step = saga.steps[position]
        self._is_late = position > saga.pivot
        self._undone = [each.undo for each in reversed(saga.steps[:position]) if each.undo]
        self._team = view.team(self._step.at)
        self._owner = view.team(saga.at)
        self._pending = f"`{saga.name}` pending, {span(saga.deadline.value)} at most"

    def all(self) -> Iterator[tuple[str, str, str]]:
        """The cells in the order of `FAULTS`."""
        yield self._refused()
        yield self._timeout()
        yield self._before_commit()
        yield self._after_commit()
        yield self._duplicate()
        yield self._reorder()
        yield self._poison()
        yield self._away()

    def _back(self, *first: str) -> str:
        undos = [each for each in (*first, *self._undone) if each]
        end = f"then publishes `{self._saga.failed}`" if self._saga.failed else "then ends undone"
        return f"sends {listed(undos)}, {end}" if undos else f"undoes nothing, {end}"

    @property
    def _failed(self) -> str:
        return f"`{self._saga.failed}`" if self._saga.failed else f"`{self._saga.name}` ended undone"

    def _refused(self) -> tuple[str, str, str]:
        step = self._step
        if not step.fail:
            return (
                self._pending,
                f"`{step.do}` declares no refusal: an error of `{step.at}` is tried again, as poison is",
                f"team {self._team}",
            )
        if self._is_late:
            return self._pending, f"{listed(step.fail)} cannot undo any more: a person decides", f"team {self._owner}"
        who = f"team {self._team}: none, {listed(step.fail, 'or')} is an outcome"
        return f"{self._failed}, with the reason of {listed(step.fail, 'or')}", self._back(), who

    def _timeout(self) -> tuple[str, str, str]:
        step, limit = self._step, span(self._step.timeout.value)
        if step.kind == "retriable" or step.on_timeout.value == "retry":
            return (
                self._pending,
                f"after {limit} `{self._saga.at}` sends `{step.do}` again with the same id, until `{step.ok}`",
                f"team {self._owner} when {span(self._saga.deadline.value)} have passed",
            )
        if step.on_timeout.value == "ask":
            return (
                self._pending,
                f"after {limit} `{self._saga.at}` asks `{step.at}` for the outcome of `{step.do}`: done goes on, not done "
                f"{self._back(step.undo)}",
                f"team {self._team}, by the rate of timeouts",
            )
        if not step.undo:
            return (
                self._pending,
                f"after {limit} the outcome of `{step.do}` is unknown: a person of {self._team} finds it out, then "
                f"`{self._saga.name}` goes on or {self._back()}",
                f"team {self._owner}",
            )
        return (
            f"{self._failed} after {limit}",
            f"the outcome of `{step.do}` is unknown, so `{self._saga.at}` {self._back(step.undo)}",
            f"team {self._team}, by the rate of timeouts",
        )

    def _before_commit(self) -> tuple[str, str, str]:
        step, seconds = self._step, span(SESSION_S)
        again = f"nothing of `{step.do}` is written; another process of `{step.at}` handles it after {seconds}"
        if step.kind != "retriable" and step.timeout.value <= SESSION_S:
            sees, does, notified = self._timeout()
            return sees, f"{again}, too late: {does}", notified
        return f"`{step.ok}` about {seconds} later", again, "none"

    def _after_commit(self) -> tuple[str, str, str]:
        step = self._step
        return (
            "no difference",
            f"effect, mark and `{step.ok}` are in one commit of `{step.at}`; the next relay sends `{step.ok}`",
            "none",
        )

    def _duplicate(self) -> tuple[str, str, str]:
        step = self._step
        return (
            "no difference",
            f"the mark of `{step.do}` in `{step.at}` answers with the first `{step.ok}`; its handler does not run",
            "none",
        )

    def _reorder(self) -> tuple[str, str, str]:
        step = self._step
        if step.undo:
            return (
                self._failed,
                f"`{step.undo}` before `{step.do}` leaves a tombstone: `{step.at}` then refuses the late `{step.do}`",
                "none",
            )
        return (
            "no difference",
            f"a late `{step.ok}` of an earlier try is dropped: `{self._saga.name}` has left `{step.name}`",
            "none",
        )

    def _poison(self) -> tuple[str, str, str]:
        step = self._step
        waits = retry_time(self._view.design).amount
        letter = f"`{step.do}` is a dead letter of `{step.at}` after {span(waits)}; its key waits, other keys go on"
        if step.kind == "retriable" or waits < step.timeout.value:
            return self._pending, letter, f"team {self._team}, by DeadLetters"
        sees, does, _ = self._timeout()
        return sees, f"{does}; meanwhile {letter}", f"team {self._team}, by DeadLetters"

    def _away(self) -> tuple[str, str, str]:
        step, hour = self._step, 3_600.0
        if step.timeout.value >= hour:
            return (
                self._pending,
                f"`{step.do}` waits in its topic; {span(step.timeout.value)} are more than the hour",
                f"team {self._team}, by ConsumerLate",
            )
        sees, does, _ = self._timeout()
        return (
            sees,
            f"{does}; the first `{step.do}` waits in its topic until `{step.at}` is back",
            f"team {self._team}, by NobodyThere",
        )


def _of_reaction(view: View, each: Reaction) -> Iterator[tuple[str, str, str]]:
    event, team = listed(each.when, "or"), view.team(each.who)
    late = f"{each.projects or each.does} late"
    again = f"{each.who} handles {event} again after {span(SESSION_S)}"
    yield late, f"nothing is written; {again}", "none"
    yield "no difference", f"effect and mark of {event} are in one commit of `{each.who}`", "none"
    yield "no difference", f"the mark of {event} in `{each.who}` drops the second one", "none"
    keys = dict.fromkeys(view.design.event(name).key for name in each.when)
    yield "no difference", f"{event} of one {listed(keys)} come in their order; across keys there is none", "none"
    waits = span(retry_time(view.design).amount)
    yield late, f"{event} is a dead letter of `{each.who}` after {waits}", f"team {team}, by DeadLetters"
    yield late, f"{event} waits in its topic, kept {span(_kept(view, each))}", f"team {team}, by ConsumerLate"


def _kept(view: View, each: Reaction) -> float | None:
    kept = [view.design.event(name).retention.value for name in each.when]
    return min((one for one in kept if one is not None), default=None)

"""The failure matrix: each step of each saga, and each reaction, under each fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from partita.design.document.arithmetic import retry_time
from partita.design.document.assumed import SESSION_S
from partita.design.document.block import PLANNED, Block, Paragraph, R, Row, row
from partita.design.document.outside import outside
from partita.design.document.quantity import listed, span
from partita.design.document.shown import NONE, Claim, about_reaction, about_step
from partita.design.document.view import View
from partita.design.model.choreography import Reaction
from partita.design.model.design import Design
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
REACTION_FAULTS = FAULTS[2:]
ENTRY_FAULTS = ("refused", *FAULTS[2:5], *FAULTS[6:])
HOUR_S = 3_600.0
NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a fault: the view of the customer, the action of the system, and the team that is notified."""

    sees: str
    does: str
    notified: str


def of_saga(view: View, saga: SagaDesign) -> list[Row]:
    """The rows of a saga: each step under each fault."""
    rows = []
    for position, step in enumerate(saga.steps):
        for fault, found in zip(FAULTS, _StepAnswers(view, saga, position).all(), strict=True):
            rows.append(shown_row(view, f"`{step.do}`", about_step(saga.name, step.do, fault), found))
    return rows


def of_reactions(view: View) -> list[Row]:
    """The rows of the reactions, which no customer waits for."""
    rows = []
    for each in view.design.reactions:
        for fault, found in zip(REACTION_FAULTS, _of_reaction(view, each), strict=True):
            claim = about_reaction(each.who, each.does, fault)
            rows.append(shown_row(view, f"`{each.who}`: {each.does}", claim, found))
    return rows


def summary_of(view: View, saga: SagaDesign) -> list[Row]:
    """The matrix of a saga with each answer once: the fault, the steps that it answers for, and the answer. Several steps are
    answered for in general words, one step by its names; a step that declares no refusal is answered for by its poison."""
    names = [step.do for step in saga.steps]
    exact = [list(_StepAnswers(view, saga, position).all()) for position in range(len(names))]
    general = [list(_StepAnswers(view, saga, position, is_general=True).all()) for position in range(len(names))]
    rows = []
    for number, fault in enumerate(FAULTS):
        groups: dict[Answer, list[int]] = {}
        for position, step in enumerate(saga.steps):
            if fault != "refused" or step.fail:
                groups.setdefault(general[position][number], []).append(position)
        for answer, positions in groups.items():
            found = exact[positions[0]][number] if len(positions) == 1 else answer
            steps = "each step" if len(positions) == len(names) > 1 else listed(names[at] for at in positions)
            rows.append(row(PLANNED, fault, steps, found.sees, found.does, found.notified))
    return rows


def summary_of_reactions(view: View) -> list[Block]:
    """The reactions in words: no customer waits for them, and they have one answer each."""
    design = view.design
    if not design.reactions:
        return []
    names = listed(dict.fromkeys(each.who for each in design.reactions))
    waits = retry_time(design)
    kept = [span(_kept(view, each)) for each in design.reactions]
    said = (
        f"Each reaction of {names} comes late at a fault, and holds up no saga. After a crash its event is handled again, or its "
        f"mark drops the copy; poison is a dead letter after {waits.result}, and later events of its key wait; for an hour away "
        f"events wait in their topics, kept {min(kept, key=kept.count)}."
    )
    return [Paragraph(said, PLANNED)]


def cells_of(design: Design) -> str:
    """The cells of the matrix: of steps, undos, reactions, first commands, and of services without the bus."""
    undos = sum(bool(step.undo) for _, step in design.steps)
    first = sum(command.enters for command in design.commands)
    parts = [
        (len(design.steps), "step", len(FAULTS)),
        (undos, "undo", len(FAULTS)),
        (len(design.reactions), "reaction", len(REACTION_FAULTS)),
        (first, "first command", len(ENTRY_FAULTS)),
    ]
    found = [f"{many} {name if many == 1 else f'{name}s'} x {faults} faults" for many, name, faults in parts if many]
    total = sum(many * faults for many, _, faults in parts) + len(design.services)
    return f"{' + '.join([*found, f'{len(design.services)} services without the bus'])} = {total} cells"


def shown_row(view: View, name: str, claim: Claim, answer: Answer) -> Row:
    """The row of a claim, with the tests that show it: measured once they ran and passed."""
    mark = view.shown.mark(view.shown.of(claim))
    return row(mark, name, claim.fault, answer.sees, answer.does, answer.notified, view.shown.cell(claim))


def balance(rows: list[Row]) -> Paragraph:
    """The number of cells that a test shows, and of those that none shows, by their faults."""
    bare = Counter(each.cells[1] for each in rows if each.cells[-1] == NONE)
    without = f"; by none = {bare.total()}: {', '.join(f'{n} x {fault}' for fault, n in bare.items())}" if bare else ""
    return Paragraph(f"Cells = {len(rows)}; shown by a test = {len(rows) - bare.total()}{without}.", R)


class _StepAnswers:
    """The answers of one step, by its names; in general words they are those of every step of its kind."""

    def __init__(self, view: View, saga: SagaDesign, position: int, *, is_general: bool = False) -> None:
        step = saga.steps[position]
        self._view = view
        self._saga = saga
        self._step = step
        self._is_general = is_general
        self._is_late = position > saga.pivot
        self._undone = [each.undo for each in reversed(saga.steps[:position]) if each.undo]
        self._owner = f"team {view.team(saga.at)}"
        self._team, self._at = (
            ("its team", "its service") if is_general else (f"team {view.team(step.at)}", f"`{step.at}`")
        )
        self._do, self._ok = ("the command", "its reply") if is_general else (f"`{step.do}`", f"`{step.ok}`")
        self._bare_do, self._bare_ok = ("command", "reply") if is_general else (self._do, self._ok)
        self._undo = "its undo" if is_general else f"`{step.undo}`"
        self._limit = "its timeout" if is_general else span(step.timeout.value)
        self._refusal = "its refusal" if is_general else listed(step.fail, "or")
        self._failed = f"`{saga.failed}`" if saga.failed else f"`{saga.name}` ended undone"
        self._end = f"publishes `{saga.failed}`" if saga.failed else "ends undone"

    def all(self) -> Iterator[Answer]:
        """The answers in the order of `FAULTS`."""
        yield self._refused()
        yield self._timeout()
        yield self._before_commit()
        yield self._after_commit()
        yield Answer(
            "no difference",
            f"the mark of {self._do} in {self._at} answers with {self._ok} as at first; no handler runs",
            NOBODY,
        )
        yield self._reorder()
        yield self._poison()
        yield self._away()

    @property
    def _pending(self) -> str:
        """The view of a customer while the saga waits. After the point of no return no deadline ends it."""
        if self._is_late:
            return f"pending until {self._ok}"
        return f"pending, {span(self._saga.deadline.value)} at most"

    def _back(self, *, with_own: bool = False) -> str:
        """The undo of the steps before, and of the own step where its outcome is unknown."""
        if self._is_general:
            return f"{'sends its undo and ' if with_own else ''}undoes the steps before it, then {self._end}"
        undos = [*([self._step.undo] if with_own and self._step.undo else []), *self._undone]
        return f"sends {listed(undos)}, then {self._end}" if undos else f"undoes nothing, then {self._end}"

    def _refused(self) -> Answer:
        if not self._step.fail:
            return Answer(
                self._pending,
                f"{self._do} declares no refusal: an error of {self._at} is tried again, as poison is",
                f"{self._team}, as for poison",
            )
        if self._is_late:
            return Answer(
                self._pending,
                f"{self._refusal} undoes nothing any more: a person decides",
                f"{self._owner}, by SagaNeedsAttention",
            )
        return Answer(f"{self._failed}, by {self._refusal}", self._back(), NOBODY)

    def _timeout(self) -> Answer:
        step = self._step
        if step.human and step.kind != "retriable" and step.on_timeout.value == "retry":
            return Answer(
                self._pending,
                f"after {self._limit} {self._do} stays open, and a decision still counts; the deadline alone ends the wait: it "
                f"{self._back(with_own=True)}",
                f"{self._team}, by PendingOverdue after {self._limit}",
            )
        if step.kind == "retriable" or step.on_timeout.value == "retry":
            deadline = span(self._saga.deadline.value)
            notified = f"{self._owner}, by SagaNeedsAttention after {deadline}" if self._is_late else NOBODY
            return Answer(
                self._pending, f"after {self._limit} `{self._saga.at}` sends {self._do} again under its id", notified
            )
        if step.on_timeout.value == "ask":
            return Answer(
                self._pending,
                f"after {self._limit} `{self._saga.at}` asks {self._at}: done goes on; not done {self._back(with_own=True)}",
                NOBODY,
            )
        if step.no_effect:
            return Answer(
                f"{self._failed} after {self._limit}", f"no effect of {self._do} is left: it {self._back()}", NOBODY
            )
        if not step.undo:
            return Answer(
                self._pending,
                f"the outcome is unknown: a person of {self._team} finds it out, then the saga goes on or {self._back()}",
                f"{self._owner}, by SagaNeedsAttention",
            )
        return Answer(
            f"{self._failed}, once {self._undo} is acknowledged",
            f"after {self._limit} the outcome is unknown: `{self._saga.at}` {self._back(with_own=True)}",
            NOBODY,
        )

    def _before_commit(self) -> Answer:
        seconds = span(SESSION_S)
        again = f"nothing is written; another process of {self._at} handles {self._do} after {seconds}"
        if any(step is self._step for _, step in outside(self._view.design)):
            again += "; a call outside that had been made is made again, with the same key"
        if self._is_too_late:
            late = self._timeout()
            return Answer(late.sees, f"{again}, too late: {late.does}", late.notified)
        return Answer(f"{seconds} later", again, NOBODY)

    def _after_commit(self) -> Answer:
        seconds = span(SESSION_S)
        kept = f"effect, mark and {self._ok} are one commit of {self._at}; another relay of it sends {self._ok}"
        if self._is_too_late:
            late = self._timeout()
            return Answer(late.sees, f"{kept}, too late: {late.does}", late.notified)
        return Answer(f"within {seconds}", kept, NOBODY)

    @property
    def _is_too_late(self) -> bool:
        return self._step.kind != "retriable" and self._step.timeout.value <= SESSION_S

    def _reorder(self) -> Answer:
        if self._step.undo:
            return Answer(
                self._failed,
                f"{self._undo} before {self._do} leaves a tombstone: {self._at} refuses the late {self._bare_do}",
                NOBODY,
            )
        return Answer(
            "no difference",
            f"`{self._saga.name}` has left the step: it records a late {self._bare_ok}, and drops it",
            NOBODY,
        )

    def _poison(self) -> Answer:
        step = self._step
        waits = sum(step.retry) if step.retry else retry_time(self._view.design).amount
        tried = "its retries" if self._is_general else span(waits)
        letter = f"{self._do} is a dead letter of {self._at} after {tried}"
        dead = f"{self._team}, by DeadLetters"
        if step.ask and step.undo and step.kind != "retriable":
            limit = span(self._saga.deadline.value)
            back = f"`{self._saga.at}` {self._back(with_own=True)}"
            does = f"{letter}, a question waits behind it; at the deadline of {limit} {back}"
            return Answer(f"pending for {limit}, then {self._failed}", does, dead)
        if step.kind == "retriable" or step.on_timeout.value != "undo" or not step.undo:
            return Answer(
                self._pending, f"{letter}; later messages of its {self._saga.key} wait, other keys go on", dead
            )
        if waits >= step.timeout.value:
            letter, dead = (
                f"{self._do} is tried again until {self._limit} has passed",
                f"{self._team}, by Storm",
            )
        return Answer(
            f"{self._failed}, once {self._undo} is acknowledged",
            f"{letter}; {self._undo} overtakes it and leaves a tombstone, then `{self._saga.at}` {self._end}",
            dead,
        )

    def _away(self) -> Answer:
        step = self._step
        if step.kind != "retriable" and step.on_timeout.value != "undo" and self._saga.deadline.value < HOUR_S:
            limit = span(self._saga.deadline.value)
            does = f"{self._do} waits in its topic; at the deadline of {limit} `{self._saga.at}` {self._back(with_own=True)}"
            return Answer(f"pending for {limit}, then {self._failed}", does, f"{self._team}, by NobodyThere")
        if step.kind == "retriable" or step.on_timeout.value == "retry":
            does = f"{self._do} waits in its topic and is sent again; the marks of {self._at} drop the copies"
            return Answer(self._pending if self._is_late else "an hour later", does, f"{self._team}, by NobodyThere")
        if step.timeout.value > HOUR_S:
            limit = "its timeout is" if self._is_general else f"{span(step.timeout.value)} are"
            does = f"{self._do} waits in its topic; {limit} more than the hour"
            return Answer("an hour later", does, f"{self._team}, by NobodyThere")
        if step.undo and step.on_timeout.value == "undo":
            return Answer(
                f"pending for the hour, then {self._failed}",
                f"{self._do} and, after {self._limit}, {self._undo} wait in their topic; {self._at} handles both, then "
                f"`{self._saga.at}` {self._end}",
                f"{self._team}, by NobodyThere; {self._owner}, as for its undo",
            )
        late = self._timeout()
        does = f"{late.does}; {self._do} waits in its topic until {self._at} is back"
        return Answer(late.sees, does, f"{self._team}, by NobodyThere")


def _of_reaction(view: View, each: Reaction) -> Iterator[Answer]:
    names, who = listed(each.when, "or"), f"`{each.who}`"
    team, late = f"team {view.team(each.who)}", f"{each.projects or each.does}: late"
    again = f"nothing is written; {who} handles {names} again after {span(SESSION_S)}"
    kept = f"effect and mark are one commit of {who}; its own events leave by another relay"
    if _calls_out(view, each):
        again += "; a call outside that had been made is made again, with the same key"
        kept = f"the mark of {who} keeps it from a second call, which only a crash before it can bring"
    yield Answer(late, again, NOBODY)
    yield Answer(late, kept, NOBODY)
    yield Answer("no difference", f"the mark of {who} drops the second copy of {names}", NOBODY)
    keys = listed(dict.fromkeys(view.design.event(name).key for name in each.when))
    yield Answer(
        "no difference",
        f"{who} handles the events of one {keys} in their order, those of other keys beside them",
        NOBODY,
    )
    waits = span(retry_time(view.design).amount)
    yield Answer(
        late,
        f"{names} is a dead letter after {waits}; later events of its {keys} wait behind it",
        f"{team}, by DeadLetters",
    )
    yield Answer(late, f"{names} waits in its topic, kept {span(_kept(view, each))}", f"{team}, by NobodyThere")


def _calls_out(view: View, each: Reaction) -> bool:
    """Whether a reaction can only act outside: its service keeps no aggregate, the reaction no read model and gives no event."""
    return not (each.projects or each.gives or view.design.service(each.who).owns)


def _kept(view: View, each: Reaction) -> float | None:
    kept = [view.design.event(name).retention.value for name in each.when]
    return min((one for one in kept if one is not None), default=None)

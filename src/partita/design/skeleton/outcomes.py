"""The outcomes of each saga, step by step: each refusal, silence, late answer, copy and failed undo, with the end that the design
promises."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from partita.design.document.assumed import SESSION_S
from partita.design.document.quantity import span
from partita.design.document.shown import Claim, about_entry, about_saga, about_step
from partita.design.model.saga import SagaDesign, StepDesign
from partita.design.skeleton.blueprint import Blueprint, Message
from partita.design.skeleton.code import duration
from partita.design.skeleton.dying import HOUR_S, PATIENCE_S, away, dying, mended, poisoned
from partita.design.skeleton.outcome import Answers, Outcome

LATE_S = 10.0
POISON_S = 86_400.0
"""The longest patience with a command that no try handles and that is sent again: days of tries would be played one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """The command from outside that leads to a saga's start event, and the way there: the other saga is refused, or waits."""

    command: Message
    stubs: Sequence[str] = ()
    answers: Answers = field(default_factory=dict)
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _Step:
    """A step of a saga, with the `undos` and the `work` of the steps that were done before it."""

    saga: SagaDesign
    step: StepDesign
    begins: Message
    undos: Sequence[str]
    work: Mapping[str, tuple[str, str]]

    @property
    def own(self) -> list[str]:
        return [self.step.undo] if self.step.undo else []

    @property
    def done(self) -> dict[str, tuple[str, str]]:
        return _done(self.saga)

    def under(self, *faults: str) -> list[Claim]:
        """The step under these faults."""
        return [about_step(self.saga.name, self.step.do, fault) for fault in faults]

    @property
    def patience_s(self) -> float:
        """The time after which the saga gives the step up."""
        return self.saga.deadline.value if self.step.on_timeout.value == "retry" else self.step.timeout.value


def outcomes_of(blue: Blueprint) -> list[Outcome]:
    """Every outcome of the sagas that a command from outside begins."""
    found: list[Outcome] = []
    for saga in blue.design.sagas:
        beginning = beginning_of(blue, saga.start)
        if beginning is not None:
            found += [_begun(outcome, beginning) for outcome in _of_saga(blue, saga, beginning.command)]
    return [
        replace(_with_people(blue, outcome), shows=[*outcome.shows, about_saga(outcome.saga.name)]) for outcome in found
    ]


def _begun(outcome: Outcome, beginning: Beginning) -> Outcome:
    """The outcome of a saga that another one begins: first that other one goes its way."""
    return replace(
        outcome,
        stubs=[*beginning.stubs, *outcome.stubs],
        wait_s=outcome.wait_s + beginning.wait_s,
        answers={**beginning.answers, **outcome.answers},
    )


def _with_people(blue: Blueprint, outcome: Outcome) -> Outcome:
    """The outcome with the decisions of people, who leave no work behind that an undo would look for."""
    people = {step.do: step.ok for _, step in blue.design.steps if step.human}
    silent = {*outcome.slow, *outcome.late}
    given = {do: value_of(blue, blue.messages[ok]) for do, ok in people.items() if do not in silent}
    answers = {do: answer for do, answer in {**given, **outcome.answers}.items() if answer}
    work = {do: state for do, state in outcome.work.items() if do not in people}
    return replace(outcome, answers=answers, work=work)


def beginning_of(blue: Blueprint, event: str, seen: tuple[str, ...] = ()) -> Beginning | None:
    """The command from outside that leads to an event: by itself, by a reaction, by a step that another saga does well or undoes,
    or by the end of another saga that is undone."""
    entry = blue.entry(event)
    if entry is not None or event in seen:
        return Beginning(command=entry) if entry is not None else None
    seen = (*seen, event)
    for reaction in blue.design.reactions:
        if event in reaction.gives:
            return beginning_of(blue, reaction.when[0], seen)
    for saga, step in blue.design.steps:
        if step.ok == event:
            return beginning_of(blue, saga.start, seen)
    for saga in blue.design.sagas:
        failing = _failing(blue, saga, event)
        first = beginning_of(blue, saga.start, seen) if failing is not None else None
        if failing is not None and first is not None:
            return replace(
                failing,
                command=first.command,
                stubs=[*first.stubs, *failing.stubs],
                answers={**first.answers, **failing.answers},
                wait_s=first.wait_s + failing.wait_s,
            )
    return None


def _failing(blue: Blueprint, saga: SagaDesign, event: str) -> Beginning | None:
    """The way of a saga to an event of its undoing; its command is still that of the step."""
    undoable = [(index, step) for index, step in enumerate(saga.steps) if index <= saga.pivot]
    for index, step in undoable:
        if event == step.undone:
            later = next(((i, each) for i, each in undoable if i > index), None)
            return _given_up(blue, saga, *(later or (index, step))[1:], is_refused=later is not None)
    refusable = next((step for _, step in undoable if step.fail), undoable[0][1] if undoable else None)
    if event == saga.failed and refusable is not None:
        return _given_up(blue, saga, refusable, is_refused=True)
    return None


def _given_up(blue: Blueprint, saga: SagaDesign, step: StepDesign, *, is_refused: bool) -> Beginning:
    command = blue.messages[step.do]
    refusal = value_of(blue, blue.messages[step.fail[0]]) if step.fail and is_refused else ""
    limit_s = saga.deadline.value if step.on_timeout.value == "retry" else step.timeout.value
    wait_s = 0.0 if refusal else limit_s + 1
    if step.human:
        return Beginning(command=command, answers={step.do: refusal}, wait_s=wait_s)
    stub = f"t.stub({step.do}).refuses({refusal})" if refusal else f"t.stub({step.do}).is_silent()"
    return Beginning(command=command, stubs=[stub], wait_s=wait_s)


def _of_saga(blue: Blueprint, saga: SagaDesign, begins: Message) -> Iterator[Outcome]:
    done = _done(saga)
    name = f"{saga.name}_goes_well"
    well = Outcome(name=name, title="everything goes well", saga=saga, begins=[begins], work=done)
    yield well
    if blue.starts(begins.reply):
        yield Outcome(
            name=f"{saga.name}_begins_twice",
            title=f"{begins.name} is sent twice",
            saga=saga,
            begins=[begins, begins],
            work=done,
            shows=[about_entry(begins.name, "duplicate")],
        )
    yield from dying(blue.design, well)
    for index, step in enumerate(saga.steps):
        earlier = saga.touched(step)
        undos = [each.undo for each in reversed(earlier) if each.undo]
        at = _Step(saga, step, begins, undos, {each.do: (each.at, "undone") for each in earlier if each.undo})
        if index <= saga.pivot:
            yield from _before_the_pivot(blue, at, well)
        elif not step.human:
            yield _retriable(blue, at)
            if step.at != saga.at:
                yield mended(well, step, _retries_s(blue))
        if step.timers:
            yield _answered_after_its_timers(blue, at)
        if step.human:
            yield from _decided(blue, at, is_undoable=index <= saga.pivot)
        elif step.at != saga.at:
            yield Outcome(
                name=f"{saga.name}_{step.do}_is_answered_twice",
                title=f"{step.do} is answered twice",
                saga=saga,
                begins=[begins],
                stubs=[f"t.stub({step.do}).answers_twice()"],
                work=done,
                shows=[] if step.undo else at.under("reorder"),
            )


def _done(saga: SagaDesign) -> dict[str, tuple[str, str]]:
    return {step.do: (step.at, "done") for step in saga.steps if not step.no_effect}


def _before_the_pivot(blue: Blueprint, at: _Step, well: Outcome) -> Iterator[Outcome]:
    """A step that can be undone. It is undone itself when its outcome is unknown, and not when it was refused."""
    saga, step = at.saga, at.step
    silence = [] if step.human else [f"t.stub({step.do}).is_silent()"]
    for refusal in step.fail:
        value = value_of(blue, blue.messages[refusal])
        yield Outcome(
            name=f"{saga.name}_{step.do}_is_refused_by_{refusal}",
            title=f"{step.do} is refused: {refusal}",
            saga=saga,
            begins=[at.begins],
            stubs=[] if step.human else [f"t.stub({step.do}).refuses({value})"],
            answers={step.do: value} if step.human else {},
            is_undone=True,
            undos=at.undos,
            work=dict(at.work),
            shows=at.under("refused"),
        )
    silent = _silent(at, silence)
    yield silent
    if _is_poison_played(blue, at):
        yield poisoned(silent, step)
    gone = away(well, silent, step)
    if gone is not None:
        yield gone
    if step.human:
        decision = {step.do: value_of(blue, blue.messages[step.ok])}
        yield replace(
            silent,
            name=f"{saga.name}_{step.do}_is_decided_late",
            title=f"{step.do} is decided after {span(at.patience_s)}, when it is given up",
            answers={},
            late=decision,
        )
    if step.ask:
        yield Outcome(
            name=f"{saga.name}_{step.do}_loses_its_answer",
            title=f"{step.do} is done, its answer is lost, and {step.ask} finds it",
            saga=saga,
            begins=[at.begins],
            stubs=[f"t.stub({step.do}).does_it_unanswered()"],
            wait_s=at.patience_s + 1,
            work=at.done,
            shows=at.under("timeout"),
        )
    if step.on_timeout.value != "undo" and not step.human and step.at != saga.at:
        yield _away(at)
    if at.own:
        yield Outcome(
            name=f"{saga.name}_{step.undo}_fails_at_first",
            title=f"{step.undo} fails, and is sent until it is done",
            saga=saga,
            begins=[at.begins],
            stubs=[*silence, f't.stub({step.undo}).fails(ConnectionError("not reached"))'],
            answers={step.do: ""} if step.human else {},
            wait_s=at.patience_s + 30,
            mends=[f"t.stub({step.undo}).is_real()"],
            then_s=PATIENCE_S,
            is_undone=True,
            undos=[*at.own, *at.undos],
            work=dict(at.work),
            dead_letters=True,
            shows=[about_step(saga.name, step.undo, fault) for fault in ("timeout", "poison")],
        )
    if step.at != saga.at and not step.human:
        yield _late(at)


def _silent(at: _Step, silence: list[str]) -> Outcome:
    """No answer until the saga gives the step up: the outcome is unknown, so it is undone too."""
    saga, step = at.saga, at.step
    return Outcome(
        name=f"{saga.name}_{step.do}_is_not_answered",
        title=f"{step.do} gets no answer for {span(at.patience_s)}",
        saga=saga,
        begins=[at.begins],
        stubs=silence,
        answers={step.do: ""} if step.human else {},
        wait_s=at.patience_s + 1,
        is_undone=True,
        undos=[*at.own, *at.undos],
        work=dict(at.work),
        sends=Counter(timer.do for timer in step.timers) if step.on_timeout.value != "retry" else {},
        shows=at.under("timeout"),
    )


def _away(at: _Step) -> Outcome:
    """A service that is away for an hour, or half of the deadline: its command waits, and a question behind it."""
    saga, step = at.saga, at.step
    away_s = min(HOUR_S, saga.deadline.value / 2)
    return Outcome(
        name=f"{saga.name}_{step.do}_waits_at_first",
        title=f"{step.do} waits for {step.at}, which is away for {span(away_s)}",
        saga=saga,
        begins=[at.begins],
        stubs=[f"t.stub({step.do}).is_away()"],
        wait_s=away_s,
        mends=[f"t.stub({step.do}).is_real()"],
        then_s=PATIENCE_S,
        work=at.done,
        repeated=[step.ok] if step.ask else [],
        shows=at.under("an hour away") if away_s == HOUR_S else [],
    )


def _is_poison_played(blue: Blueprint, at: _Step) -> bool:
    """Whether a project plays a command that no try handles."""
    step = at.step
    limit_s = {"retry": at.patience_s, "ask": at.saga.deadline.value}.get(step.on_timeout.value, 0.0)
    return limit_s <= POISON_S and (bool(step.undo) or not step.human)


def _late(at: _Step) -> Outcome:
    """An answer after the timeout: the work was done, so it is taken back. A saga that tries again or asks takes the answer."""
    saga, step = at.saga, at.step
    is_undone = step.on_timeout.value == "undo"
    return Outcome(
        name=f"{saga.name}_{step.do}_is_answered_late",
        title=f"{step.do} is answered {span(LATE_S)} too late",
        saga=saga,
        begins=[at.begins],
        stubs=[f"t.stub({step.do}).answers_late({duration(step.timeout.value + LATE_S)})"],
        wait_s=step.timeout.value + 2 * LATE_S,
        is_undone=is_undone,
        undos=[*at.own, *at.undos] if is_undone else [],
        work={**at.work, **({step.do: (step.at, "undone")} if at.own else {})} if is_undone else at.done,
        repeated=[step.ok] if step.ask else [],
        shows=at.under("crash after commit") if step.timeout.value <= SESSION_S else [],
    )


def _answered_after_its_timers(blue: Blueprint, at: _Step) -> Outcome:
    """Each reminder and each escalation is sent once, and then the answer comes in time."""
    saga, step = at.saga, at.step
    last_s = step.timers[-1].after + 1
    ok = value_of(blue, blue.messages[step.ok])
    return Outcome(
        name=f"{saga.name}_{step.do}_is_answered_after_its_timers",
        title=f"{step.do} is answered after {span(step.timers[-1].after)}",
        saga=saga,
        begins=[at.begins],
        stubs=[] if step.human else [f"t.stub({step.do}).answers_late({duration(last_s)})"],
        slow={step.do: ok} if step.human else {},
        wait_s=last_s + 1,
        work=at.done,
        sends=Counter(timer.do for timer in step.timers),
    )


def _decided(blue: Blueprint, at: _Step, *, is_undoable: bool) -> Iterator[Outcome]:
    """A person decides twice: the same decision again changes nothing, another one is refused."""
    saga, step = at.saga, at.step
    others = step.fail if is_undoable else ()
    first, second = (value_of(blue, blue.messages[step.ok], stem) for stem in ("1", "2"))
    other = value_of(blue, blue.messages[others[0]]) if others else second if second != first else ""
    yield Outcome(
        name=f"{saga.name}_{step.do}_is_decided_twice",
        title=f"{step.do} is decided twice{', and then otherwise' if other else ''}",
        saga=saga,
        begins=[at.begins],
        again={step.do: other},
        work=at.done,
    )
    stays_open = step.on_timeout.value == "retry" and 2 * step.timeout.value < saga.deadline.value - LATE_S
    if not is_undoable or stays_open:
        yield Outcome(
            name=f"{saga.name}_{step.do}_waits_at_first",
            title=f"{step.do} is decided after {span(2 * step.timeout.value)}, and was sent again meanwhile",
            saga=saga,
            begins=[at.begins],
            slow={step.do: value_of(blue, blue.messages[step.ok])},
            wait_s=2 * step.timeout.value + 1,
            work=at.done,
        )


def _retriable(blue: Blueprint, at: _Step) -> Outcome:
    """A step after the point of no return: its participant is away, or fails where it is the saga's own service."""
    saga, step = at.saga, at.step
    is_own = step.at == saga.at
    faults = ["timeout", "poison" if is_own else "an hour away", *(["refused"] if is_own and not step.fail else [])]
    return Outcome(
        name=f"{saga.name}_{step.do}_{'fails' if is_own else 'waits'}_at_first",
        title=f"{step.do} {'fails' if is_own else 'waits for ' + step.at}, and is sent until it is done",
        saga=saga,
        begins=[at.begins],
        stubs=[
            f't.stub({step.do}).fails(ConnectionError("not reached"))' if is_own else f"t.stub({step.do}).is_away()"
        ],
        wait_s=max(2 * step.timeout.value, _retries_s(blue) if is_own else HOUR_S) + 1,
        mends=[f"t.stub({step.do}).is_real()"],
        then_s=PATIENCE_S,
        work=at.done,
        dead_letters=is_own,
        shows=at.under(*faults),
    )


def _retries_s(blue: Blueprint) -> float:
    """The time after which a message that no try handles is a dead letter."""
    return sum(blue.design.failure.retry_topics.value) + 60.0


def value_of(blue: Blueprint, message: Message, stem: str = "1") -> str:
    """A message with plain values."""
    fields = (f"{each.name}={blue.words.value(each, stem)}" for each in message.fields if not each.default)
    return f"{message.name}({', '.join(fields)})"

"""The outcomes of each saga, step by step: each refusal, silence, late answer, copy and failed undo, with the end that the design
promises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from partita.design.document.quantity import span
from partita.design.model.saga import SagaDesign, StepDesign
from partita.design.skeleton.blueprint import Blueprint, Message, reminder_of
from partita.design.skeleton.code import duration

LATE_S = 10.0
PATIENCE_S = 14_400.0
"""Longer than the longest pause between two tries of an undo, and than all retry topics together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One way in which a saga goes. `stubs` and `mends` are calls on stubs before it and after `wait_s`; `work` says for each
    command of its steps whether its work was done or undone in the end, `undos` the commands that undid it."""

    name: str
    title: str
    saga: SagaDesign
    begins: Sequence[Message]
    stubs: Sequence[str] = ()
    wait_s: float = 0.0
    mends: Sequence[str] = ()
    then_s: float = 0.0
    is_undone: bool = False
    undos: Sequence[str] = ()
    work: dict[str, tuple[str, str]] = field(default_factory=dict)
    sends: dict[str, int] = field(default_factory=dict)
    answers: Sequence[tuple[str, str]] = ()
    dead_letters: bool = False


def outcomes_of(blue: Blueprint) -> list[Outcome]:
    """Every outcome of the sagas that a command from outside begins."""
    found: list[Outcome] = []
    for saga in blue.design.sagas:
        begins = begin_of(blue, saga.start)
        if begins is not None and begins.key == saga.key:
            found += _of_saga(blue, saga, begins)
    return [_with_people(blue, outcome) for outcome in found]


def _with_people(blue: Blueprint, outcome: Outcome) -> Outcome:
    """The outcome with the decisions of people, who leave no work behind that an undo would look for."""
    people = {step.do: step.ok for _, step in blue.design.steps if step.human}
    said = dict(outcome.answers)
    answers = [(do, said.get(do, value_of(blue, blue.messages[ok]))) for do, ok in people.items()]
    work = {do: state for do, state in outcome.work.items() if do not in people}
    return replace(outcome, answers=[(do, answer) for do, answer in answers if answer], work=work)


def begin_of(blue: Blueprint, event: str, seen: tuple[str, ...] = ()) -> Message | None:
    """The command from outside that leads to an event: by itself, by a reaction, or by a step that another saga does well."""
    entry = blue.entry(event)
    if entry is not None or event in seen:
        return entry
    for reaction in blue.design.reactions:
        if event in reaction.gives:
            return begin_of(blue, reaction.when[0], (*seen, event))
    for saga, step in blue.design.steps:
        if step.ok == event:
            return begin_of(blue, saga.start, (*seen, event))
    return None


def _of_saga(blue: Blueprint, saga: SagaDesign, begins: Message) -> Iterator[Outcome]:
    done = {step.do: (step.at, "done") for step in saga.steps if not step.no_effect}
    name = f"{saga.name}_goes_well"
    yield Outcome(name=name, title="everything goes well", saga=saga, begins=[begins], work=done)
    if blue.starts(begins.reply):
        yield Outcome(
            name=f"{saga.name}_begins_twice",
            title=f"{begins.name} is sent twice",
            saga=saga,
            begins=[begins, begins],
            work=done,
        )
    for index, step in enumerate(saga.steps):
        if index <= saga.pivot:
            yield from _before_the_pivot(blue, saga, begins, index)
        else:
            yield _retriable(saga, begins, step, done)
        if step.at != saga.at and not step.human:
            yield Outcome(
                name=f"{saga.name}_{step.do}_is_answered_twice",
                title=f"{step.do} is answered twice",
                saga=saga,
                begins=[begins],
                stubs=[f"t.stub({step.do}).answers_twice()"],
                work=done,
            )


def _before_the_pivot(blue: Blueprint, saga: SagaDesign, begins: Message, index: int) -> Iterator[Outcome]:
    """A step that can be undone. It is undone itself when its outcome is unknown, and not when it was refused."""
    step, earlier = saga.steps[index], saga.steps[:index]
    undos = [each.undo for each in reversed(earlier) if each.undo]
    undone = {each.do: (each.at, "undone") for each in earlier if each.undo}
    own = [step.undo] if step.undo else []
    patience_s = saga.deadline.value if step.on_timeout.value == "retry" else step.timeout.value
    silence = [] if step.human else [f"t.stub({step.do}).is_silent()"]
    for refusal in step.fail:
        yield Outcome(
            name=f"{saga.name}_{step.do}_is_refused_by_{refusal}",
            title=f"{step.do} is refused: {refusal}",
            saga=saga,
            begins=[begins],
            stubs=[] if step.human else [f"t.stub({step.do}).refuses({refusal_value(blue, refusal)})"],
            answers=[(step.do, refusal_value(blue, refusal))] if step.human else [],
            is_undone=True,
            undos=undos,
            work=undone,
        )
    yield Outcome(
        name=f"{saga.name}_{step.do}_is_not_answered",
        title=f"{step.do} gets no answer for {span(patience_s)}",
        saga=saga,
        begins=[begins],
        stubs=silence,
        answers=[(step.do, "")],
        wait_s=patience_s + 1,
        is_undone=True,
        undos=[*own, *undos],
        work=undone,
        sends={reminder_of(step): len(step.remind)} if step.remind else {},
    )
    if own:
        yield Outcome(
            name=f"{saga.name}_{step.undo}_fails_at_first",
            title=f"{step.undo} fails, and is sent until it is done",
            saga=saga,
            begins=[begins],
            stubs=[*silence, f't.stub({step.undo}).fails(ConnectionError("not reached"))'],
            answers=[(step.do, "")],
            wait_s=patience_s + 30,
            mends=[f"t.stub({step.undo}).is_real()"],
            then_s=PATIENCE_S,
            is_undone=True,
            undos=[*own, *undos],
            work=undone,
            dead_letters=True,
        )
    if step.at != saga.at and not step.human:
        yield _late(saga, begins, step, undos, undone)


def _late(
    saga: SagaDesign, begins: Message, step: StepDesign, undos: Sequence[str], undone: dict[str, tuple[str, str]]
) -> Outcome:
    """An answer after the timeout: the work was done, so it is taken back. A saga that only tries again takes the answer."""
    is_undone = step.on_timeout.value == "undo"
    done = {each.do: (each.at, "done") for each in saga.steps if not each.no_effect}
    own = [step.undo] if step.undo else []
    return Outcome(
        name=f"{saga.name}_{step.do}_is_answered_late",
        title=f"{step.do} is answered {span(LATE_S)} too late",
        saga=saga,
        begins=[begins],
        stubs=[f"t.stub({step.do}).answers_late({duration(step.timeout.value + LATE_S)})"],
        wait_s=step.timeout.value + 2 * LATE_S,
        is_undone=is_undone,
        undos=[*own, *undos] if is_undone else [],
        work={**undone, **({step.do: (step.at, "undone")} if own else {})} if is_undone else done,
    )


def _retriable(saga: SagaDesign, begins: Message, step: StepDesign, done: dict[str, tuple[str, str]]) -> Outcome:
    """A step after the point of no return: its participant is away, or fails where it is the saga's own service."""
    is_own = step.at == saga.at
    return Outcome(
        name=f"{saga.name}_{step.do}_{'fails' if is_own else 'waits'}_at_first",
        title=f"{step.do} {'fails' if is_own else 'waits for ' + step.at}, and is sent until it is done",
        saga=saga,
        begins=[begins],
        stubs=[
            f't.stub({step.do}).fails(ConnectionError("not reached"))' if is_own else f"t.stub({step.do}).is_away()"
        ],
        wait_s=2 * step.timeout.value + 1,
        mends=[f"t.stub({step.do}).is_real()"],
        then_s=PATIENCE_S,
        work=done,
        dead_letters=is_own,
    )


def refusal_value(blue: Blueprint, name: str) -> str:
    """A refusal with plain values."""
    return value_of(blue, blue.messages[name])


def value_of(blue: Blueprint, message: Message, stem: str = "1") -> str:
    """A message with plain values."""
    fields = (f"{each.name}={blue.words.value(each, stem)}" for each in message.fields if not each.default)
    return f"{message.name}({', '.join(fields)})"

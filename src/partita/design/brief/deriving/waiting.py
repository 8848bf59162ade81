"""The messages of a step that waits: the commands of its timers, the question after its timeout, and the answers to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from partita.design.brief.deriving.fields import ENVELOPE_BYTES, bytes_of
from partita.design.brief.deriving.ledger import Ledger
from partita.design.brief.deriving.load import REFUSED, SILENT
from partita.design.brief.deriving.services import ARCHITECT
from partita.design.brief.deriving.verbs import not_done_of, timer_answer_of
from partita.design.model.field import FieldDesign
from partita.design.model.message import CommandDesign, EventDesign, EventKind
from partita.design.model.origin import Fact, Origin
from partita.design.model.saga import SagaDesign, StepDesign, TimerDesign


def commands_of_waiting(sagas: Iterable[SagaDesign], commands: Iterable[CommandDesign]) -> tuple[CommandDesign, ...]:
    """The commands that sagas send while a step waits, and those that ask for the outcome of a step."""
    by_name = {each.name: each for each in commands}
    found: dict[str, CommandDesign] = {}
    for saga in sagas:
        for step in saga.steps:
            for each in (*_of_timers(saga, step, by_name[step.do]), *_question(step, by_name[step.do])):
                found.setdefault(each.name, each)
    return tuple(found.values())


def answers_of_waiting(
    sagas: Iterable[SagaDesign],
    commands: Iterable[CommandDesign],
    rates: Mapping[str, Fact[float]],
    retention: Fact[float | None],
    ledger: Ledger,
) -> tuple[EventDesign, ...]:
    """The answers to `commands_of_waiting`; no brief declares them. The answer to a question that finds the work done is that of
    the step."""
    by_name = {each.name: each for each in commands}
    found: dict[str, EventDesign] = {}
    for saga in sagas:
        for step in saga.steps:
            if not step.timers and not step.ask:
                continue
            begun = rates[saga.start].value if saga.start in rates else 0.0
            shares = _shares(step, ledger)
            for name, kind, asked in _answers(step):
                key = _key_of(by_name[asked])
                found.setdefault(
                    name,
                    EventDesign(
                        name=name,
                        by=step.at,
                        key=saga.key,
                        fields=key,
                        meaning=_meant(f"{step.do} was not done." if kind == "refusal" else f"{asked} is done.", asked),
                        kind=kind,
                        rate=Fact(begun * shares[kind][0], shares[kind][1]),
                        bytes=Fact(bytes_of(key) + ENVELOPE_BYTES, ledger.derived("its key and the envelope")),
                        retention=Fact(retention.value, ledger.derived("the retention of the load")),
                        origin=Origin("derived", step.origin.place, f"it answers {asked}"),
                    ),
                )
    return tuple(found.values())


def _shares(step: StepDesign, ledger: Ledger) -> dict[EventKind, tuple[float, Origin]]:
    """The part of all sagas in which the answers to reminders come, and that in which a question finds nothing done."""
    shares: dict[EventKind, tuple[float, Origin]] = {}
    if step.timers:
        shares["reply"] = REFUSED, ledger.assume(
            "One in twenty waits so long that its saga sends a reminder: {about}.", ARCHITECT,
            "reminders and their answers are more or fewer", "the times of the timers, at the step", about=step.do,
        )  # fmt: skip
    if step.ask:
        shares["refusal"] = SILENT, ledger.assume(
            "One in a hundred is asked about after its timeout, and was not done: {about}.", ARCHITECT,
            "questions and their answers are more or fewer", "timeout: at the step", about=step.do,
        )  # fmt: skip
    return shares


def _answers(step: StepDesign) -> Iterator[tuple[str, EventKind, str]]:
    for timer in step.timers:
        yield timer_answer_of(timer.do), "reply", timer.do
    if step.ask:
        yield not_done_of(step.do), "refusal", step.ask


def _of_timers(saga: SagaDesign, step: StepDesign, command: CommandDesign) -> Iterator[CommandDesign]:
    for timer in step.timers:
        yield CommandDesign(
            timer.do, step.at, command.key, _key_of(command), timer_answer_of(timer.do), (),
            _meant(_says(saga, step, timer), step.do), _sent(step, f"{saga.name} sends it while {step.do} waits"),
        )  # fmt: skip


def _says(saga: SagaDesign, step: StepDesign, timer: TimerDesign) -> str:
    return {
        "remind": f"Reminds the owner of {step.do}, for which {saga.name} waits.",
        "escalate": f"Tells {timer.to} that {saga.name} still waits for {step.do}.",
        "send": f"{saga.name} still waits for {step.do}.",
    }[timer.kind]


def _question(step: StepDesign, command: CommandDesign) -> Iterator[CommandDesign]:
    if step.ask:
        yield CommandDesign(
            step.ask, step.at, command.key, command.fields, command.reply, (not_done_of(step.do),),
            _meant(f"Asks whether {step.do} was done.", step.do), _sent(step, f"it asks when {step.do} has no answer"),
            asks=step.do,
        )  # fmt: skip


def _key_of(command: CommandDesign) -> tuple[FieldDesign, ...]:
    return tuple(each for each in command.fields if each.name == command.key)


def _meant(sentence: str, about: str) -> Fact[str]:
    return Fact(sentence, Origin("derived", why=f"it belongs to {about}"))


def _sent(step: StepDesign, why: str) -> Origin:
    return Origin("derived", step.origin.place, why)

"""Bugs planted in the saga machinery: each replaces one function, found by its name, by a version with a mistake of the past.

A proof is believed when it finds them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from partita.idempotency import inbox
from partita.runtime.path import saga_steps
from partita.sagas import compensation, compiling, engine, hearing, progress, sending, state, transition
from partita.testing.generators import memory_log


class Plant(NamedTuple):
    """A bug: its meaning, the module and the function that it replaces, and the replacement: a function of the real one. A
    method is named with its class, and a text is replaced like a function.
    `weights` are those of the faults that reveal it."""

    meaning: str
    module: str
    function: str
    bug: Callable[[Callable[..., Any]], Callable[..., Any]]
    weights: Mapping[str, float] = {}


@contextmanager
def planted(plant: Plant) -> Iterator[None]:
    """Plant the bug while the block runs."""
    owner, _, name = plant.function.rpartition(".")
    module = importlib.import_module(plant.module)
    place = getattr(module, owner) if owner else module
    real = getattr(place, name)
    setattr(place, name, plant.bug(real))
    try:
        yield
    finally:
        setattr(place, name, real)


def _undone_at_the_deadline(real: Callable[..., Any]) -> Callable[..., Any]:
    def go_on(move: Any, index: int) -> None:
        if move.now_us < move.state.deadline_us or any(s.kind == "pivot" for s in move.definition.steps):
            real(move, index)
            return
        move.state.steps[index].phase = "undone"
        move.state.reason = "deadline passed"
        compensation.undo_next(move)

    return go_on


def _a_pivot_needs_no_undo(real: Callable[..., Any]) -> Callable[..., Any]:
    def check(spec: Any, service: Any) -> None:
        if spec.kind == "pivot" and spec.undo is None:
            object.__setattr__(spec, "no_effect", True)  # as if there were nothing to undo
        else:
            real(spec, service)

    return check


def _a_copy_does_not_count(real: Callable[..., Any]) -> Callable[..., Any]:
    def by_key_sequence(batch: Any, candidate: Any, said: Any) -> None:
        if said.verdict is not inbox.Verdict.DUPLICATE:
            real(batch, candidate, said)

    return by_key_sequence


def _nothing_stays_behind(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda records, refusal: [refusal(record) for record in records]


def _two_mails(real: Callable[..., Any]) -> Callable[..., Any]:
    def send_reminders(move: Any, index: int) -> bool:
        before = len(move.effects)
        sent = bool(real(move, index))
        for effect in move.effects[before:]:
            move.effects.append(type(effect)(effect.command, move.new_id(), effect.step, effect.epoch, effect.kind))
        return sent

    return send_reminders


def _too_early(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda spec, waiting: None if (due_us := real(spec, waiting)) is None else due_us - 2_000_000


def _one_for_all(real: Callable[..., Any]) -> Callable[..., Any]:
    def send_reminders(move: Any, index: int) -> bool:
        sent = bool(real(move, index))
        if sent:
            spec = move.definition.steps[index]
            move.state.waiting[spec.name].sent = len(spec.timers)
        return sent

    return send_reminders


def _deaf(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda move, text, reason: real(move, text, "")


def _forgets_early(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda definition, before, reason, now_us, new_id: transition.Transition(before, (), ())


def _forgets_those_beside_it(real: Callable[..., Any]) -> Callable[..., Any]:
    def undo_next(move: Any) -> None:
        for step in move.state.steps:
            if step.phase in state.AHEAD:
                step.phase = "refused"
        real(move)

    return undo_next


def _those_of_the_first(real: Callable[..., Any]) -> Callable[..., Any]:
    def step_of(definition: Any, before: Any, incoming: Any) -> int | None:
        index: int | None = real(definition, before, incoming)
        return None if index is None else definition.first[index]

    return step_of


def _forgets_the_first_item(real: Callable[..., Any]) -> Callable[..., Any]:
    def undo_next(move: Any) -> None:
        for spec, step in zip(move.definition.steps, move.state.steps, strict=True):
            if spec.item == 0 and step.phase == "done":
                step.phase = "undone"
        real(move)

    return undo_next


def _has_no_bound(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda move, index: False


PLANTS = {
    "replies of items are those of the first": Plant(
        "each reply of a list counts for its first item", engine.__name__, "_step_of", _those_of_the_first
    ),
    "the first item stays": Plant(
        "the first item of a list is not undone",
        engine.__name__,
        "undo_next",
        _forgets_the_first_item,
        {"Refuses": 30.0},
    ),
    "a list without a bound": Plant(
        "a list that is longer than its bound is sent", progress.__name__, "_exceeds", _has_no_bound
    ),
    "a step beside a refused one stays": Plant(
        "a step that was sent together with one that is refused is not undone",
        engine.__name__,
        "undo_next",
        _forgets_those_beside_it,
        {"Refuses": 60.0},
    ),
    "a cancellation is heard and not obeyed": Plant(
        "an event that cancels a saga is an entry in the history alone",
        hearing.__name__,
        "_hear",
        _deaf,
        {"Withdraws": 30.0},
    ),
    "a cancellation before the start is forgotten": Plant(
        "an event that cancels a saga and comes before its start is lost",
        saga_steps.__name__,
        "on_early",
        _forgets_early,
        {"Withdraws": 30.0},
    ),
    "a reminder twice": Plant(
        "a reminder is sent under two ids: its participant sends two mails",
        engine.__name__,
        "send_reminders",
        _two_mails,
    ),
    "a reminder too early": Plant(
        "a reminder is sent two seconds before its time", sending.__name__, "next_reminder_us", _too_early
    ),
    "one reminder for all": Plant(
        "the first reminder counts for the others", engine.__name__, "send_reminders", _one_for_all, {"Away": 30.0}
    ),
    "a copy does not count": Plant(
        "a saga sends a step again, with a new number of its key; the copy is dropped and its number with it, and all "
        "later messages of the key wait for it",
        inbox.__name__,
        "_by_key_sequence",
        _a_copy_does_not_count,
        {"Away": 30.0},
    ),
    "a refusal in the middle of a batch": Plant(
        "the bus refuses a message and takes later ones of its key: when it comes it is too late",
        memory_log.__name__,
        "screened",
        _nothing_stays_behind,
        {"TooLarge": 30.0},
    ),
    "a deadline undoes what cannot be undone": Plant(
        "a saga without a pivot is undone at its deadline though its retriable is on its way",
        engine.__name__,
        "_go_on",
        _undone_at_the_deadline,
        {"Away": 30.0},
    ),
    "a pivot without undo": Plant(
        "a pivot that nothing undoes is accepted: at its deadline the saga is undone, and then it happens",
        compiling.__name__,
        "_check_step",
        _a_pivot_needs_no_undo,
        {"Away": 30.0},
    ),
}

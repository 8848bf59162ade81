"""Impossible sagas are refused when their module is imported, with file, line and the line to write."""

from __future__ import annotations

from typing import Any, cast

import pytest

from partita import (
    Command,
    DeclarationError,
    Event,
    Key,
    Rejection,
    Retry,
    Saga,
    Service,
    days,
    minutes,
    pivot,
    retriable,
    seconds,
    step,
)
from partita.catalog.contract import contract_of
from partita.sagas import after, on
from partita.sagas.diagram import text

svc = Service("refused", namespace="refused")
other = Service("refused-other", namespace="refused.other")
slow = Service("refused-slow", namespace="refused.slow", retry=Retry(in_place=10, first_wait_s=1, wait_s_max=10))


class Started(Event, of=svc):
    id: Key[str]


class Unkeyed(Event, of=svc):
    id: str


class Done(Event, of=svc):
    id: Key[str]


class Undone(Event, of=svc):
    id: Key[str]


class Foreign(Event, of=other):
    id: Key[str]


class No(Rejection):
    why: str


class Do(Command[Done, No], of=svc):
    id: Key[str]


class Undo(Command[Undone], of=svc):
    id: Key[str]


class WeakUndo(Command[Undone, No], of=svc):
    id: Key[str]


class Sure(Command[Done], of=svc):
    id: Key[str]


class Needy(Command[Done], of=svc):
    id: Key[str]
    colour: str


class Mistyped(Command[Done], of=svc):
    id: Key[int]


class Elsewhere(Command[Foreign], of=svc):
    id: Key[str]


class SameReply(Command[Done], of=svc):
    id: Key[str]


class Numbered(Event, of=other):
    id: Key[int]


class Recalled(Event, of=svc):
    id: Key[str]


class Recall(Command[Recalled], of=svc):
    id: Key[str]


class WeakRecall(Command[Recalled, No], of=svc):
    id: Key[str]


class NeedyRecall(Command[Recalled], of=svc):
    id: Key[str]
    colour: str


class UnkeyedRecall(Command[Recalled], of=svc):
    id: str


class Restart(Command[Started], of=svc):
    id: Key[str]


class SlowDone(Event, of=slow):
    id: Key[str]


class Slow(Command[SlowDone], of=slow):
    id: Key[str]


def declare(start: type[Event] = Started, deadline: float = minutes(15), undone: Any = Undone, **steps: Any) -> Any:
    """Declare a saga with these steps."""
    for name, declared in steps.items():
        declared.name = name
    return type(Saga)("Wrong", (Saga,), dict(steps), start=start, of=svc, deadline=deadline, undone=undone)  # type: ignore[call-arg]


CASES: list[tuple[str, Any, str, str]] = [
    ("no undo", lambda: {"do": step(Do)}, "cannot be undone", "do = step(Do, undo=UndoDo)"),
    (
        "a refusable undo",
        lambda: {"do": step(Do, undo=WeakUndo)},
        "can be refused (No)",
        "class WeakUndo(Command[Undone]",
    ),
    (
        "a refusable step after the pivot",
        lambda: {"do": pivot(Do, undo=Undo), "end": retriable(Do)},
        "comes after the pivot and can be refused",
        "class Do(Command[Done], of=...)",
    ),
    (
        "two pivots",
        lambda: {"a": pivot(Do, undo=Undo), "b": pivot(Do, undo=Undo)},
        "two pivots, a and b",
        "step(..., undo=...)",
    ),
    (
        "a field nobody can fill",
        lambda: {"do": step(Needy, undo=Undo)},
        "nothing fills Needy.colour: str",
        "@do.command",
    ),
    ("a field of another type", lambda: {"do": step(Mistyped, undo=Undo)}, "Started.id is str", "@do.command"),
    ("a reply nobody handles", lambda: {"do": step(Elsewhere, undo=Undo)}, "no step handles that reply", "of=refused"),
    (
        "two replies that cannot be told apart",
        lambda: {"do": step(Do, undo=SameReply)},
        "both answered by Done",
        "a reply of its own",
    ),
    (
        "a step after the pivot that can be undone",
        lambda: {"a": pivot(Do, undo=Undo), "b": step(Do, undo=Undo)},
        "after the pivot",
        "retriable(Do)",
    ),
    (
        "a step after a retriable, where there is no pivot",
        lambda: {"a": retriable(Sure), "b": step(Do, undo=Undo)},
        "comes after a, which cannot be undone once it is sent",
        "b = retriable(Do), or move it before a",
    ),
    (
        "a retriable before the pivot",
        lambda: {"a": retriable(Sure), "b": pivot(Do, undo=Undo)},
        "before the pivot",
        "Move it after",
    ),
    (
        "a pivot of unknown outcome without undo",
        lambda: {"a": pivot(Do)},
        "unknown outcome",
        "a = pivot(Do, undo=UndoDo)",
    ),
    (
        "a pivot without undo that is sent again: the deadline may pass before it is answered",
        lambda: {"do": step(Do, undo=Undo), "sure": pivot(Sure, on_timeout="retry")},
        "it might still take effect",
        "sure = retriable(Sure)",
    ),
    (
        "a refusable pivot without undo that is sent again",
        lambda: {"a": pivot(Do, on_timeout="retry")},
        "no undo is declared for it",
        "a = pivot(Do, undo=UndoDo)",
    ),
    (
        "a pivot without undo that is asked about",
        lambda: {"a": pivot(Do, on_timeout="ask", ask=Do)},
        "no undo is declared for it",
        "a = pivot(Do, undo=UndoDo)",
    ),
    ("no steps", lambda: {}, "has no steps", "step(ReserveStock"),
    ("asking without a question", lambda: {"a": step(Do, undo=Undo, on_timeout="ask")}, "has no question", "ask="),
    ("no time at all", lambda: {"a": step(Do, undo=Undo, timeout=0)}, "timeout=0 cannot be", "above 0"),
    (
        "less time than the participant's retries",
        lambda: {"a": step(Slow, undo=Undo, timeout=seconds(30))},
        "retries in place",
        "or more",
    ),
    (
        "a timer that comes when its step has timed out",
        lambda: {"a": step(Do, undo=Undo, timeout=days(2), timers=(after(days(2), Recall),))},
        "a times out after 2 d, its timer sends Recall after 2 d",
        "A timer comes before timeout=",
    ),
    (
        "timers out of order",
        lambda: {"a": step(Do, undo=Undo, timeout=days(9), timers=(after(days(3), Recall), after(days(2), Recall)))},
        "Recall is sent after 2 d, before Recall",
        "in the order of their times",
    ),
    (
        "a timer whose command can be refused",
        lambda: {"a": step(Do, undo=Undo, timers=(after(seconds(5), WeakRecall),))},
        "WeakRecall is sent by a timer and can be refused (No)",
        "class WeakRecall(Command[...]",
    ),
    (
        "a timer whose reply moves a step",
        lambda: {"a": step(Do, undo=Undo, timers=(after(seconds(5), Sure),))},
        "Sure is answered by Done, which answers a",
        "a reply of its own",
    ),
    (
        "a timer whose reply acknowledges an undo of a later step",
        lambda: {"a": step(Do, no_effect=True, timers=(after(seconds(5), Undo),)), "b": pivot(Do, undo=Undo)},
        "Undo is answered by Undone, which answers the undo of b",
        "a reply of its own",
    ),
    (
        "a timer whose reply starts the saga",
        lambda: {"a": step(Do, undo=Undo, timers=(after(seconds(5), Restart),))},
        "Restart is answered by Started, which starts the saga",
        "a reply of its own",
    ),
    (
        "a timer that sends an event",
        lambda: {"a": step(Do, undo=Undo, timers=(after(seconds(5), Recalled),))},
        "Recalled, which is not a command",
        "after(days(5), SomeCommand)",
    ),
    (
        "a timer whose command nothing fills",
        lambda: {"a": step(Do, undo=Undo, timers=(after(seconds(5), NeedyRecall),))},
        "nothing fills NeedyRecall.colour: str",
        "@a.timer(NeedyRecall)",
    ),
    (
        "a timer whose reply is of another service",
        lambda: {"a": step(Do, undo=Undo, timers=(after(seconds(5), Elsewhere),))},
        "no timer handles that reply",
        "of=refused",
    ),
    (
        "a timer whose command has no key",
        lambda: {"a": step(Do, undo=Undo, timers=(after(seconds(5), UnkeyedRecall),))},
        "UnkeyedRecall is sent by a saga and has no key",
        "Key[OrderId]",
    ),
    (
        "a command among the timers",
        lambda: {"a": step(Do, undo=Undo, timers=cast(Any, (Recall,)))},
        "is no timer",
        "after(days(5), RemindSomebody)",
    ),
    (
        "a timer at no time",
        lambda: {"a": step(Do, undo=Undo, timers=(after(0, Recall),))},
        "after=0 cannot be",
        "above 0",
    ),
    (
        "hearing a command",
        lambda: {"a": step(Do, undo=Undo), "b": on(cast(Any, Recall), then="cancel")},
        "b hears Recall, which is not an event",
        "on(SomeEvent)",
    ),
    (
        "hearing the start",
        lambda: {"a": step(Do, undo=Undo), "b": on(Started, then="cancel")},
        "b hears Started, which starts the saga",
        "Drop it.",
    ),
    (
        "hearing the answer to a step",
        lambda: {"a": step(Do, undo=Undo), "b": on(Undone, then="cancel")},
        "b hears Undone, which answers a",
        "@a.then",
    ),
    (
        "hearing an event twice",
        lambda: {"a": step(Do, undo=Undo), "b": on(Foreign, then="cancel"), "c": on(Foreign, then="cancel")},
        "Foreign is heard twice",
        "One on(...)",
    ),
    (
        "hearing an event without a key",
        lambda: {"a": step(Do, undo=Undo), "b": on(Unkeyed, then="cancel")},
        "The key of Unkeyed is not that of Started",
        "id: Key[...] in Unkeyed",
    ),
    (
        "hearing an event with a key of another type",
        lambda: {"a": step(Do, undo=Undo), "b": on(Numbered, then="cancel")},
        "The key of Numbered is not that of Started",
        "id: Key[...] in Numbered",
    ),
    (
        "hearing an event and doing nothing",
        lambda: {"a": step(Do, undo=Undo), "b": on(Foreign)},
        "b hears Foreign and does nothing",
        "@b.hook",
    ),
    (
        "cancelling what cannot be undone",
        lambda: {"a": retriable(Sure), "b": on(Foreign, then="cancel")},
        "past its point of no return from the start",
        "on(Foreign) with a hook",
    ),
    (
        "another verb for an event",
        lambda: {"a": step(Do, undo=Undo), "b": on(Foreign, then=cast(Any, "pause"))},
        "then='pause' cannot be",
        'then="cancel"',
    ),
    (
        "a hook for a timer that is not there",
        lambda: {"a": step(Do, undo=Undo).timer(Recall)},
        "no timer that sends Recall",
        "after(days(5), Recall)",
    ),
]


@pytest.mark.parametrize(("name", "steps", "what", "hint"), CASES, ids=[c[0] for c in CASES])
def test_it_is_refused_with_the_line_to_write(name: str, steps: Any, what: str, hint: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        declare(**steps())
    said = str(refused.value)
    assert what in said and hint in said
    assert "test_refused_at_import.py:" in said, "the user's own file and line"


def test_a_start_event_without_a_key_is_refused() -> None:
    with pytest.raises(DeclarationError, match="has no key"):
        declare(start=Unkeyed, a=step(Do, undo=Undo))


def test_a_deadline_shorter_than_the_steps_is_refused() -> None:
    with pytest.raises(DeclarationError, match="may take 90 s"):
        declare(deadline=60, a=step(Do, undo=Undo, timeout=30), b=pivot(Do, undo=Undo, timeout=60))


def test_a_saga_that_tells_nobody_of_its_end_is_refused() -> None:
    with pytest.raises(DeclarationError, match="names no event for it"):
        declare(undone=None, a=step(Do, undo=Undo))


def test_a_saga_that_cannot_be_undone_is_not_asked_how_that_is_told() -> None:
    """No service would ever publish the event."""
    assert declare(undone=None, a=retriable(Sure)).__definition__.undone is None
    given = declare(undone=Undone, a=retriable(Sure)).__definition__
    assert given.undone is None and contract_of(Undone) not in given.sends
    assert "never, no step can be undone" in text(given)


def test_a_saga_of_a_step_without_effect_is_asked_how_its_end_is_told() -> None:
    """There is nothing to undo, but it may end without being done."""
    with pytest.raises(DeclarationError, match="names no event for it"):
        declare(undone=None, a=step(Do, no_effect=True), b=retriable(Sure))


def test_a_hook_fills_what_nobody_can() -> None:
    """The way out that the error names must work."""
    needy = step(Needy, undo=Undo)

    @needy.command
    def _(self: Any) -> Needy:
        return Needy(id=self.start.id, colour="red")

    saga = declare(do=needy)
    assert saga.__definition__.steps[0].plan is None


def test_the_shops_whole_checkout_is_a_class_and_three_steps() -> None:
    """No hook, no state machine by hand."""
    import ast
    import inspect

    from partita.examples.shop.checkout import Checkout

    (declared,) = ast.parse(inspect.getsource(Checkout)).body
    assert isinstance(declared, ast.ClassDef)
    docstring, *steps = declared.body
    assert isinstance(docstring, ast.Expr) and [type(each) for each in steps] == [ast.Assign] * 3

"""Sub-sagas that could not be kept are refused when their app is declared, with the numbers and the line to write."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from partita import (
    App,
    Command,
    DeclarationError,
    Event,
    Key,
    Rejection,
    Saga,
    Service,
    Tx,
    days,
    hours,
    minutes,
    pivot,
    retriable,
    step,
)


def world() -> Any:  # Any: the messages, declared for each test
    """A parent's service, a child's service, and a participant of both."""
    home = Service("sub-home", namespace="subs.home")
    child = Service("sub-child", namespace="subs.child")

    class Started(Event, of=home):
        id: Key[str]

    class Ended(Event, of=home):
        id: Key[str]

    class Done(Event, of=child):
        id: Key[str]

    class Undone(Event, of=child):
        id: Key[str]

    class Failed(Rejection):
        reason: str

    class Late(Rejection):
        reason: str

    class Do(Command[Done, Failed], of=child):
        id: Key[str]

    class Choose(Command[Done, Failed | Late], of=child):
        id: Key[str]

    class Surely(Command[Done], of=child):
        id: Key[str]

    class Undo(Command[Undone], of=child):
        id: Key[str]

    class Worked(Event, of=child):
        id: Key[str]

    class Rested(Event, of=child):
        id: Key[str]

    class Work(Command[Worked], of=child):
        id: Key[str]

    class Rest(Command[Rested], of=child):
        id: Key[str]

    @child.handles(Work)
    async def work(cmd: Work) -> Worked:
        return Worked(id=cmd.id)

    @child.handles(Rest)
    async def rest(cmd: Rest) -> Rested:
        return Rested(id=cmd.id)

    return SimpleNamespace(**{name: each for name, each in locals().items() if name not in ("work", "rest")})


def undoing(w: Any) -> None:
    """The handler of the undo of the child's command."""

    @w.child.handles(w.Undo)
    async def undo(cmd: Any) -> Any:
        return w.Undone(id=cmd.id)


def test_a_command_that_cannot_be_refused_needs_a_saga_that_cannot_be_undone() -> None:
    """Undone, it would have nothing to answer, and the sender would wait for ever. A retriable sends such a command."""
    w = world()
    with pytest.raises(DeclarationError, match="Child can be undone, and Surely cannot be refused"):

        class Child(Saga, start=w.Surely, deadline=hours(1), of=w.child):
            work = step(w.Work, undo=w.Rest, timeout=minutes(5))

    class Sure(Saga, start=w.Surely, deadline=hours(1), of=w.child):
        work = retriable(w.Work, timeout=minutes(5))

    class Parent(Saga, start=w.Started, deadline=hours(5), of=w.home):
        work = retriable(w.Surely, timeout=hours(1))

    App(w.home, w.child)


def test_of_several_refusals_one_is_named() -> None:
    w = world()
    with pytest.raises(DeclarationError, match=r"Choose has several refusals \(Failed, Late\)") as caught:

        class Child(Saga, start=w.Choose, deadline=hours(1), of=w.child):
            work = step(w.Work, undo=w.Rest, timeout=minutes(5))

    assert "undone=Failed" in str(caught.value.hint)

    class Named(Saga, start=w.Choose, deadline=hours(1), undone=w.Late, of=w.child):
        work = step(w.Work, undo=w.Rest, timeout=minutes(5))

    answers = Named.__definition__.answers
    assert answers is not None
    assert answers.refusal is not None
    assert answers.refusal.cls is w.Late


@pytest.mark.parametrize("named", ["Late", "Ended"])
def test_the_refusal_is_one_of_the_command(named: str) -> None:
    w = world()
    with pytest.raises(DeclarationError, match=f"Child is undone with {named}, which is no refusal that Do declares"):

        class Child(Saga, start=w.Do, deadline=hours(1), undone=getattr(w, named), of=w.child):
            work = step(w.Work, undo=w.Rest, timeout=minutes(5))


def test_an_answer_that_nothing_fills_is_refused() -> None:
    """A method of the class fills it by hand."""
    w = world()

    class Weighed(Event, of=w.child):
        id: Key[str]
        grams: int

    class Weigh(Command[Weighed], of=w.child):
        id: Key[str]

    with pytest.raises(DeclarationError, match="nothing fills Weighed.grams: int") as caught:

        class Child(Saga, start=Weigh, deadline=hours(1), of=w.child):
            work = retriable(w.Work, timeout=minutes(5))

    assert caught.value.hint == "def answer(self) -> Weighed: ... in Child"

    class ByHand(Saga, start=Weigh, deadline=hours(1), of=w.child, name="Child"):
        work = retriable(w.Work, timeout=minutes(5))

        def answer(self) -> Any:
            return Weighed(id=self.start.id, grams=7)

    assert ByHand.__definition__.hooked


def test_a_step_that_times_out_before_its_sub_saga_is_refused() -> None:
    w = world()
    undoing(w)

    class Child(Saga, start=w.Do, deadline=days(3), of=w.child):
        work = step(w.Work, undo=w.Rest, timeout=minutes(5))

    class Parent(Saga, start=w.Started, deadline=days(9), undone=w.Ended, of=w.home):
        child = pivot(w.Do, undo=w.Undo, timeout=hours(2))

    with pytest.raises(
        DeclarationError, match=r"child times out after 7200 s, and saga Child, .* a deadline of 3 d"
    ) as caught:
        App(w.home, w.child)
    assert "timeout=seconds(259200) or more" in str(caught.value.hint)


def test_a_circle_of_sagas_is_refused() -> None:
    """Each would begin the next for ever. A saga that begins itself is the smallest one."""
    w = world()
    undoing(w)

    class Child(Saga, start=w.Do, deadline=hours(1), of=w.child):
        again = step(w.Do, undo=w.Undo, timeout=hours(1))

    with pytest.raises(DeclarationError, match="saga Child begins Child: none of them would ever end"):
        App(w.home, w.child)


def test_a_longer_circle_is_refused() -> None:
    w = world()
    undoing(w)

    class Child(Saga, start=w.Do, deadline=days(1), of=w.child):
        below = step(w.Choose, undo=w.Undo, timeout=days(1))

    class Below(Saga, start=w.Choose, deadline=days(1), undone=w.Failed, of=w.child):
        above = step(w.Do, undo=w.Undo, timeout=days(1))

    with pytest.raises(DeclarationError, match="saga Child begins Below begins Child"):
        App(w.home, w.child)


@pytest.mark.parametrize("option", [{"concurrency": 4}, {"dedupe_by": "id"}])
def test_an_undo_that_could_not_wait_is_refused(option: Any) -> None:
    """It comes again when the sub-saga has ended: it may call nothing before its transaction, and leave no mark of its key."""
    w = world()

    @w.child.handles(w.Undo, **option)
    async def undo(cmd: w.Undo) -> w.Undone:
        return w.Undone(id=cmd.id)

    class Child(Saga, start=w.Do, deadline=hours(1), of=w.child):
        work = step(w.Work, undo=w.Rest, timeout=minutes(5))

    class Parent(Saga, start=w.Started, deadline=hours(5), undone=w.Ended, of=w.home):
        child = pivot(w.Do, undo=w.Undo, timeout=hours(2))

    with pytest.raises(DeclarationError, match=f"undo handles Undo with {next(iter(option))}=.* waits for the end"):
        App(w.home, w.child)


def test_a_command_has_one_saga_or_one_handler() -> None:
    w = world()

    class Child(Saga, start=w.Do, deadline=hours(1), of=w.child):
        work = step(w.Work, undo=w.Rest, timeout=minutes(5))

    with pytest.raises(DeclarationError, match="Do is handled already by Child"):

        class Other(Saga, start=w.Do, deadline=hours(1), of=w.child):
            work = step(w.Work, undo=w.Rest, timeout=minutes(5))

    with pytest.raises(DeclarationError, match="Do is handled already by Child"):

        @w.child.handles(w.Do)
        async def do(cmd: w.Do, tx: Tx) -> w.Done:
            return w.Done(id=cmd.id)

    class Newer(Saga, start=w.Do, deadline=hours(2), of=w.child, name="Child", version=2):
        work = step(w.Work, undo=w.Rest, timeout=minutes(5))

    App(w.home, w.child)


def test_a_saga_carries_out_commands_of_its_own_service() -> None:
    w = world()
    with pytest.raises(DeclarationError, match="Do belongs to sub-child, not to sub-home"):

        class Child(Saga, start=w.Do, deadline=hours(1), of=w.home):
            work = step(w.Work, undo=w.Rest, timeout=minutes(5))

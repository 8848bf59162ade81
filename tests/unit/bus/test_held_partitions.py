"""The partitions of a member: the changes by a committed heartbeat, and the report of a poll."""

from __future__ import annotations

from partita.bus.held_partitions import Beat, Part, Parts
from partita.bus.port import Record
from partita.databases.leases import Holding

ONE, TWO = ("t", 1), ("t", 2)


def begun(where: tuple[str, int], *, epoch: int = 1, position: int = 0) -> Part:
    return Part.begun(where, where[1], epoch, position)


def beat(*parts: Part, held: dict[str, int] | None = None, surplus: tuple[str, ...] = ()) -> Beat:
    leases = {part.resource: part.epoch for part in parts} if held is None else held
    return Beat(Holding(leases, surplus), parts, ())


def record(where: tuple[str, int], offset: int) -> Record:
    return Record(*where, offset, "k", b"", b"", 1)


def test_a_partition_that_came_and_must_go_unseen_is_only_reported_to_go() -> None:
    """The caller has no record of it in hand. If both were reported, it would take the partition for one that came
    back."""
    parts = Parts()
    assert parts.beaten(beat(begun(ONE), begun(TWO)))
    assert parts.beaten(beat(held={"t/1": 1, "t/2": 1}, surplus=("t/2",)))
    assert parts.news() == ([ONE], [TWO])


def test_a_partition_that_was_lost_and_came_back_is_reported_with_both() -> None:
    """The records of it that the caller holds are void, and it has to be claimed again."""
    parts = Parts()
    parts.beaten(beat(begun(ONE)))
    parts.news()
    assert parts.beaten(beat(held={}))
    assert parts.beaten(beat(begun(ONE, epoch=3)))
    assert parts.news() == ([ONE], [ONE])


def test_a_partition_that_came_back_and_must_go_again_is_reported_to_go_once() -> None:
    """The caller owes one release, and no claim."""
    parts = Parts()
    parts.beaten(beat(begun(ONE)))
    parts.news()
    parts.beaten(beat(begun(ONE, epoch=2)))
    parts.beaten(beat(held={"t/1": 2}, surplus=("t/1",)))
    assert parts.news() == ([], [ONE])


def test_nothing_is_reported_while_nothing_moves() -> None:
    """A heartbeat without a change must not wake the caller."""
    parts = Parts()
    parts.beaten(beat(begun(ONE)))
    parts.news()
    assert not parts.beaten(beat(held={"t/1": 1}))
    parts.beaten(beat(held={"t/1": 1}, surplus=("t/1",)))
    parts.news()
    assert not parts.beaten(beat(held={"t/1": 1}, surplus=("t/1",))), "it was asked to go already"
    assert parts.news() == ([], [])


def test_a_position_moves_when_it_is_stored_and_not_before() -> None:
    """If it were taken for stored when it is written, a position that was rolled back would never be written again."""
    parts = Parts()
    parts.beaten(beat(part := begun(ONE, position=4)))
    part.mark.hand_out(5)
    parts.done([record(ONE, 5), record(TWO, 9)])
    assert parts.moved() == parts.moved() == [(part, 5)]
    parts.written(parts.moved())
    assert parts.moved() == []


def test_only_a_partition_that_was_asked_to_go_is_given_back() -> None:
    """A partition that came back meanwhile is held again."""
    parts = Parts()
    parts.beaten(beat(begun(ONE), begun(TWO)))
    parts.beaten(beat(held={"t/1": 1, "t/2": 1}, surplus=("t/1", "t/2")))
    parts.beaten(beat(begun(TWO, epoch=2), held={"t/1": 1, "t/2": 2}))
    parts.release([ONE, TWO, ("t", 3)])
    assert [part.where for part in parts.released()] == [ONE]


def test_what_is_paused_or_leaving_or_full_is_not_read() -> None:
    """And each time another partition comes first."""
    parts = Parts()
    all_of_them = [begun(("t", number)) for number in range(4)]
    parts.beaten(beat(*all_of_them))
    firsts = {parts.readable()[0].where for _ in range(4)}
    assert len(firsts) == 4
    parts.pause([("t", 0)], paused=True)
    parts.beaten(beat(held={f"t/{n}": 1 for n in range(4)}, surplus=("t/1",)))
    for offset in range(1, 10_001):
        all_of_them[2].mark.hand_out(offset)
    assert [part.where for part in parts.readable()] == [("t", 3)]
    parts.pause([("t", 0)], paused=False)
    assert {part.where for part in parts.readable()} == {("t", 0), ("t", 3)}


def test_a_read_for_a_partition_that_is_read_again_hands_nothing_out() -> None:
    """Its records would move the position behind those that are to be read again."""
    parts = Parts()
    parts.beaten(beat(part := begun(ONE, position=7)))
    asked = parts.readable()
    assert parts.still(asked) == {ONE: part}
    parts.put_back(part, 2)
    assert parts.still(asked) == {}
    (again,) = parts.readable()
    assert (again.read, again.written, again.epoch) == (2, 2, 1)


def test_only_a_group_that_has_read_something_can_be_passed() -> None:
    """A new group begins at the oldest existing record; earlier deletions are no loss to it."""
    assert not begun(ONE, position=0).is_passed(9)
    assert not begun(ONE, position=9).is_passed(9)
    assert begun(ONE, position=8).is_passed(9)

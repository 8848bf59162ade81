"""Partitions become one line for each group and topic."""

from __future__ import annotations

from partita.bus.port import GroupLag
from partita.observability.groups import InTopic, in_topics


def lag(group: str, topic: str, partition: int, behind: int, owner: str | None, oldest_us: int | None) -> GroupLag:
    return GroupLag(group, topic, partition, 10, 10 + behind, behind, owner, oldest_us)


def test_partitions_are_summed() -> None:
    """The oldest message of all of them is the one that waits longest."""
    found = in_topics([lag("a", "t", 0, 3, "p1", 700), lag("a", "t", 1, 4, "p1", 500), lag("a", "t", 2, 0, None, None)])
    assert found == [InTopic("a", "t", 7, 500, 2, 3, 1)]


def test_groups_and_topics_stay_apart() -> None:
    found = in_topics([lag("a", "t", 0, 1, "p", 5), lag("b", "t", 0, 2, "q", 6), lag("a", "u", 0, 0, None, None)])
    assert [(each.group, each.topic, each.behind) for each in found] == [("a", "t", 1), ("b", "t", 2), ("a", "u", 0)]
    assert found[2].oldest_us is None


def test_an_empty_retry_topic_is_left_out() -> None:
    """There are three for each topic and group; one in which something waits is shown."""
    found = in_topics([lag("a.retry", "t.retry-1m", 0, 0, "p", None), lag("a.retry", "t.retry-5m", 0, 1, "p", 9)])
    assert [each.topic for each in found] == ["t.retry-5m"]

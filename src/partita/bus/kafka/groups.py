"""Queries about groups for people and metrics: positions, members; and moving a group to another position.

The client that asks a group's coordinator is dropped when no answer comes. The client library, librdkafka, remembers a
coordinator also after it has dropped that broker, and waits for it until its memory ends after a quarter of an hour (its
issue 5511). A client whose own limit for such a request has passed aborts the process when a broker comes back (its
issue 4605). So the limit is ours, the request is open for as long as the client lives, and the next query uses a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from partita.bus.forgetting import has_members
from partita.bus.kafka.ages import Ages
from partita.bus.kafka.errors import MOVED, error_of, unavailable
from partita.bus.port import GroupLag, Moved
from partita.clock import Clock
from partita.errors import BusError

ASK_S = 10.0
OPEN_S = 3_600.0
"""The client's own limit, its maximum."""
LOOKS_MAX = 3
JOINED_MEANWHILE = (KafkaError.UNKNOWN_MEMBER_ID, KafkaError.NON_EMPTY_GROUP, KafkaError.REBALANCE_IN_PROGRESS)
LEFT_S_MIN = 0.05
GRACE_S = 1.0
"""Between the client's own limit and ours."""
Left = Callable[[], float]
"""Returns how long the next query may take."""
T = TypeVar("T")


def acting() -> float:
    """The limit for a change: longer than for a query."""
    return ASK_S


class Groups:
    """Blocking; called from a thread. `connect` makes a client; `ages` finds the times of waiting records; `patience_s` is how
    long to wait for a coordinator's answer, first with the current client and then with a new one."""

    def __init__(
        self,
        connect: Callable[[], AdminClient],
        where: str,
        clock: Clock,
        *,
        ages: Ages | None = None,
        patience_s: Sequence[float] = (3.0, ASK_S),
        ask_s: float = ASK_S,
    ) -> None:
        self._ages = ages
        self._ask_s = ask_s
        self._connect = connect
        self._client: AdminClient | None = None
        self._where = where
        self._clock = clock
        self._patience_s = patience_s
        self._partitions: dict[str, int] = {}

    def lag(self, group: str | None, subscribed: Mapping[str, Sequence[str]]) -> list[GroupLag]:
        """The lag of each group in each partition in which it has a position. Groups in `subscribed`, which read here, have the
        whole partition as lag where they have no position yet: they will begin at its start.

        Raises:
            BusUnavailable: a broker that may know of groups does not answer, so the result would be incomplete.
        """
        until = self._clock.monotonic() + self._ask_s

        def left() -> float:
            return max(LEFT_S_MIN, until - self._clock.monotonic())

        try:
            names = self._names(group, left)
            positions = {name: self._positions(name, left) for name in names}
            for name, topics in subscribed.items():
                if group in (None, name):
                    self._add_beginnings(positions.setdefault(name, {}), topics, left)
            heads = self._offsets({where for found in positions.values() for where in found}, oldest=False, left=left)
            owners = self._owners(names, left)
        except KafkaException as error:
            raise unavailable(self._where, "asking about groups", error_of(error)) from error
        stands = [
            GroupLag(name, *where, position, heads[where], max(0, heads[where] - position), owners.get((name, *where)))
            for name, found in positions.items()
            for where, position in sorted(found.items())
            if where in heads
        ]
        if self._ages is None:
            return stands
        ages = self._ages.of([(s.topic, s.partition, s.position) for s in stands if s.lag], left())
        return [s._replace(oldest_us=ages.get((s.topic, s.partition, s.position))) for s in stands]

    def readers(self, topics: Collection[str]) -> dict[str, list[str]]:
        """The groups of any program that have a position in these topics, by topic.

        Raises:
            BusUnavailable: a broker that may know of groups does not answer.
        """
        until = self._clock.monotonic() + self._ask_s

        def left() -> float:
            return max(LEFT_S_MIN, until - self._clock.monotonic())

        found: dict[str, list[str]] = {}
        try:
            for name in self._names(None, left):
                for topic in sorted({topic for topic, _ in self._positions(name, left)} & {*topics}):
                    found.setdefault(topic, []).append(name)
        except KafkaException as error:
            raise unavailable(self._where, "asking about groups", error_of(error)) from error
        return found

    def reset(self, group: str, topic: str, partitions: int, to_start: bool) -> list[Moved]:
        """Move a group to the oldest record of a topic or behind the newest.

        Raises:
            Conflict: the group has members: Kafka lets no other client move them. BusUnavailable: a broker does not answer.
            BusError: some partitions were moved and others not.
        """
        places = {(topic, number) for number in range(partitions)}
        try:
            members = self._members(group, acting)
            if members:
                raise has_members(self._where, group, members)
            before = self._positions(group, acting)
            offsets = self._offsets(places, oldest=to_start, left=acting)
            wanted = [TopicPartition(*where, offset) for where, offset in offsets.items()]
            request = [ConsumerGroupTopicPartitions(group, wanted)]
            asked = self._of_coordinators(
                lambda a: a.alter_consumer_group_offsets(request, request_timeout=OPEN_S), acting
            )
            done = asked[group]
        except KafkaException as error:
            if error_of(error).code() in JOINED_MEANWHILE:
                raise has_members(self._where, group) from error
            raise unavailable(self._where, f"moving {group}", error_of(error)) from error
        refused = {place.partition: place.error for place in done.topic_partitions if place.error is not None}
        if (
            refused
            and all(error.code() in JOINED_MEANWHILE for error in refused.values())
            and len(refused) == len(wanted)
        ):
            raise has_members(self._where, group)
        if refused:
            numbers = ", ".join(map(str, sorted(refused)))
            raise BusError(
                f"{self._where}: {group} was not moved in the partitions {numbers} of {topic}, and was in the others: "
                f"{next(iter(refused.values())).str()}.",
                hint="Run it again: moved partitions go to the same place.",
            )
        return [Moved(number, before.get((topic, number)), offsets[topic, number]) for number in range(partitions)]

    def forget(self, group: str) -> int:
        """Forget the positions of a group without members; returns the number of partitions.

        Raises:
            Conflict: it has members. BusUnavailable: its coordinator does not answer.
        """
        try:
            stood = len(self._positions(group, acting))
            self._of_coordinators(lambda a: a.delete_consumer_groups([group], request_timeout=OPEN_S), acting)
        except KafkaException as error:
            if error_of(error).code() == KafkaError.GROUP_ID_NOT_FOUND:
                return 0
            if error_of(error).code() == KafkaError.NON_EMPTY_GROUP:
                raise has_members(self._where, group) from error
            raise unavailable(self._where, f"forgetting {group}", error_of(error)) from error
        return stood

    @property
    def _admin(self) -> AdminClient:
        """The current client, made when first needed: most processes never ask."""
        if self._client is None:
            self._client = self._connect()
        return self._client

    def _of_coordinators(self, ask: Callable[[AdminClient], Mapping[str, Future[T]]], left: Left) -> dict[str, T]:
        """The answers of groups' coordinators, by group."""
        for number, patience_s in enumerate(self._patience_s, start=1):
            # Some of the time is left for the new client.
            until = self._clock.monotonic() + min(patience_s, left() * number / len(self._patience_s))
            client = self._admin
            answers = ask(client)
            try:
                return {name: each.result(max(0.0, until - self._clock.monotonic())) for name, each in answers.items()}
            except TimeoutError:
                self._client = None
        raise unavailable(self._where, "asking a group's coordinator", None)

    def _names(self, group: str | None, left: Left) -> list[str]:
        client, limit_s = self._admin, left()
        listed = self._answered(client.list_consumer_groups(request_timeout=limit_s), limit_s)
        names = sorted(each.group_id for each in listed.valid if group in (None, each.group_id))
        if listed.errors and (group is None or not names):
            raise KafkaException(listed.errors[0])
        return names

    def _positions(self, group: str, left: Left = acting) -> dict[tuple[str, int], int]:
        request = [ConsumerGroupTopicPartitions(group)]
        found = self._of_coordinators(lambda a: a.list_consumer_group_offsets(request, request_timeout=OPEN_S), left)
        places = found[group].topic_partitions or []
        return {(p.topic, p.partition): p.offset for p in places if p.offset >= 0}

    def _add_beginnings(self, positions: dict[tuple[str, int], int], topics: Sequence[str], left: Left) -> None:
        """The start of a group in the partitions without a position."""
        if any(topic not in self._partitions for topic in topics):
            found = self._admin.list_topics(timeout=left()).topics
            self._partitions |= {topic: len(found[topic].partitions) for topic in topics if topic in found}
        places = {(topic, number) for topic in topics for number in range(self._partitions.get(topic, 0))}
        missing = sorted(places - positions.keys())
        if missing:
            positions.update(self._offsets(missing, oldest=True, left=left))

    def _offsets(self, places: Iterable[tuple[str, int]], *, oldest: bool, left: Left) -> dict[tuple[str, int], int]:
        spec: Any = OffsetSpec  # its constructors have no types
        which = spec.earliest() if oldest else spec.latest()
        asked = {TopicPartition(*where): which for where in places}
        if not asked:
            return {}
        for _ in range(LOOKS_MAX):
            try:
                return self._asked(asked, left)
            except KafkaException as error:
                # The client asks with the epochs it remembers, for minutes after the broker was restarted.
                if error_of(error).code() not in MOVED:
                    raise
                self._admin.list_topics(timeout=left())
        return self._asked(asked, left)

    def _asked(self, asked: dict[TopicPartition, Any], left: Left) -> dict[tuple[str, int], int]:
        client, limit_s = self._admin, left()
        answers = client.list_offsets(asked, request_timeout=limit_s)
        return {(p.topic, p.partition): self._answered(answer, limit_s).offset for p, answer in answers.items()}

    def _answered(self, answer: Future[T], limit_s: float) -> T:
        """An answer within the client's limit. The caller keeps the client: one that a query beside it drops answers nothing.

        Raises:
            BusUnavailable: there is none, not even an error.
        """
        try:
            return answer.result(limit_s + GRACE_S)
        except TimeoutError:
            self._client = None
            raise unavailable(self._where, "asking about groups", None) from None

    def _members(self, group: str, left: Left) -> list[str]:
        told = self._of_coordinators(lambda a: a.describe_consumer_groups([group], request_timeout=OPEN_S), left)
        return sorted(member.client_id for member in told[group].members)

    def _owners(self, groups: list[str], left: Left) -> dict[tuple[str, str, int], str]:
        if not groups:
            return {}
        found: dict[tuple[str, str, int], str] = {}
        told = self._of_coordinators(lambda a: a.describe_consumer_groups(groups, request_timeout=OPEN_S), left)
        for name, group in told.items():
            for member in group.members:
                assignment = member.assignment.topic_partitions if member.assignment else []
                found.update({(name, p.topic, p.partition): member.client_id for p in assignment})
        return found

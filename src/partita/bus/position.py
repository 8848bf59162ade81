"""A position in a partition of a bus: the place where a reader without a group continues.

Only the bus interprets it. A position names its log, topic and partition beside the offset, because another log would
accept a bare offset and read other records: after a restore from a backup, or a change of `PARTITA_BUS`, a projection
would silently skip records or apply them twice.
"""

from __future__ import annotations

from typing import NamedTuple, NewType

from partita.errors import NotFound, PositionRefused

Position = NewType("Position", str)
"""Opaque, compared for equality only; short enough for a text column."""
OFFSET_DIGITS_MAX = 19
ANEW = "Read from the oldest record instead (position None), into an empty projection."


class Origin(NamedTuple):
    """The partition of a log that a position belongs to."""

    log: str
    topic: str
    partition: int

    def position(self, offset: int) -> Position:
        """The position before the record with this offset."""
        return Position(f"{offset}/{self.partition}/{self.log}/{self.topic}")

    def offset(self, position: Position) -> int:
        """The offset to read from.

        Raises:
            PositionRefused: the position is of another log or partition, or is not a position.
        """
        digits, _, rest = position.partition("/")
        number, _, rest = rest.partition("/")
        log, _, topic = rest.partition("/")
        if not (digits.isascii() and digits.isdecimal() and len(digits) <= OFFSET_DIGITS_MAX and topic):
            raise PositionRefused(f"{position!r} is not a position of a bus.", hint=ANEW)
        if (topic, number) != (self.topic, str(self.partition)):
            raise PositionRefused(
                f"The position {position!r} is of {topic}[{number}], not of {self.topic}[{self.partition}].",
                hint="Keep one position for each topic and partition.",
            )
        if log != self.log:
            raise PositionRefused(
                f"The position {position!r} is of the log {log}; this is {self.log}: another one, or one that was "
                "restored from a backup. The same offsets are other records there.",
                hint=ANEW,
            )
        return int(digits)

    def check(self, offset: int, oldest: int, head: int) -> None:
        """Refuse an offset whose record no longer exists, or never did; `head` is the next record's.

        Raises:
            PositionRefused: records from it on were deleted, or the log ends before it.
        """
        if offset < oldest:
            raise PositionRefused(
                f"{self.topic}[{self.partition}] has no records before offset {oldest} any more, and the position is at "
                f"{offset}: retention deleted records that were not read.",
                hint=f"{ANEW} Declare a longer retention for the topic.",
            )
        if offset > head:
            raise PositionRefused(
                f"{self.topic}[{self.partition}] ends at offset {head}, and the position is at {offset}: the topic was "
                "created again, or lost its newest records.",
                hint=ANEW,
            )


def no_partition(where: str, topic: str, partition: int) -> NotFound:
    """The error that there is no such partition."""
    return NotFound(f"{where}: there is no {topic}[{partition}].", hint="partita topics list")

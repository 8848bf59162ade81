"""A position in a partition of a bus: where a reader that is in no group goes on.

Only the bus interprets it. A position names its log, topic and partition beside the offset, because an offset alone
would be taken by another log too, and read other records there: after a restore from a backup, or a change of
`PARTITA_BUS`, a projection would skip records or apply them twice without a word.
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
        """The position at which the record with this offset comes next."""
        return Position(f"{offset}/{self.partition}/{self.log}/{self.topic}")

    def offset(self, position: Position) -> int:
        """The offset from which to read.

        Raises:
            PositionRefused: the position is of another log or partition, or none at all.
        """
        digits, _, rest = position.partition("/")
        number, _, rest = rest.partition("/")
        log, _, topic = rest.partition("/")
        if not (digits.isascii() and digits.isdecimal() and len(digits) <= OFFSET_DIGITS_MAX and topic):
            raise PositionRefused(f"{position!r} is no position of a bus.", hint=ANEW)
        if (topic, number) != (self.topic, str(self.partition)):
            raise PositionRefused(
                f"The position {position!r} is of {topic}[{number}], not of {self.topic}[{self.partition}].",
                hint="Keep one position for each topic and partition.",
            )
        if log != self.log:
            raise PositionRefused(
                f"The position {position!r} is of the log {log}; this is {self.log}: another one, or one that was put "
                "back from a backup. The same offsets are other records there.",
                hint=ANEW,
            )
        return int(digits)

    def check(self, offset: int, oldest: int, head: int) -> None:
        """Refuse an offset whose record is not there any more, or was never there; `head` is the next record's.

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
                "begun anew, or lost its newest records.",
                hint=ANEW,
            )


def no_partition(where: str, topic: str, partition: int) -> NotFound:
    """Why nothing can be read: there is no such partition."""
    return NotFound(f"{where}: there is no {topic}[{partition}].", hint="partita topics list")

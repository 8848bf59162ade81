"""What a store keeps of messages that could not be handled: the parking of keys, dead letters, and what failed when.

A key is parked while a message of it waits for another try: later ones queue behind it, so that order holds (G4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

State = Literal["waiting", "behind", "gap", "ready", "dead"]
"""Of a parked message: `waiting` in a retry tier, `behind` another of its key, `gap` for a number that is missing,
`ready` to run, `dead` until a person decides."""
LetterStatus = Literal["open", "replaying", "handled", "discarded", "superseded", "overtaken"]

REPLAYED = 1_000_000
"""The `tier` of a message that a person gave back: behind all tiers, however many there are in a later version."""


class ParkedRow(NamedTuple):
    """A parked message. `idx` (0 = not stored yet) orders those of a key; `tier` is the retry topic it went to last,
    -1 = none; `type` is empty where it cannot be read, or where only its number counts; `step` names the saga step a
    command serves, so that its undo finds it; `number` is its key sequence in `source`."""

    idx: int
    consumer: str
    topic: str
    partition: int
    offset: int
    key: str | None
    message_id: str
    type: str
    state: State
    tier: int
    due_us: int
    tries: int
    step: str
    source: str
    number: int
    headers: bytes
    value: bytes
    appended_us: int
    at_us: int


class ParkingStatus(NamedTuple):
    """How many messages of a group are parked, by state; `keys` that are held, since when the oldest one waits."""

    waiting: int
    behind: int
    gap: int
    ready: int
    dead: int
    keys: int
    oldest_us: int


class ParkedPlace(NamedTuple):
    """How many messages of a partition are parked in a group, and one of them."""

    topic: str
    partition: int
    messages: int
    message_id: str
    key: str | None
    state: str


class Parking(Protocol):
    """Messages that wait for their turn. One message is parked once in a group, whatever copies of it come."""

    async def held(self, consumer: str, keys: Sequence[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        """Those (topic, key) that have a message parked; a gap alone holds nothing that comes before it."""
        ...

    async def add(self, rows: Sequence[ParkedRow]) -> None:
        """Park messages at the end of their keys."""
        ...

    async def get(self, consumer: str, message_ids: Sequence[str]) -> Mapping[str, ParkedRow]:
        """The parked ones of these messages; in a writing transaction nobody else moves or removes them until it ends."""
        ...

    async def of_key(self, consumer: str, topic: str, key: str, limit: int) -> Sequence[ParkedRow]:
        """The first of a key, in their order."""
        ...

    async def keys(self, consumer: str, limit: int) -> Sequence[tuple[str, str]]:
        """The (topic, key) that have messages parked, the one that waits longest first."""
        ...

    async def of_steps(self, consumer: str, steps: Sequence[str]) -> Sequence[ParkedRow]:
        """The parked commands that do these saga steps."""
        ...

    async def ready(self, consumer: str, places: Sequence[tuple[str, int]], limit: int) -> Sequence[ParkedRow]:
        """Messages of these partitions that may run, among them those whose gap is filled; the oldest first."""
        ...

    async def behind(self, consumer: str, keys: Sequence[tuple[str, str]], limit: int) -> Sequence[ParkedRow]:
        """Of each of these (topic, key) the first that queue behind its head, in order: at most `limit` in all."""
        ...

    async def move(
        self, consumer: str, message_ids: Sequence[str], state: State, tier: int, due_us: int, *, tried: int = 0
    ) -> None:
        """Change the state of parked messages, and add to their tries."""
        ...

    async def replace(self, consumer: str, message_id: str, by: ParkedRow) -> bool:
        """Put another message in a parked one's place, ahead of those behind it; False = it is not parked."""
        ...

    async def wake(self, consumer: str, message_ids: Sequence[str], upto_us: int) -> int:
        """Those of these messages that wait and are due by then become ready; returns how many. The row says when it is
        due, whichever tier of whichever version of the service it waits in."""
        ...

    async def wake_overdue(self, consumer: str, before_us: int, limit: int) -> int:
        """At most so many messages that wait since before that become ready: the net below the retry topics."""
        ...

    async def remove(self, consumer: str, message_ids: Sequence[str]) -> int:
        """Take messages out; the next of their key becomes ready. Returns how many became so."""
        ...

    async def next_due_us(self, consumer: str) -> int | None:
        """When the next message that waits for its retry is due."""
        ...

    async def status(self, consumer: str) -> ParkingStatus:
        """How much is parked."""
        ...

    async def places(self, consumer: str) -> Sequence[ParkedPlace]:
        """Where the parked messages came from, by topic and partition."""
        ...

    async def rehome(self, consumer: str, place: tuple[str, int], partition: int) -> int:
        """The messages of a partition that is no more belong to this one of its topic; returns how many."""
        ...

    async def loosen(self, consumer: str) -> int:
        """The group keeps no order any more: what queues behind others and what waits for a missing number may run, and
        a dead letter holds its key no longer. Returns how many may run."""
        ...


class Said(NamedTuple):
    """What a member of a group says about itself: `what` (storm, full, unknown) of `subject` (a message type), since when; or
    alerts the watch still owes (`owed`) to a channel."""

    consumer: str
    member: str
    what: str
    subject: str
    detail: str
    at_us: int


class Groups(Protocol):
    """What people tell a group, and what its members say."""

    async def pause(self, consumer: str, reason: str, at_us: int) -> None:
        """The group handles nothing until it is resumed."""
        ...

    async def resume(self, consumer: str) -> bool:
        """It goes on; returns whether it was paused."""
        ...

    async def paused(self, consumer: str) -> tuple[str, int] | None:
        """Why the group is paused and since when; None = it is not."""
        ...

    async def say(self, said: Said) -> None:
        """Remember what a member says."""
        ...

    async def unsay(self, consumer: str, member: str, what: str, subject: str) -> None:
        """It is no longer so."""
        ...

    async def said(self, consumer: str) -> Sequence[Said]:
        """What the members say; what a dead one said is dropped by the watch."""
        ...

    async def kept(self, consumer: str) -> Mapping[str, str]:
        """What was kept of the group, by name: how it was declared at its last start, what its log was."""
        ...

    async def keep(self, consumer: str, values: Mapping[str, str]) -> None:
        """Keep these."""
        ...

    async def alarms(self) -> Sequence[tuple[Any, ...]]:
        """The alarms as they were kept last."""
        ...

    async def keep_alarms(self, alarms: Sequence[tuple[Any, ...]]) -> None:
        """Keep these alarms and no others."""
        ...


class Failure(NamedTuple):
    """One stage of trying that failed: `tries` tries in a row, the last one's cause."""

    consumer: str
    message_id: str
    at_us: int
    stage: str  # in place, retry-1m, ..., replay
    tries: int
    cause_type: str
    cause: str
    fingerprint: str


class DeadLetter(NamedTuple):
    """A message that could not be handled, with everything needed to understand and repair it.

    `attempts` counts all tries. `superseded_by` names the edited copy that took its place.
    """

    id: str
    consumer: str
    topic: str
    partition: int
    offset: int
    key: str | None
    message_id: str
    type: str
    correlation_id: str
    cause_type: str
    cause: str
    stack: str
    fingerprint: str
    attempts: int
    headers: bytes
    value: bytes
    at_us: int
    status: LetterStatus = "open"
    reason: str = ""
    closed_us: int = 0
    superseded_by: str = ""


class LetterGroup(NamedTuple):
    """Open dead letters with one cause."""

    consumer: str
    fingerprint: str
    cause_type: str
    cause: str
    type: str
    topic: str
    letters: int
    first_us: int
    last_us: int


class LetterFilter(NamedTuple):
    """Which dead letters; empty = any. `before_us` is exclusive."""

    status: str = "open"
    fingerprint: str = ""
    type: str = ""
    key: str = ""
    topic: str = ""
    ids: tuple[str, ...] = ()
    before_us: int = 0


class DeadLetters(Protocol):
    """Dead letters; nothing is ever dropped without one. A message that dies again opens its letter again."""

    async def add(self, rows: Sequence[DeadLetter]) -> None:
        """Write dead letters."""
        ...

    async def find(
        self, consumer: str | None = None, limit: int = 100, where: LetterFilter | None = None, after_id: str = ""
    ) -> Sequence[DeadLetter]:
        """The newest first; with `where` the oldest first, behind `after_id`."""
        ...

    async def count(self, consumer: str | None = None, where: LetterFilter | None = None) -> int:
        """How many there are."""
        ...

    async def groups(self, consumer: str | None = None) -> Sequence[LetterGroup]:
        """Open letters by cause, the largest group first."""
        ...

    async def close(self, ids: Sequence[str], status: LetterStatus, reason: str, at_us: int) -> int:
        """Change the status of letters; returns how many there were."""
        ...

    async def release(self, letter_ids: Sequence[str]) -> Sequence[DeadLetter]:
        """Open letters become `replaying`; returns those this call released: of two operators one gets each."""
        ...

    async def supersede(self, letter_id: str, by: DeadLetter, at_us: int) -> None:
        """Put an edited copy in a letter's place."""
        ...

    async def settle(self, consumer: str, message_ids: Sequence[str], status: LetterStatus, at_us: int) -> None:
        """The message behind a letter was handled, or its undo overtook it; letters closed already stay so."""
        ...

    async def failed(self, rows: Sequence[Failure]) -> None:
        """Append what failed; it is never changed."""
        ...

    async def failures(self, consumer: str, message_id: str) -> Sequence[Failure]:
        """What failed of one message, oldest first."""
        ...

    async def purge(self, before_us: int, limit: int) -> int:
        """Forget letters closed before that, with their failures; returns how many."""
        ...

    async def purge_failures(self, before_us: int, after_seq: int, limit: int) -> int:
        """Of the next `limit` failures behind `after_seq` forget those older than that whose message neither is parked nor
        has a letter. Returns behind which to go on; 0 = these were the last that are old."""
        ...

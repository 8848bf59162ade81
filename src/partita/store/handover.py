"""The port of a database whose outboxes another program reads: Debezium, or any reader of a change log."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Address(NamedTuple):
    """The address at which such a program finds the outboxes, without user and password."""

    host: str
    port: int
    database: str
    schemas: tuple[str, ...]


class Position(NamedTuple):
    """The reader's progress: `confirmed` of `written` (both in bytes of the database's log), and whether it is
    connected now."""

    active: bool
    confirmed: int
    written: int


class Reader(NamedTuple):
    """The program that reads an outbox in place of the relays: the name of its slot, and its progress.

    Without its slot (`there`) the database keeps nothing for it. `coming_back` = the relays wait until it has read its
    own rows. `confirmed` and `written` are bytes of the database's log, `newest` is the last row's seq.
    """

    slot: str
    there: bool
    active: bool
    coming_back: bool
    confirmed: int
    written: int
    newest: int

    @property
    def behind(self) -> int:
        """The bytes of the database's log that it has not confirmed: an upper bound of its backlog."""
        return max(0, self.written - self.confirmed)


class Handover(Protocol):
    """Hands the outboxes of an app's services to another reader, and takes them back.

    The reader is known by its slot: once the slot exists, the database keeps for it all later commits.
    """

    slot: str

    @property
    def place(self) -> Address:
        """The address of the outboxes."""
        ...

    async def open(self) -> None:
        """Connect to the services' schemas.

        Raises:
            NotFound: a service has no data there. StoreUnavailable: the server cannot be reached.
        """
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...

    async def prepare(self) -> None:
        """Create the slot and its publication where they are missing; nothing else changes.

        Raises:
            SettingsError: the server keeps no log that can be followed, or this user may not follow it.
        """
        ...

    async def hand_over(self) -> None:
        """From this commit on, no row is queued for the relays; rows queued before stay theirs.

        The queued rows of a key were committed before those that are not queued.

        Raises:
            Conflict: the outbox was taken back, and the relays still wait for the reader.
        """
        ...

    async def hold(self) -> int:
        """From this commit on, rows are queued again, but the relays do not touch them yet. Returns the place in the
        log before which all unqueued rows were committed."""
        ...

    async def queue_all(self) -> int:
        """Queue every kept row again, for a reader that will not come back; returns how many. Receivers drop the
        copies: the rows are kept as long as their ids are known."""
        ...

    async def release(self) -> None:
        """Let the relays continue."""
        ...

    async def position(self) -> Position | None:
        """The reader's progress; None = there is no such slot."""
        ...

    async def forget(self) -> None:
        """Drop the slot, so that the database keeps nothing for it any more.

        Raises:
            Conflict: a reader is connected.
        """
        ...

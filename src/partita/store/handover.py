"""The port of a database whose outboxes another program reads: Debezium, or what else follows a log of changes."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Place(NamedTuple):
    """Where such a program finds the outboxes; without a user or a password."""

    host: str
    port: int
    database: str
    schemas: tuple[str, ...]


class Position(NamedTuple):
    """How far the reader is: `confirmed` of what was written (both in bytes of the database's log), and whether it is
    connected now."""

    active: bool
    confirmed: int
    written: int


class Reader(NamedTuple):
    """Who reads an outbox in place of the relays: the slot it is known by, and how far it is.

    Without its slot (`there`) nothing is kept for it. `coming_back` = the relays wait until it has read what is its
    own. `confirmed` and `written` are bytes of the database's log, `newest` is the last row's seq.
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
        """How many bytes of the database's log it has not confirmed: an upper bound of what it has to read."""
        return max(0, self.written - self.confirmed)


class Handover(Protocol):
    """Gives the outboxes of an app's services to a reader of their own, and takes them back.

    The reader is known by its slot: from the slot's making on the database keeps for it what was committed.
    """

    slot: str

    @property
    def place(self) -> Place:
        """Where the outboxes are."""
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
        """Make the slot and what it shows where they are not there yet; nothing else changes.

        Raises:
            SettingsError: the server keeps no log that can be followed, or this user may not follow it.
        """
        ...

    async def hand_over(self) -> None:
        """From the commit of this on no row is queued for the relays; what is queued stays theirs.

        The rows of a key that are queued were committed before those that are not.

        Raises:
            Conflict: the outbox was taken back, and the relays still wait for the reader.
        """
        ...

    async def hold(self) -> int:
        """From the commit of this on rows are queued again, and the relays do not touch them yet. Returns the place in
        the log before which everything was committed that is not queued."""
        ...

    async def queue_all(self) -> int:
        """Queue every row that is still kept, for a reader that is not coming back; returns how many. Receivers drop
        what they had: the rows are kept as long as their ids are known."""
        ...

    async def release(self) -> None:
        """The relays go on."""
        ...

    async def position(self) -> Position | None:
        """How far the reader is; None = there is no such slot."""
        ...

    async def forget(self) -> None:
        """Drop the slot, so that nothing is kept for it any more.

        Raises:
            Conflict: a reader is connected.
        """
        ...

"""Refusals of `Outbox.add` before a row is written; and the place of the number in the headers."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from partita import App, Command, Event, Key, NotFound, Outbox, PartitaError, Rejection, Service, Settings
from partita.errors import Malformed, MessageTooLarge, NoTransaction
from partita.message import (
    Envelope,
    envelope_from_bytes,
    first_trace,
    numbered_headers,
    trace_of,
    unnumbered_headers,
)

orders = Service("orders", namespace="unit.order")
other = Service("other", namespace="unit.other")


class Placed(Event, of=orders):
    order_id: Key[str]
    note: str = ""


class Unkeyed(Event, of=orders):
    note: str


class Foreign(Event, of=other):
    order_id: Key[str]


class No(Rejection):
    why: str


class Place(Command[Placed, No], of=orders):
    order_id: Key[str]


@pytest.fixture
async def db(tmp_path: Path) -> Any:
    async with App(orders, settings=Settings(data=tmp_path)).running(roles=()):
        pass
    connection = sqlite3.connect(tmp_path / "orders.db")
    yield connection
    connection.rollback()
    assert connection.execute("SELECT count(*) FROM outbox").fetchone() == (0,)
    connection.close()


@pytest.mark.parametrize(
    "message, error, words",
    [
        (Foreign(order_id="a"), PartitaError, "belongs to other"),
        (Place(order_id="a"), PartitaError, "is a command"),
        (No(why="full"), PartitaError, "is a refusal"),
        ("placed", PartitaError, "not a declared message"),
        (Placed(order_id="a", note="x" * 1_100_000), MessageTooLarge, "the limit is"),
        (Placed(order_id="k" * 3_000), MessageTooLarge, "The key of"),
    ],
)
def test_what_cannot_travel_is_refused(db: Any, message: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Outbox(orders).add(db, Placed(order_id="first"), message)
    db.rollback()


@pytest.mark.parametrize(
    "lineage", [{"correlation_id": ""}, {"correlation_id": "x" * 201}, {"causation_id": "without what it belongs to"}]
)
def test_ids_from_outside_are_checked(db: Any, lineage: dict[str, str]) -> None:
    with pytest.raises(Malformed):
        Outbox(orders).add(db, Placed(order_id="a"), **lineage)


async def test_what_blocks_cannot_be_awaited(db: Any) -> None:
    """The error says so and rolls back; Python's own error would be about None."""
    with pytest.raises(NoTransaction, match="without await"):
        await Outbox(orders).add(db, Placed(order_id="a"))  # type: ignore[misc]


def test_what_is_no_connection_is_refused(db: Any) -> None:
    for where in (object(), db.cursor(), None):
        with pytest.raises(NoTransaction):
            Outbox(orders).add(where, Placed(order_id="a"))


def test_an_attached_file_is_refused(db: Any, tmp_path: Path) -> None:
    """Two files are committed as one only until the power fails."""
    mine = sqlite3.connect(tmp_path / "mine.db")
    mine.execute("ATTACH ? AS orders", (str(tmp_path / "orders.db"),))
    with pytest.raises(NotFound, match="an attached one is not committed with it"):
        Outbox(orders).add(mine, Placed(order_id="a"))
    mine.close()


def test_a_file_put_back_from_a_copy_is_refused(db: Any, tmp_path: Path) -> None:
    (tmp_path / "orders.db.sent").write_text(f"{99:020d}")
    with pytest.raises(PartitaError, match="restored from an older copy"):
        Outbox(orders).add(db, Placed(order_id="a"))


def test_the_relay_is_woken_by_hand_and_before_anything_was_added(db: Any) -> None:
    outbox = Outbox(orders)
    outbox.wake()
    outbox.add(db, Placed(order_id="a"), Unkeyed(note="without a number"))
    outbox.wake()
    assert [envelope_from_bytes(row[0]).key_sequence for row in db.execute("SELECT headers FROM outbox")] == [1, 0]


def test_a_trace_is_that_of_the_first_event_or_of_each_under_the_users_correlation(db: Any) -> None:
    """A correlation that a user gives may be any text; a trace made of it would be refused by each tool."""
    outbox = Outbox(orders)
    outbox.add(db, Placed(order_id="a"), Placed(order_id="b"))
    with outbox.caused_by("order 7"):
        outbox.add(db, Placed(order_id="c"))
    with outbox.caused_by("order 7", traceparent="00-a-b-01"):
        outbox.add(db, Placed(order_id="d"))
    a, b, c, d = (envelope_from_bytes(row[0]) for row in db.execute("SELECT headers FROM outbox ORDER BY seq"))
    assert trace_of(a) == trace_of(b) == first_trace(a.id)
    assert (c.correlation_id, trace_of(c)) == ("order 7", first_trace(c.id))
    assert trace_of(d) == "00-a-b-01"


FORKS = """
import os
from partita.clock import SystemClock, SystemIds
ids = SystemIds(SystemClock())
children = [os.fork() or os.write(1, f"{ids.random()}\\n".encode()) and os._exit(0) for _ in range(2)]
for child in children:
    os.waitpid(child, 0)
print(ids.random())
"""


def test_processes_that_fork_make_ids_of_their_own() -> None:
    """A server that imports the application and forks its workers: two equal ids would be one message."""
    found = subprocess.run([sys.executable, "-c", FORKS], check=True, capture_output=True, text=True).stdout.split()
    assert len(set(found)) == 3


def test_a_number_has_its_place_whatever_the_ids_hold() -> None:
    """The last eight bytes."""
    envelope = Envelope("i", "s", "t", 2**63 - 1, "c\u00cf\u007f", extra={"key_sequence": "\uffff" * 9})
    headers, hole = unnumbered_headers(envelope)
    for number in (1, 127, 128, 2**62):
        found = envelope_from_bytes(numbered_headers(headers, hole, number))
        assert found.key_sequence == number
        assert found.extra == envelope.extra

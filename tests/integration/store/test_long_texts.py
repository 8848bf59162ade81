"""Texts that fit no index of a database are refused with their limit, or kept as a digest, on either database."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import Bank

from partita import App, Command, Event, Key, Service, Settings, Tx
from partita.bus.port import Outgoing
from partita.errors import MessageTooLarge
from partita.message import SagaAddress, envelope_from_bytes, envelope_to_bytes

# Text that does not compress: PostgreSQL would index a long row of one letter.
LONG = "".join(random.Random(7).choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", k=9_000))


@pytest.fixture
def bank(store: str, tmp_path: Path) -> Bank:
    """A bank on that database."""
    bank = Bank(tmp_path / "data")
    bank.app = bank.app.configured(replace(bank.app.settings, store=store))
    return bank


async def test_what_others_send_with_texts_no_index_takes_is_a_dead_letter(bank: Bank) -> None:
    """The group continues behind it; the raw bytes are kept."""
    async with bank.app.running():
        await bank.app.send(bank.Deposit(name="ann", cents=5))
        await bank.app.settled()
        good = await _only_record(bank)
        changes: list[dict[str, Any]] = [
            {"id": LONG[:3_000]},
            {"source": LONG[:3_000]},
            {"correlation_id": LONG[:3_000]},
            {"saga": SagaAddress("S", LONG[:3_000], "s", 1, "do")},
        ]
        bad = []
        for change in changes:
            envelope = envelope_from_bytes(good.headers)
            for name, value in change.items():
                setattr(envelope, name, value)
            bad.append(envelope_to_bytes(envelope))
        envelope.id, envelope.saga = "another", None
        records = [Outgoing(good.topic, "k", headers, good.value, f"{n}") for n, headers in enumerate(bad)]
        records.append(Outgoing(good.topic, LONG[:3_000], envelope_to_bytes(envelope), good.value, "key"))
        await bank.app.bus.append(records)
        await bank.app.send(bank.Deposit(name="bob", cents=5))
        await bank.app.settled(dead_letters=True)
        assert await bank.rows("audit", "SELECT name FROM entry ORDER BY name") == [{"name": "ann"}, {"name": "bob"}]
        async with bank.app.store("audit").reading() as session:
            found = await session.dead_letters.find()
    assert {letter.headers for letter in found} == {record.headers for record in records}
    assert {letter.cause_type for letter in found} == {"Malformed"}


class Notes:
    """Notes of any text, and a reader that accepts each text once."""

    def __init__(self, settings: Settings) -> None:
        notes = Service("notes", namespace="long.notes")
        reader = Service("reader", namespace="long.reader", tables="CREATE TABLE IF NOT EXISTS noted (size BIGINT);")

        class Noted(Event, of=notes):
            name: Key[str]
            text: str

        class Note(Command[Noted], of=notes):
            name: Key[str]
            text: str

        self.Note = Note

        @notes.handles(Note)
        async def note(cmd: Note) -> Noted:
            return Noted(name=cmd.name, text=cmd.text)

        @reader.on(dedupe_by="text")
        async def read(event: Noted, tx: Tx) -> None:
            await tx.execute("INSERT INTO noted VALUES (:size)", size=len(event.text))

        self.app = App(notes, reader, settings=settings)


async def test_a_key_that_is_too_long_is_refused_in_the_hands_of_its_sender(store: str, tmp_path: Path) -> None:
    """It must not be an error of the database, which counts against no message and would be run again for ever."""
    notes = Notes(Settings(data=tmp_path / "data", store=store))
    async with notes.app.running():
        with pytest.raises(MessageTooLarge, match="3,000 bytes, the limit is 2,000"):
            await notes.app.send(notes.Note(name=LONG[:3_000], text=""))


async def test_a_long_business_key_is_known_again(store: str, tmp_path: Path) -> None:
    """A handler may dedupe by a whole text; two that differ at their end are two."""
    notes = Notes(Settings(data=tmp_path / "data", store=store))
    async with notes.app.running():
        for name, text in (("a", LONG), ("b", LONG), ("c", f"{LONG}!")):
            await notes.app.send(notes.Note(name=name, text=text))
        await notes.app.settled()
        async with notes.app.store("reader").reading() as session:
            rows = await session.fetch("SELECT size FROM noted ORDER BY size", {})
    assert [row["size"] for row in rows] == [len(LONG), len(LONG) + 1]


async def _only_record(bank: Bank) -> Any:
    subscription = bank.app.bus.subscribe("probe", [bank.bank.events_topic], "probe")
    polled = await subscription.poll(100)
    await subscription.close()
    return polled.records[0]

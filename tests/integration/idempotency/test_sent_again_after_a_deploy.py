"""The same request from a newer version of its sender: other bytes, one meaning, handled once and answered as before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.waiting import until

from partita import App, Command, Event, Key, Service, Settings, Tx
from partita.bus.port import Outgoing
from partita.clock import US
from partita.codec.avro import AvroCodec
from partita.errors import Conflict, Expired
from partita.message import Envelope, SagaAddress, envelope_to_bytes
from partita.runtime.background.janitor import Janitor
from partita.schemas.fields.shape import Shape
from partita.store.dead_letters import LetterFilter

TABLES = "CREATE TABLE IF NOT EXISTS paid (name TEXT, note TEXT);"
LINE = msgspec.defstruct("Line", [("sku", str)])
GROWN_LINE = msgspec.defstruct("Line", [("sku", str), ("gift", bool, False)])


class Deployment:
    """One deployment of a service that takes payments; the newer one has one more optional field in the command,
    within it, and in the reply."""

    def __init__(self, data: Path, store: str, *, grown: bool, dedupe_by: str | None = None) -> None:
        shop = self.shop = Service("shop", namespace="again.shop", tables=TABLES)
        make: Any = type(Event)
        self.line: Any = GROWN_LINE if grown else LINE
        more: dict[str, Any] = {"note": str} if grown else {}
        paid = {"__annotations__": {"name": Key[str], **more}, **dict.fromkeys(more, "thanks")}
        self.Paid: Any = make("Paid", (Event,), paid, of=shop)
        asked = {"__annotations__": {"name": Key[str], "lines": list[self.line], **more}, **dict.fromkeys(more, "")}
        self.Pay: Any = make("Pay", (Command,), {**asked, "__orig_bases__": (Command[self.Paid],)}, of=shop)

        @shop.handles(self.Pay, dedupe_by=dedupe_by)
        async def pay(cmd: Any, tx: Tx) -> Any:
            await tx.execute("INSERT INTO paid VALUES (:n, :t)", n=cmd.name, t=getattr(cmd, "note", ""))
            return self.Paid(name=cmd.name)

        self.app = App(shop, settings=Settings(data=data, store=store))

    def command(self, **more: Any) -> Any:
        """The request, as this version makes it."""
        return self.Pay(**{"name": "ann", "lines": [self.line(sku="x")], **more})

    async def effects(self) -> int:
        """The number of payments."""
        async with self.app.store("shop").reading() as session:
            return len(await session.fetch("SELECT * FROM paid", {}))


async def test_an_idempotency_key_is_answered_as_before_after_a_field_was_added(tmp_path: Path, store: str) -> None:
    """The kept answer is also read with the schema that wrote it; another content is still a conflict."""
    older = Deployment(tmp_path, store, grown=False)
    async with older.app.running():
        await older.app.send(older.command(), idempotency_key="k")
    newer = Deployment(tmp_path, store, grown=True)
    async with newer.app.running():
        again = await newer.app.send(newer.command(), idempotency_key="k")
        assert again == newer.Paid(name="ann", note="thanks") and await newer.effects() == 1
        for other in (newer.command(note="!"), newer.command(lines=[newer.line(sku="x", gift=True)])):
            with pytest.raises(Conflict):
                await newer.app.send(other, idempotency_key="k")
    async with older.app.running():  # and back again, as a rolling deploy goes
        assert await older.app.send(older.command(), idempotency_key="k") == older.Paid(name="ann")
        assert await older.effects() == 1


async def test_a_business_key_is_answered_as_before_after_a_field_was_added(tmp_path: Path, store: str) -> None:
    """The same, where a field of the command names the effect."""
    older = Deployment(tmp_path, store, grown=False, dedupe_by="name")
    async with older.app.running():
        await older.app.send(older.command())
    newer = Deployment(tmp_path, store, grown=True, dedupe_by="name")
    async with newer.app.running():
        assert await newer.app.send(newer.command()) == newer.Paid(name="ann", note="thanks")
        assert await newer.effects() == 1
        with pytest.raises(Conflict):
            await newer.app.send(newer.command(note="!"))


async def test_a_step_that_a_newer_saga_sends_again_is_a_copy(tmp_path: Path, store: str) -> None:
    """The saga's service was deployed with one more field, and so encodes its command again under the first id: in a
    batch of its own, or in one batch with the first."""
    grown = Deployment(tmp_path, store, grown=True)
    older = Shape("Pay", "again.shop.v1", msgspec.defstruct("Pay", [("name", str), ("lines", list[LINE])]))  # type: ignore[valid-type]
    codec = AvroCodec()
    fingerprint, value = codec.encode(older, older.struct(name="ann", lines=[LINE(sku="x")]))

    def record(schema: str, value: bytes, step: str, sent: int) -> Outgoing:
        envelope = Envelope(
            id=f"m-{step}",
            source="sagas",
            type=older.full_name,
            time_us=1,
            correlation_id="c",
            kind="command",
            schema=schema,
            saga=SagaAddress("Buy", "ann", step, sent, "do"),
        )
        return Outgoing(grown.shop.commands_topic, None, envelope_to_bytes(envelope), value, f"{step}{sent}")

    async with grown.app.running() as system:
        await grown.app.system.registry.publish(fingerprint, codec.schema_text(fingerprint) or "")
        newer = system.codec.encode(grown.Pay.__partita__.shape, grown.command())
        await grown.app.bus.append([record(fingerprint, value, "one", 1)])
        await grown.app.settled()
        await grown.app.bus.append(
            [record(*newer, "one", 2), record(*newer, "two", 1), record(fingerprint, value, "two", 2)]
        )
        await grown.app.settled()
        assert await grown.effects() == 2
        async with grown.app.store("shop").reading() as session:
            assert not await session.dead_letters.find("shop", 10, LetterFilter())
        other = system.codec.encode(grown.Pay.__partita__.shape, grown.command(note="!"))
        await grown.app.bus.append([record(*other, "one", 3)])
        await grown.app.settled(dead_letters=True)
        assert await grown.effects() == 2
        async with grown.app.store("shop").reading() as session:
            (letter,) = await session.dead_letters.find("shop", 10, LetterFilter())
        assert letter.cause_type == "Conflict"


@pytest.mark.parametrize("dedupe_by", [None, "name"])
async def test_a_key_that_is_older_than_its_content_is_not_told_as_a_conflict(
    tmp_path: Path, store: str, dedupe_by: str | None
) -> None:
    """After the window the key is known and its content is not: other bytes of a newer sender prove nothing."""
    older = Deployment(tmp_path, store, grown=False, dedupe_by=dedupe_by)
    key = None if dedupe_by else "k"
    async with older.app.running() as system:
        await older.app.send(older.command(), idempotency_key=key)
        here = system.stores["shop"]
        async with here.transaction() as session:
            await session.execute("UPDATE inbox SET at_us = at_us - :d", {"d": 2 * 86_400 * US})
            newest = (
                "INSERT INTO inbox (consumer, message_id, type, correlation_id, payload_hash, at_us, outcome) "
                "VALUES ('c', :id, '', '', '', :at, 'handled')"
            )
            await session.execute(newest, {"id": system.ids.new(), "at": await here.now_us()})
        await Janitor(older.shop, here).step(0.0)
    newer = Deployment(tmp_path, store, grown=True, dedupe_by=dedupe_by)
    async with newer.app.running():
        for command in (newer.command(), newer.command(note="!")):
            with pytest.raises(Expired, match="it was not handled again"):
                await newer.app.send(command, idempotency_key=key)
        assert await newer.effects() == 1


async def test_a_step_that_is_sent_again_while_the_first_waits_for_its_turn_is_a_copy(
    tmp_path: Path, store: str
) -> None:
    """No mark of it exists yet: it is compared with the parked message."""
    grown = Deployment(tmp_path, store, grown=True)
    older = Shape("Pay", "again.shop.v1", msgspec.defstruct("Pay", [("name", str), ("lines", list[LINE])]))  # type: ignore[valid-type]
    codec = AvroCodec()
    before = codec.encode(older, older.struct(name="ann", lines=[LINE(sku="x")]))

    def record(schema: str, value: bytes, step: str, number: int) -> Outgoing:
        envelope = Envelope(
            f"m-{step}", "sagas", older.full_name, 1, "c", "command", schema=schema, key_sequence=number
        )
        envelope.saga = SagaAddress("Buy", "ann", step, number, "do")
        return Outgoing(grown.shop.commands_topic, "ann", envelope_to_bytes(envelope), value, f"{step}{number}")

    async with grown.app.running() as system:
        await grown.app.system.registry.publish(before[0], codec.schema_text(before[0]) or "")
        newer = system.codec.encode(grown.Pay.__partita__.shape, grown.command())
        for early in (record(*newer, "one", 1), record(*before, "three", 3), record(*newer, "three", 4)):
            await grown.app.bus.append([early])
        await until_parked(grown, gap=2)
        await grown.app.bus.append([record(*newer, "two", 2)])
        await grown.app.settled()
        assert await grown.effects() == 3


async def until_parked(deployment: Deployment, *, gap: int) -> None:
    """Wait until so many wait for a number that is missing."""

    async def found() -> int:
        async with deployment.app.store("shop").reading() as session:
            return (await session.parking.status("shop")).gap

    await until(found, holds=lambda count: count == gap)

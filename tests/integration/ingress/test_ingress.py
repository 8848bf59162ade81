"""POST /events: each mode, each answer, and each event once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.integration.ingress.till import BATCHED, BINARY, STRUCTURED, Till, charged
from tests.unit.cloudevents.test_avro_format import avro
from tests.waiting import until

from partita import App, DeclarationError, Event, Key, NotFound, Service, Settings, Tx
from partita.message import envelope_from_bytes

AVRO = "application/cloudevents+avro"
DATA = {"orderId": "o1", "cents": 5}


@pytest.fixture
async def till(tmp_path: Path) -> AsyncIterator[Till]:
    """A running app with an ingress."""
    made = Till(Settings(data=tmp_path))
    async with made.app.running():
        yield made


async def test_an_event_is_taken_once_in_each_mode(settings: Settings) -> None:
    """202 says that it is durable; the same event again, in whatever mode, says that it is known and does nothing."""
    till = Till(settings)
    async with till.app.running():
        assert await till.post(DATA) == (202, {"accepted": 1, "repeated": 0})
        assert await till.post({"cents": 5, "orderId": "o1"}) == (202, {"accepted": 0, "repeated": 1}), "another order"
        assert await till.structured(charged()) == (202, {"accepted": 0, "repeated": 1})
        of_psp = {"id": "4711", "source": "urn:psp", "type": "till.payment.v1.Charged"}
        answer = await till.post(avro(json.dumps(DATA).encode(), **of_psp), {"content-type": AVRO})
        assert answer == (202, {"accepted": 0, "repeated": 1})
        batch = [charged(), charged("1", "o2"), charged("2", "o3"), charged("2", "o3")]
        assert await till.structured(batch) == (202, {"accepted": 2, "repeated": 2})
        assert await till.structured([]) == (202, {"accepted": 0, "repeated": 0})
        assert await till.post(DATA, ce_source="urn:other") == (202, {"accepted": 1, "repeated": 0}), "another program"
        assert await till.seen() == ["o1 5", "o1 5", "o2 5", "o3 5"]


async def test_many_that_bring_one_event_at_once_bring_it_once(settings: Settings) -> None:
    """A sender that does not wait for its first try's end; one transaction has to begin anew."""
    till = Till(settings)
    async with till.app.running():
        answers = await asyncio.gather(*(till.post(DATA) for _ in range(10)))
        assert {status for status, _ in answers} == {202}
        assert sum(body["accepted"] for _, body in answers) == 1
        assert await till.seen() == ["o1 5"]


async def test_an_event_that_came_before_with_another_content_is_a_conflict(settings: Settings) -> None:
    """Nothing of the request is kept: neither the other content, nor the rest of its batch."""
    till = Till(settings)
    async with till.app.running():
        await till.post(DATA)
        status, problem = await till.post({"orderId": "o1", "cents": 6})
        assert (status, problem["where"]) == (409, "id") and "4711 of urn:psp" in problem["detail"]
        assert (await till.structured([charged("new", "o9"), charged(cents=7)]))[0] == 409
        assert (await till.structured([charged("x", cents=1), charged("x", cents=2)]))[0] == 409
        assert (await till.structured(charged(type="till.payment.v1.Refunded")))[0] == 409, "the type is content"
        assert await till.seen() == ["o1 5"]


async def test_a_handler_sees_who_sent_it_and_all_its_attributes(till: Till) -> None:
    """Standard ones, extensions, and the ids of the journey, as they arrived or as those of an event without a cause."""
    more: dict[str, Any] = {
        "time": "2026-11-01T10:00:00.5Z", "subject": "o1", "sequence": 7, "sampled": True, "correlationid": "journey",
        "causationid": "cause", "tracestate": "a=1", "dataschema": "https://psp.example/charged.json",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }  # fmt: skip
    await till.structured(charged(**more))
    await till.structured(charged("2"))
    await till.seen()
    first, second = till.metas
    assert (first.source, first.message_id, first.key, first.occurred_us) == (
        "urn:psp", "urn:psp 4711", "o1", 1_793_527_200_500_000,
    )  # fmt: skip
    assert (first.correlation_id, first.causation_id) == ("journey", "cause")
    assert first.attributes == {
        "subject": "o1", "sequence": "7", "sampled": "true", "tracestate": "a=1",
        "dataschema": "https://psp.example/charged.json", "datacontenttype": "application/json",
    }  # fmt: skip
    assert (second.correlation_id, second.causation_id) == ("urn:psp 2", None)
    rows = [envelope_from_bytes(row["headers"]) for row in await till.kept()]
    assert [row.key_sequence for row in rows] == [1, 2], "numbered among the messages of their key"
    assert rows[0].traceparent == more["traceparent"]
    assert rows[1].traceparent is not None and len(rows[1].traceparent) == 55


async def test_attributes_of_ours_from_elsewhere_say_nothing(till: Till) -> None:
    """With them an event would pass for a message of Partita, and its id for one of any source."""
    await till.structured(charged(partitakind="command"))
    await till.post(DATA, ce_id="2", ce_partitakind="event", partita="forged")
    assert [row["id"] for row in await till.kept()] == ["urn:psp 4711", "urn:psp 2"]
    assert {envelope_from_bytes(row["headers"]).kind for row in await till.kept()} == {"event"}


async def test_headers_are_read_as_the_binding_writes_them(till: Till) -> None:
    """Percent signs for characters that no header has, and double quotes around a value."""
    await till.post(DATA, ce_subject="Euro%20%E2%82%AC%20%F0%9F%98%80", ce_other='"a \\"b\\" %25"')
    await till.seen()
    assert (till.metas[0].attributes["subject"], till.metas[0].attributes["other"]) == (
        "Euro \u20ac \U0001f600",
        'a "b" %',
    )


async def test_an_event_without_content_type_or_without_data_is_legal(till: Till) -> None:
    """The first is read as JSON; the second has no field, and is refused by the name of the first that it lacks."""
    assert (await till.post(json.dumps(DATA).encode(), content_type=""))[0] == 202
    document = charged("2")
    del document["data"]
    status, problem = await till.structured(document)
    assert (status, problem["where"]) == (400, "data") and "orderId" in problem["detail"]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"id": ""}, "id"),
        ({"id": None}, "id"),
        ({"source": "a b"}, "source"),
        ({"source": "x" * 600}, "data"),
        ({"specversion": "0.3"}, "specversion"),
        ({"specversion": None}, "specversion"),
        ({"time": "yesterday"}, "time"),
        ({"subject": "a\nb"}, "subject"),
        ({"bad_name": "x"}, "'bad_name'"),
        ({"data": {"orderId": "o1", "cents": "much"}}, "data"),
        ({"data": {"cents": 1}}, "data"),
        ({"data": [1]}, "data"),
        ({"data": {"orderId": "o1", "cents": -1}}, "data"),
        ({"data": {"orderId": "nul \0"}}, "data"),
        ({"data": None, "data_base64": "%%"}, "data_base64"),
    ],
)
async def test_what_is_malformed_is_named_and_nothing_is_kept(till: Till, change: dict[str, Any], where: str) -> None:
    """400 with the place, alone and in a batch."""
    status, problem = await till.structured(charged() | change)
    assert (status, problem["where"]) == (400, where), problem
    status, problem = await till.structured([charged("other"), charged() | change])
    inside = "events[1]" if where == "data" else f"events[1].{where}"
    assert (status, problem["where"]) == (400, inside), problem
    assert not await till.kept()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{", STRUCTURED), (b"[]", STRUCTURED), (b"\xff", STRUCTURED), (b"{}", BATCHED), (b"[1]", BATCHED),
        (b"[" * 100_000, BATCHED), (b"", STRUCTURED), (b"", AVRO), (b"{}", AVRO),
    ],
)  # fmt: skip
async def test_bodies_that_hold_no_event_are_refused(till: Till, body: bytes, content_type: str) -> None:
    """Whatever bytes come, the answer is a 400."""
    status, problem = await till.post(body, {"content-type": content_type})
    assert status == 400 and "body" in problem["where"] or problem["where"].startswith("events[0]")


async def test_other_formats_types_paths_and_methods_are_refused(till: Till) -> None:
    """Each with what would be taken instead."""
    assert (await till.post(b"<a/>", {"content-type": "application/xml"}))[0] == 415
    assert (await till.post(b"", {"content-type": "application/cloudevents+xml"}))[0] == 415
    assert (await till.post(b"", {"content-type": "application/cloudevents-batch+xml"}))[0] == 415
    assert (await till.post(b"<a/>", content_type="application/xml"))[0] == 415
    assert (await till.post(DATA, content_encoding="gzip"))[0] == 415
    assert (await till.post(b"\x00", ce_partitaschema="0123456789abcdef"))[0] == 415
    status, problem = await till.structured(charged(type="till.payment.v1.Unknown"))
    assert (status, problem["where"]) == (422, "type") and "till.payment.v1.Charged" in problem["detail"]
    assert (await till.post(DATA, path="/other"))[0] == 404
    got = await till.client.get("/events")
    assert (got.status_code, got.headers["allow"]) == (405, "POST")
    assert not await till.kept()


async def test_a_sender_that_asks_is_answered_by_the_list_of_origins(tmp_path: Path) -> None:
    """As the webhooks of CloudEvents have it: consent is two headers, and no status is one. The app need not run."""
    till = Till(Settings(data=tmp_path), origins=["Events.example.com", "psp.example"])
    asked = {"WebHook-Request-Origin": "events.Example.com", "WebHook-Request-Rate": "120"}

    said = await till.client.options("/events", headers=asked)
    assert (said.status_code, said.headers["allow"], said.content) == (200, "POST", b"")
    assert said.headers["webhook-allowed-origin"] == "events.Example.com", "the name as it was asked"
    assert said.headers["webhook-allowed-rate"] == "*"

    for headers, status in (({"WebHook-Request-Origin": "evil.example"}, 403), ({}, 400)):
        said = await till.client.options("/events", headers=headers)
        assert (said.status_code, said.headers["allow"]) == (status, "POST")
        assert not [name for name in said.headers if name.startswith("webhook-")]
    assert (await till.client.options("/other", headers=asked)).status_code == 404
    assert (await till.client.get("/events")).status_code == 405


async def test_any_origin_may_be_allowed_and_without_a_list_nobody_is(tmp_path: Path) -> None:
    asked = {"WebHook-Request-Origin": "events.example.com"}
    said = await Till(Settings(data=tmp_path), origins=["*"]).client.options("/events", headers=asked)
    assert said.headers["webhook-allowed-origin"] == "*"
    said = await Till(Settings(data=tmp_path)).client.options("/events", headers=asked)
    assert said.status_code == 405 and "webhook-allowed-origin" not in said.headers
    for wrong in ("psp.example", [""], [5]):
        with pytest.raises(DeclarationError, match="list of DNS names"):
            Till(Settings(data=tmp_path), origins=wrong)


async def test_a_large_request_is_refused_before_it_is_read_whole(tmp_path: Path) -> None:
    """By its length, and without one after the limit: the rest is never asked for."""
    till = Till(Settings(data=tmp_path), body_max=1_000)
    pieces = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal pieces
        while True:
            pieces += 1
            yield b" " * 300

    async with till.app.running():
        assert (await till.post(b" " * 1_001))[0] == 413
        answer = await till.client.post("/events", content=endless(), headers=BINARY)
        assert (answer.status_code, pieces <= 5) == (413, True)
        assert (await till.post(json.dumps(DATA).encode().ljust(1_000)))[0] == 202


async def test_a_sender_that_goes_away_amid_its_body_has_sent_nothing(till: Till) -> None:
    """The part that came may well be a whole JSON document."""
    body = json.dumps(charged()).encode()
    messages = [{"type": "http.request", "body": body, "more_body": True}, {"type": "http.disconnect"}]
    answers: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        answers.append(message)

    headers = [(b"content-type", STRUCTURED.encode())]
    await till.ingress({"type": "http", "method": "POST", "path": "/events", "headers": headers}, receive, send)
    assert answers == [] and not await till.kept()


async def test_a_database_that_is_away_is_no_fault_of_the_sender(till: Till) -> None:
    """503 with a time to wait; the same request succeeds when the database is back."""
    store: Any = till.app.store("payments")
    store.is_away = True
    answer = await till.client.post("/events", content=json.dumps(DATA), headers=BINARY)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    store.is_away = False
    assert await till.post(DATA) == (202, {"accepted": 1, "repeated": 0})


async def test_an_app_that_does_not_run_answers_with_503(tmp_path: Path) -> None:
    """Before its start, after its end, and where it runs other services."""
    till = Till(Settings(data=tmp_path))
    assert (await till.post(DATA))[0] == 503
    async with till.app.running(services=["orders"]):
        assert (await till.post(DATA))[0] == 503


async def test_it_is_mounted_in_a_web_application(tmp_path: Path) -> None:
    """Below a path, beside other routes; the app runs for as long as the web application."""
    till = Till(Settings(data=tmp_path))
    web = FastAPI(lifespan=till.app.lifespan)
    web.mount("/hooks", till.ingress)
    async with web.router.lifespan_context(web):
        transport = httpx.ASGITransport(app=web)
        async with httpx.AsyncClient(transport=transport, base_url="http://web") as client:
            answer = await client.post("/hooks/events", json=DATA, headers=BINARY)
            assert answer.status_code == 202
            assert (await client.post("/hooks/other", json=DATA, headers=BINARY)).status_code == 404
        assert await till.seen() == ["o1 5"]


async def test_a_server_that_runs_it_alone_runs_the_app_too(tmp_path: Path) -> None:
    """By the lifespan that ASGI servers have."""
    till = Till(Settings(data=tmp_path))
    ends = asyncio.Event()
    said: list[str] = []

    async def receive() -> Any:
        if said:
            await ends.wait()
        return {"type": "lifespan.shutdown" if said else "lifespan.startup"}

    async def send(message: Any) -> None:
        said.append(message["type"])

    server = asyncio.create_task(till.ingress({"type": "lifespan"}, receive, send))
    await until(lambda: said)
    assert (await till.post(DATA))[0] == 202
    ends.set()
    await server
    assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert (await till.post(DATA))[0] == 503


async def test_types_of_the_sender_are_mapped_to_classes(tmp_path: Path) -> None:
    """A provider has names of its own; the listed types alone are taken."""
    till = Till(Settings(data=tmp_path))
    mapped = till.app.ingress(till.payments, takes={"com.psp.charge.settled": till.Charged})
    till.client = httpx.AsyncClient(transport=httpx.ASGITransport(app=mapped), base_url="http://till")
    async with till.app.running():
        assert (await till.structured(charged()))[0] == 422
        assert (await till.structured(charged(type="com.psp.charge.settled")))[0] == 202
        assert await till.seen() == ["o1 5"]


def test_an_ingress_takes_events_of_its_own_service_alone(tmp_path: Path) -> None:
    """A service publishes its own facts."""
    till = Till(Settings(data=tmp_path))
    other = Service("other", namespace="till.other")

    class Foreign(Event, of=other):
        id: str

    with pytest.raises(DeclarationError, match="takes Foreign"):
        till.app.ingress(till.payments, takes=[Foreign])
    with pytest.raises(DeclarationError, match="takes no event"):
        till.app.ingress(till.payments, takes=[])
    with pytest.raises(NotFound, match="not a service of this app"):
        till.app.ingress(other)


async def test_an_event_of_an_old_version_is_taken_and_upcast(tmp_path: Path) -> None:
    """A sender that is not upgraded yet: the event leaves as one of the newest version, and is the same event in both."""
    shop = Service("shop", namespace="old.shop", tables="CREATE TABLE IF NOT EXISTS seen (id TEXT NOT NULL);")

    class SoldV1(Event, of=shop, name="Sold"):
        order_id: Key[str]
        euros: int

    class Sold(Event, of=shop, version=2):
        order_id: Key[str]
        cents: int

    @shop.upcast
    def sold_v2(old: SoldV1) -> Sold:
        return Sold(order_id=old.order_id, cents=old.euros * 100)

    @shop.on
    async def see(event: Sold, tx: Tx) -> None:
        await tx.execute("INSERT INTO seen VALUES (:id)", id=f"{event.order_id} {event.cents}")

    app = App(shop, settings=Settings(data=tmp_path))
    transport = httpx.ASGITransport(app=app.ingress(shop))
    document = charged(type="old.shop.v1.Sold", data={"orderId": "o1", "euros": 2})
    async with app.running(), httpx.AsyncClient(transport=transport, base_url="http://till") as client:
        for repeated in (0, 1):
            answer = await client.post("/events", json=document, headers={"content-type": STRUCTURED})
            assert (answer.status_code, answer.json()["repeated"]) == (202, repeated)
        await app.settled()
        async with app.store("shop").reading() as session:
            assert [row["id"] for row in await session.fetch("SELECT id FROM seen", {})] == ["o1 200"]
            assert [row["type"] for row in await session.fetch("SELECT type FROM outbox", {})] == ["old.shop.v2.Sold"]

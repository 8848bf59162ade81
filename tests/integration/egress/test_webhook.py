"""Webhooks to a receiver on loopback: what it gets, what its answers do, and where nothing is sent."""

from __future__ import annotations

import io
import json
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fastavro
import pytest
from tests.certificates import certified
from tests.integration.egress.receiver import SILENT, Receiver
from tests.integration.ingress.till import Till
from tests.unit.cloudevents.test_avro_format import SCHEMA
from tests.waiting import until

from partita import App, Command, DeclarationError, Event, Key, PartitaError, Retry, Service, Settings, SettingsError
from partita.bus.port import Outgoing
from partita.clock import SystemClock
from partita.cloudevents.binary_mode import BinaryMode
from partita.egress import Webhook
from partita.ingress.reading import events_of
from partita.store.dead_letters import LetterFilter
from partita.webhooks.signature import Signer

SECRET = "whsec_" + "A" * 44
OLD = {"specversion": b"1.0", "id": b"1", "source": b"urn:psp", "type": b"old.shop.v1.Sold"}
HERE = ["127.0.0.0/8"]


class Shop:
    """A service that publishes, and one that sends webhooks. A delay of a minute is one of six milliseconds."""

    def __init__(self, data: Path, hook: Webhook) -> None:
        orders = Service("orders", namespace="hook.order")
        self.partner = Service("partner", namespace="hook.partner")

        class Shipped(Event, of=orders):
            order_id: Key[str]
            cents: int = 0
            note: str = ""

        class Ship(Command[Shipped], of=orders):
            order_id: Key[str]
            note: str = ""

        @orders.handles(Ship)
        async def ship(cmd: Ship) -> Shipped:
            return Shipped(order_id=cmd.order_id, cents=5, note=cmd.note)

        hook.subscribe(self.partner, Shipped)
        self.Ship, self.Shipped = Ship, Shipped
        self.app = App(orders, self.partner, settings=Settings(data=data, time_scale=0.0001))

    async def letters(self) -> Sequence[Any]:
        async with self.app.store("partner").reading() as session:
            return list(await session.dead_letters.find("partner", 10, LetterFilter()))


async def test_an_event_arrives_in_binary_mode(tmp_path: Path) -> None:
    """Its data is JSON whatever language the service has; texts that no header has come with percent signs."""
    async with Receiver() as receiver:
        shop = Shop(tmp_path, Webhook("partner", to=receiver.url, networks=HERE))
        async with shop.app.running():
            await shop.app.send(shop.Ship(order_id="\u00e4 1", note="\u20ac"))
            await shop.app.settled()
    (got,) = receiver.received
    assert got.line == "POST /hooks?tenant=1 HTTP/1.1" and got.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert json.loads(got.body) == {"orderId": "\u00e4 1", "cents": 5, "note": "\u20ac"}
    ce = {name: text for name, text in got.headers.items() if name.startswith("ce-")}
    assert (ce["ce-specversion"], ce["ce-type"], ce["ce-partitionkey"]) == (
        "1.0",
        "hook.order.v1.Shipped",
        "%C3%A4%201",
    )
    assert {"ce-id", "ce-source", "ce-time", "ce-correlationid", "ce-causationid"} <= set(ce)
    assert got.headers["content-type"] == "application/json" and "webhook-id" not in got.headers


async def test_structured_mode_has_all_in_one_signed_document(tmp_path: Path) -> None:
    async with Receiver() as receiver:
        shop = Shop(tmp_path, Webhook("partner", to=receiver.url, networks=HERE, mode="structured", secrets=[SECRET]))
        async with shop.app.running():
            await shop.app.send(shop.Ship(order_id="o1"))
            await shop.app.settled()
    (got,) = receiver.received
    document = json.loads(got.body)
    assert (
        document["data"] == {"orderId": "o1", "cents": 5, "note": ""}
        and document["datacontenttype"] == "application/json"
    )
    assert got.headers["content-type"] == "application/cloudevents+json"
    assert got.headers["webhook-id"] == document["id"]
    Signer([SECRET]).check(got.headers, got.body, int(got.headers["webhook-timestamp"]))


async def test_an_event_is_repeated_until_the_target_takes_it(tmp_path: Path) -> None:
    """With the same id, after each delay, and in place where the connection failed."""
    answers = (b"503 Busy\r\nRetry-After: 1", b"404 Not yet", b"! no HTTP\r\n\r\n", b"204 Taken")
    async with Receiver(*answers) as receiver:
        shop = Shop(tmp_path, Webhook("partner", to=receiver.url, networks=HERE, secrets=[SECRET]))
        async with shop.app.running():
            await shop.app.send(shop.Ship(order_id="o1"))
            await shop.app.settled()
            assert not await shop.letters()
    assert len(receiver.received) == 4 and len(set(receiver.events())) == 1


async def test_the_last_refusal_makes_a_dead_letter(tmp_path: Path) -> None:
    """After the first try and the three delays; its cause names the host and the answer, and no path."""
    async with Receiver(b"302 Found\r\nLocation: http://127.0.0.1:1/", b"500 Broken") as receiver:
        shop = Shop(tmp_path, Webhook("partner", to=receiver.url, networks=HERE))
        async with shop.app.running():
            await shop.app.send(shop.Ship(order_id="o1"))
            await shop.app.settled(dead_letters=True)
            (letter,) = await shop.letters()
    assert len(receiver.received) == 4, "a redirect is not followed"
    assert (letter.cause_type, "answered 500" in letter.cause, "tenant" in letter.cause) == (
        "WebhookFailed",
        True,
        False,
    )


async def test_a_target_that_is_gone_gets_no_more_events(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its events are dead letters, for which the alert fires; the log says it once, as an error."""
    async with Receiver(b"410 Gone") as receiver:
        shop = Shop(tmp_path, Webhook("partner", to=receiver.url, networks=HERE))
        async with shop.app.running():
            await shop.app.send(shop.Ship(order_id="o1"))
            await until(shop.letters)
            await shop.app.send(shop.Ship(order_id="o2"))
            await shop.app.send(shop.Ship(order_id="o3"))
            await shop.app.settled(dead_letters=True)
            assert [letter.cause_type for letter in await shop.letters()] == ["WebhookGone"] * 3
    assert len(receiver.received) == 1
    assert len([each for each in caplog.records if "webhook partner is disabled" in each.getMessage()]) == 1


@pytest.mark.parametrize(
    "answer",
    [
        SILENT,
        b"!HTTP/1.1 200 OK\r\nx: " + b"a" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 100 Go on\r\n\r\n" * 20,
        b"!\r\n\r\n",
    ],
)
async def test_an_answer_that_does_not_come_or_is_none_costs_one_try(tmp_path: Path, answer: bytes) -> None:
    """Silence, a head without end, interim answers without end, other bytes: within the limit of time, then it is tried again."""
    async with Receiver(answer, b"200 Taken") as receiver:
        shop = Shop(
            tmp_path, Webhook("partner", to=receiver.url, networks=HERE, timeout_s=0.5 if answer == SILENT else 20)
        )
        async with shop.app.running():
            await shop.app.send(shop.Ship(order_id="o1"))
            await shop.app.settled()
    assert len(receiver.received) >= 2, "a busy machine may need a third"


async def test_an_interim_answer_is_not_the_answer(tmp_path: Path) -> None:
    async with Receiver(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n") as receiver:
        shop = Shop(tmp_path, Webhook("partner", to=receiver.url, networks=HERE))
        async with shop.app.running():
            await shop.app.send(shop.Ship(order_id="o1"))
            await shop.app.settled()
    assert len(receiver.received) == 1


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["169.254.169.254"], ["10.0.0.7"], ["93.184.216.34", "127.0.0.1"], []]
)
async def test_nothing_is_sent_to_an_address_that_is_not_allowed(tmp_path: Path, addresses: list[str]) -> None:
    """Whatever name leads to it. The name server is a stub: no test sends to a foreign address."""

    async def resolver(host: str, port: int) -> Sequence[str]:
        return addresses

    async with Receiver() as receiver:
        url = f"https://hooks.example.com:{receiver.port}/"
        shop = Shop(tmp_path, Webhook("partner", to=url, resolver=resolver))
        async with shop.app.running():
            await shop.app.send(shop.Ship(order_id="o1"))
            await shop.app.settled(dead_letters=True)
            (letter,) = await shop.letters()
    assert (letter.cause_type, receiver.received) == ("WebhookRefused", [])


async def test_the_checked_address_is_the_one_that_is_connected_to(tmp_path: Path) -> None:
    """A name server that answers differently the second time is not asked a second time."""
    asked: list[str] = []

    async def resolver(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    async with Receiver() as receiver:
        url = f"http://no-name.invalid:{receiver.port}/"
        shop = Shop(tmp_path, Webhook("partner", to=url, resolver=resolver, networks=HERE))
        async with shop.app.running():
            await shop.app.send(shop.Ship(order_id="o1"))
            await shop.app.settled()
    assert asked == ["no-name.invalid"] and len(receiver.received) == 1
    assert receiver.received[0].headers["host"] == f"no-name.invalid:{receiver.port}"


async def test_tls_is_checked_by_the_name_of_the_target(tmp_path: Path) -> None:
    """The connection goes to an address; the certificate is that of the name."""
    authority, keystore = certified(tmp_path)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(keystore)

    async def resolver(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    async with Receiver(trust=serving) as receiver:
        for host in ("127.0.0.1", "other.example"):
            hook = Webhook(
                "partner", to=f"https://{host}:{receiver.port}/", resolver=resolver, networks=HERE, ca=authority,
                retry=Retry(in_place=0, delays=()),
            )  # fmt: skip
            shop = Shop(tmp_path / host, hook)
            async with shop.app.running():
                await shop.app.send(shop.Ship(order_id="o1"))
                await shop.app.settled(dead_letters=True)
                causes = [letter.cause_type for letter in await shop.letters()]
            assert causes == ([] if host == "127.0.0.1" else ["WebhookUnreached"])
    assert len(receiver.received) == 1


async def test_a_url_may_follow_from_the_event(tmp_path: Path) -> None:
    """By a function, within the listed hosts."""
    async with Receiver() as receiver:

        async def to(event: Any) -> str:
            return receiver.url if event.order_id == "o1" else "http://127.0.0.1:1/"

        shop = Shop(tmp_path, Webhook("partner", to=to, networks=HERE, hosts=[f"127.0.0.1:{receiver.port}"]))
        async with shop.app.running():
            await shop.app.send(shop.Ship(order_id="o1"))
            await shop.app.send(shop.Ship(order_id="o2"))
            await shop.app.settled(dead_letters=True)
            (letter,) = await shop.letters()
    assert letter.cause_type == "WebhookRefused" and len(receiver.received) == 1


@pytest.mark.parametrize("mode", ["binary", "structured"])
async def test_an_ingress_takes_what_a_webhook_sends(tmp_path: Path, mode: Any) -> None:
    """Signed, in both modes; sent again it is known. The id is that of the event, the source that of its service."""
    till = Till(Settings(data=tmp_path / "till"), takes=None, secrets=[SECRET])
    till.ingress.takes["hook.order.v1.Shipped"] = next(iter(till.ingress.takes.values()))
    async with Receiver() as receiver:
        shop = Shop(tmp_path / "shop", Webhook("partner", to=receiver.url, networks=HERE, mode=mode, secrets=[SECRET]))
        async with shop.app.running():
            await shop.app.send(shop.Ship(order_id="o1"))
            await shop.app.settled()
    (got,) = receiver.received
    async with till.app.running():
        for repeated in (0, 1):
            assert await till.post(got.body, got.headers) == (202, {"accepted": 1 - repeated, "repeated": repeated})
        assert await till.seen() == ["o1 5"]


def test_a_webhook_that_cannot_work_is_refused_at_its_declaration(tmp_path: Path) -> None:
    url = "https://hooks.example.com/"
    for options in ({"mode": "batched"}, {"timeout_s": 0}, {"concurrency": 1}, {"networks": ["x"]}, {"hosts": "x"}):
        with pytest.raises(DeclarationError):
            Webhook("partner", to=url, **options)  # type: ignore[arg-type]  # that is the mistake
    for options in ({"secrets": ["short"]}, {"ca": tmp_path / "none"}):
        with pytest.raises(SettingsError):
            Webhook("partner", to=url, **options)  # type: ignore[arg-type]  # that is the mistake
    for bad in ("ftp://host/", "https://elsewhere.example/"):
        with pytest.raises(PartitaError):
            Webhook("partner", to=bad, hosts=["hooks.example.com"])
    with pytest.raises(DeclarationError, match="no event"):
        Webhook("partner", to=url).subscribe(Service("partner", namespace="hook.partner"))


async def test_an_event_of_an_old_version_is_sent_as_one_of_the_newest(tmp_path: Path) -> None:
    """Type and data are of one version."""
    shop, partner = Service("shop", namespace="old.shop"), Service("partner", namespace="old.partner")

    class SoldV1(Event, of=shop, name="Sold"):
        order_id: Key[str]
        euros: int

    class Sold(Event, of=shop, version=2):
        order_id: Key[str]
        cents: int

    @shop.upcast
    def sold_v2(old: SoldV1) -> Sold:
        return Sold(order_id=old.order_id, cents=old.euros * 100)

    async with Receiver() as receiver:
        Webhook("partner", to=receiver.url, networks=HERE).subscribe(partner, Sold)
        app = App(shop, partner, settings=Settings(data=tmp_path))
        headers, value = BinaryMode("ce_").read(
            [
                *((f"ce_{name}", text) for name, text in OLD.items()),
                ("content-type", b"application/json"),
            ],
            b'{"orderId": "o1", "euros": 2}',
            SystemClock().now_us(),
        )
        async with app.running():
            await app.bus.append([Outgoing(shop.events_topic, "o1", headers, value, "urn:psp 1")])
            await app.settled()
    (got,) = receiver.received
    assert (got.headers["ce-type"], json.loads(got.body)["cents"]) == ("old.shop.v2.Sold", 200)
    assert (got.headers["ce-source"], got.headers["ce-id"]) == ("urn:psp", "1")


def agrees(to: str, status: str = "200 OK") -> bytes:
    """The answer of a target that wants events of an origin."""
    return f"HTTP/1.1 {status}\r\nWebHook-Allowed-Origin: {to}\r\nWebHook-Allowed-Rate: 100\r\n\r\n".encode()


async def test_a_target_is_asked_before_its_first_event_and_not_again(tmp_path: Path) -> None:
    """By OPTIONS at the very URL; then each event names the origin."""
    async with Receiver(agrees("Shop.example"), b"204 No Content") as receiver:
        shop = Shop(tmp_path, Webhook("partner", to=receiver.url, networks=HERE, origin="shop.Example"))
        async with shop.app.running():
            for order in ("o1", "o2"):
                await shop.app.send(shop.Ship(order_id=order))
                await shop.app.settled()
    first, *events = receiver.received
    assert (first.line, first.headers["content-length"]) == ("OPTIONS /hooks?tenant=1 HTTP/1.1", "0")
    assert [each.line for each in events] == ["POST /hooks?tenant=1 HTTP/1.1"] * 2
    assert {each.headers["webhook-request-origin"] for each in receiver.received} == {"shop.example"}
    assert "ce-id" not in first.headers


@pytest.mark.parametrize(
    "said", [b"200 OK", b"405 Method Not Allowed", agrees("evil.example"), agrees("*", "403 Forbidden")]
)
async def test_a_target_that_does_not_agree_gets_no_event(said: bytes, tmp_path: Path) -> None:
    """A status alone is no consent. It is asked again after each delay; then the event is a dead letter with the reason."""
    async with Receiver(said) as receiver:
        shop = Shop(tmp_path, Webhook("partner", to=receiver.url, networks=HERE, origin="shop.example"))
        async with shop.app.running():
            await shop.app.send(shop.Ship(order_id="o1"))
            (letter,) = await until(shop.letters)
    assert {each.line.split()[0] for each in receiver.received} == {"OPTIONS"} and len(receiver.received) == 4
    assert "does not agree to events of shop.example" in letter.cause


async def test_a_target_that_agrees_later_gets_the_event(tmp_path: Path) -> None:
    async with Receiver(b"405 Method Not Allowed", agrees("*"), b"204 No Content") as receiver:
        shop = Shop(tmp_path, Webhook("partner", to=receiver.url, networks=HERE, origin="shop.example"))
        async with shop.app.running():
            await shop.app.send(shop.Ship(order_id="o1"))
            await until(lambda: len(receiver.received) == 3)
    assert [each.line.split()[0] for each in receiver.received] == ["OPTIONS", "OPTIONS", "POST"]


async def test_an_event_in_the_avro_format_is_read_by_the_specifications_schema(tmp_path: Path) -> None:
    """And by our own ingress."""
    async with Receiver() as receiver:
        hook = Webhook("partner", to=receiver.url, networks=HERE, mode="avro", secrets=[SECRET])
        shop = Shop(tmp_path, hook)
        async with shop.app.running():
            await shop.app.send(shop.Ship(order_id="o1", note="ä" * 100))
            await until(lambda: receiver.received)
    (got,) = receiver.received
    assert got.headers["content-type"] == "application/cloudevents+avro"
    read: Any = fastavro.schemaless_reader(io.BytesIO(got.body), fastavro.parse_schema(SCHEMA), None)
    assert json.loads(read["data"]) == {"orderId": "o1", "cents": 5, "note": "ä" * 100}
    assert read["attribute"]["type"] == "hook.order.v1.Shipped" and read["attribute"]["partitionkey"] == "o1"
    assert read["attribute"]["datacontenttype"] == "application/json"
    (event,) = events_of([("content-type", got.headers["content-type"])], got.headers["content-type"], got.body)
    assert event.attributes == read["attribute"] and event.data == read["data"]
    assert Signer([SECRET]).check(got.headers, got.body, int(got.headers["webhook-timestamp"]))


def test_an_origin_that_is_no_dns_name_is_refused() -> None:
    for wrong in ("https://shop.example", "shop.example:443", "a b", "-a.example", "a..b", "x" * 254, 5):
        with pytest.raises(DeclarationError, match="origin of webhook partner"):
            Webhook("partner", to="https://partner.example/", origin=wrong)  # type: ignore[arg-type]  # one is no text

"""The client asks a registry that works, and keeps its head where one is down, slow, failing or talking nonsense."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from servers.process import free_port

from partita.clock import SystemClock
from partita.errors import PartitaError, RegistryRefused, RegistryUnavailable, SettingsError
from partita.schemas.confluent.client import KEPT_MAX, RegisteredSchema, RegistryClient
from partita.schemas.confluent.exchange import ANSWER_MAX

SCHEMA = RegisteredSchema('"string"')
Answering = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


class Registry:
    """A server on loopback that answers each request with the next of its texts, and keeps the requests."""

    def __init__(self, *answers: bytes | Answering) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        length = [line for line in request.lower().splitlines() if line.startswith(b"content-length:")]
        body = await reader.readexactly(int(length[0].partition(b":")[2])) if length else b""
        self.requests.append(request + body)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        try:
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(request, writer)
        except ConnectionError:
            pass  # the client had enough
        finally:
            writer.close()


def said(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def asked(
    *answers: bytes | Answering, user: str = "", whole_s: float = 20.0
) -> AsyncIterator[tuple[RegistryClient, Registry]]:
    registry = Registry(*answers)
    server = await asyncio.start_server(registry.serve, "127.0.0.1", 0)
    registry.port = server.sockets[0].getsockname()[1]
    async with server:
        yield RegistryClient(f"http://{user}127.0.0.1:{registry.port}/base", SystemClock(), whole_s=whole_s), registry


async def test_a_schema_is_asked_for_once() -> None:
    """Ids name one schema for ever: the hot path of a consumer asks nothing."""
    async with asked(said(b'{"schema":"\\"string\\""}')) as (client, registry):
        assert await client.by_id(7) == SCHEMA
        assert await client.by_id(7) == SCHEMA
    assert [request.split(b"\r\n")[0] for request in registry.requests] == [b"GET /base/schemas/ids/7 HTTP/1.1"]
    assert (client.traffic.asked, client.traffic.kept, client.traffic.failed, client.traffic.is_up) == (1, 1, 0, True)


async def test_an_unknown_id_is_asked_for_again() -> None:
    """It may be registered in the next moment."""
    unknown = said(b'{"error_code":40403,"message":"Schema 7 not found"}', "404 Not Found")
    async with asked(unknown, said(b'{"schema":"\\"string\\""}')) as (client, _):
        assert await client.by_id(7) is None
        assert await client.by_id(7) == SCHEMA
    assert client.traffic.unknown == 1


async def test_a_schema_in_another_language_has_its_references() -> None:
    body = b'{"schema":"{}","schemaType":"JSON","references":[{"name":"a","subject":"s","version":2}]}'
    async with asked(said(body)) as (client, _):
        found = await client.by_guid("g")
    assert found is not None
    assert (found.language, found.references[0].subject, found.references[0].version) == ("JSON", "s", 2)


async def test_a_chunked_answer_is_read() -> None:
    """Java's servers chunk what they do not measure."""
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"4\r\n[1,2\r\n2\r\n,3\r\n1\r\n]\r\n0\r\n\r\n"
    async with asked(answer) as (client, _):
        assert await client.versions("s") == [1, 2, 3]


async def test_a_subject_stays_within_its_part_of_the_path() -> None:
    async with asked(said(b"[]")) as (client, registry):
        await client.versions("../a/b?c#d\r\nX: y ä")
    assert registry.requests[0].startswith(
        b"GET /base/subjects/..%2Fa%2Fb%3Fc%23d%0D%0AX%3A%20y%20%C3%A4/versions HTTP/1.1\r\n"
    )


async def test_a_refusal_has_the_registrys_words_and_is_no_failure() -> None:
    """Waiting makes no schema compatible."""
    body = b'{"error_code":40901,"message":"field-without-default at total"}'
    async with asked(said(body, "409 Conflict")) as (client, _):
        with pytest.raises(RegistryRefused, match="field-without-default at total") as caught:
            await client.register("s", SCHEMA)
    assert caught.value.error_code == 40901
    assert not caught.value.retryable
    assert (client.traffic.failed, client.traffic.is_up) == (0, True)


async def test_a_path_that_a_registry_does_not_have_is_the_address_to_mend() -> None:
    """The guide of levels and modes does not help a person whose address has a wrong path."""
    body = b'{"error_code":404,"message":"HTTP 404 Not Found"}'
    async with asked(said(body, "404 Not Found")) as (client, _):
        with pytest.raises(RegistryRefused) as caught:
            await client.register("s", SCHEMA)
    assert "/base" in caught.value.what and "path in PARTITA_REGISTRY" in (caught.value.hint or "")


async def forever(_: bytes, writer: asyncio.StreamWriter) -> None:
    """Bytes without an end."""
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(ANSWER_MAX // 65_536 + 2):
        writer.write(b"x" * 65_536)
        await writer.drain()


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"garbage", b"\x00\x01\x02\x03", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"HTTP/9.9 200 OK\r\n\r\n[]",
        said(b""), said(b"[")[:-1], said(b"<html>"), said(b"\xff"), said(b"[" * 100_000), said(b"null"), said(b"3"), said(b"{}"),
        said(b'{"schema":3}'), said(b'{"schema":"x","references":[{}]}'), said(b'{"schema":"x","references":7}'),
        said(b"[1,2]" + b" " * 10, "200 OK")[:-10],
        said(b'{"error_code":50001,"message":"m"}', "500 Internal Server Error"), said(b"busy", "503 Service Unavailable"),
        said(b"{}", "429 Too Many Requests"), said(b"<html>not here</html>", "404 Not Found"), said(b"{}", "404 Not Found"),
        said(b"", "302 Found", "Location: http://127.0.0.1:1/schemas/ids/7"), said(b"", "401 Unauthorized"), said(b"", "403 Forbidden"),
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1_000 + b"\r\n[]", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", forever,
    ],
    ids=lambda answer: repr(answer[:40] + answer[-20:]) if isinstance(answer, bytes) else "endless",
)  # fmt: skip
async def test_an_answer_that_is_none_of_a_registry_is_waited_out(answer: bytes | Answering) -> None:
    """A consumer must not make a dead letter of a message because a proxy shows its page."""
    async with asked(answer) as (client, registry):
        with pytest.raises(RegistryUnavailable) as caught:
            await client.by_id(7)
    assert caught.value.retryable
    assert len(registry.requests) == 1, "a redirect would have been a second request"
    assert (client.traffic.failed, client.traffic.is_up) == (1, False)


async def test_a_registry_that_is_away_or_slow_is_waited_out() -> None:
    client = RegistryClient(f"http://127.0.0.1:{free_port()}", SystemClock())
    with pytest.raises(RegistryUnavailable, match="cannot be reached"):
        await client.by_id(7)

    async def silent(_: bytes, __: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with asked(silent, whole_s=0.05) as (client, _):
        with pytest.raises(RegistryUnavailable, match=r"within 0\.05 s"):
            await client.latest("s")


async def test_a_password_is_sent_and_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    """An address goes to logs and to errors."""
    caplog.set_level(logging.DEBUG)
    async with asked(said(b"", "401 Unauthorized"), user="ann:se%20cret@") as (client, registry):
        with pytest.raises(RegistryUnavailable, match="does not accept this user") as caught:
            await client.by_id(7)
        credentials = base64.b64encode(b"ann:se cret")
        assert b"Authorization: Basic " + credentials in registry.requests[0]
    for text in (str(caught.value), repr(caught.value), client.where, caplog.text):
        assert "cret" not in text and "ann" not in text


@pytest.mark.parametrize(
    "url", ["", "registry:8081", "ftp://host", "http://", "http://host?x=1", "http://host#x", "file:///etc/passwd"]
)
def test_a_url_that_names_no_registry_is_refused(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        RegistryClient(url, SystemClock())
    assert isinstance(caught.value, PartitaError) and caught.value.hint


async def test_what_is_kept_has_an_end() -> None:
    """A broken producer that counts ids up must not fill the memory of its consumers."""
    client = RegistryClient("http://127.0.0.1:1", SystemClock())
    for number in range(KEPT_MAX + 5):
        client._kept.add(("id", number), SCHEMA)
    assert len(client._kept.answers) == KEPT_MAX
    assert ("id", 0) not in client._kept.answers

"""A receiver of webhooks on loopback: it keeps each request and answers as a test says."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, NamedTuple

SILENT = b"!silent"
"""The beginning of an answer that never ends."""


class Received(NamedTuple):
    """A request; header names are in lower case."""

    line: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """Answers the requests with `answers`, one after the other, and then with the last one."""

    def __init__(self, *answers: bytes, trust: ssl.SSLContext | None = None) -> None:
        self.answers = list(answers or (b"204 No Content",))
        self.received: list[Received] = []
        self._trust = trust

    async def __aenter__(self) -> Receiver:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0, ssl=self._trust)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hooks?tenant=1"

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = dict(each.split(": ", 1) for each in lines if each)
            body = await reader.readexactly(int(headers["content-length"]))
            self.received.append(Received(line, headers, body))
            said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            writer.write(said if said.startswith((b"HTTP/", b"!")) else b"HTTP/1.1 " + said + b"\r\n\r\n")
            await writer.drain()
            if said.startswith(SILENT):
                await reader.read()  # until the other side goes away
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    def events(self) -> list[Any]:
        """The ids of the events, in order."""
        return [each.headers.get("ce-id") for each in self.received]

"""One request to a registry and its answer: within a time, of a size, and from no other host."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from partita.clock import Clock, within
from partita.errors import RegistryUnavailable, SettingsError
from partita.http_client.answer import HttpAnswer, NotHttp

ANSWER_MAX = 8_000_000
"""Bytes: a registry may have thousands of subjects, and a schema a million characters."""
WHOLE_S = 5.0
MEDIA = "application/vnd.schemaregistry.v1+json"
URL_EXAMPLE = "http://127.0.0.1:8081, or https://user:password@host/path"
SOON = "It is tried again. Check that the registry runs, and PARTITA_REGISTRY."


class Answer(NamedTuple):
    """A registry's answer."""

    status: int
    body: bytes


class Exchange:
    """Asks one registry. Each request has a connection of its own: answers are kept by the caller, so requests are rare."""

    def __init__(self, url: str, clock: Clock, *, whole_s: float = WHOLE_S) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise SettingsError("The registry's URL cannot be used.", hint=URL_EXAMPLE)
        self._clock = clock
        self._whole_s = whole_s
        self._host = parts.hostname
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._path = parts.path.rstrip("/")
        self._trust = ssl.create_default_context() if parts.scheme == "https" else None
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        self.where = f"{parts.scheme}://{host}:{self._port}{self._path}"
        self._head = f"Host: {host}{f':{parts.port}' if parts.port else ''}\r\nAccept: {MEDIA}\r\nConnection: close\r\n"
        if parts.username is not None:
            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._head += f"Authorization: Basic {base64.b64encode(user.encode()).decode()}\r\n"

    async def ask(self, method: str, path: tuple[str, ...], query: str = "", body: bytes | None = None) -> Answer:
        """The answer to a request. The parts of the path may hold any character.

        Raises:
            RegistryUnavailable: there is none in time, it is none of HTTP, or it exceeds the limit.
        """
        target = self._path + "".join(f"/{quote(part, safe='')}" for part in path) + (f"?{query}" if query else "")
        head = f"{method} {target} HTTP/1.1\r\n{self._head}"
        if body is not None:
            head += f"Content-Type: {MEDIA}\r\nContent-Length: {len(body)}\r\n"
        try:
            async with within(self._clock, self._whole_s):
                said = await self._said(f"{head}\r\n".encode() + (body or b""))
        except TimeoutError as error:
            raise self.unavailable(f"did not answer within {self._whole_s:g} s") from error
        except OSError as error:
            raise self.unavailable(f"cannot be reached ({error.strerror or type(error).__name__})") from error
        return self._read(said, method)

    def unavailable(self, what: str, hint: str = SOON) -> RegistryUnavailable:
        """The error of a registry that did not answer as one."""
        return RegistryUnavailable(f"The schema registry at {self.where} {what}.", hint=hint)

    async def _said(self, request: bytes) -> bytes:
        """All that the server sends until it closes the connection, as it was asked to."""
        reader, writer = await asyncio.open_connection(self._host, self._port, ssl=self._trust)
        try:
            writer.write(request)
            await writer.drain()
            parts, size = [], 0
            while part := await reader.read(65_536):
                size += len(part)
                if size > ANSWER_MAX:
                    raise self.unavailable(f"sent more than {ANSWER_MAX:,} bytes")
                parts.append(part)
            return b"".join(parts)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                writer.transport.abort()

    def _read(self, said: bytes, method: str) -> Answer:
        try:
            answer = HttpAnswer.of(said, method)
        except NotHttp as error:
            raise self.unavailable(f"gave an answer that is none of HTTP ({error})") from None
        return Answer(answer.status, answer.body)

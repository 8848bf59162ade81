"""`Webhook`: sends events, or the commands of a service, to a URL of another program, as CloudEvents over HTTP."""

from __future__ import annotations

import asyncio
import inspect
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Union

from partita.catalog.contract import contract_of
from partita.catalog.event import Command, Event
from partita.catalog.injection import Meta
from partita.catalog.retry import Retry
from partita.catalog.service import CONCURRENCY_MAX, Service
from partita.clock import US, SystemClock, within
from partita.codec.connect import connect_codec
from partita.egress.answers import check_answer
from partita.egress.handshake import ORIGIN, check_consent, check_origin
from partita.egress.request import MODES, Mode, attributes_of, content_of, request_of
from partita.egress.retrying import decide
from partita.egress.target import Rules, Target
from partita.errors import DeclarationError, SettingsError, WebhookGone, WebhookUnreached
from partita.http_client.answer import HttpAnswer, NotHttp
from partita.runtime.path.calling import UNANSWERED
from partita.schemas.fields.shape import Shape
from partita.settings.amount import check_count, check_seconds
from partita.texts.foreign_text import logger
from partita.webhooks.signature import Signer, webhook_id_of

log = logger(__name__)
HEAD_BYTES_MAX = 65_536
INTERIM_MAX, INTERIM = 10, re.compile(rb"HTTP/1\.[01] 1[0-9][0-9]\b")
"""Answers with 1xx before the answer itself."""
GONE_S = 300.0
"""After a 410 the target is not asked for so long."""
AGREED_S = 3_600.0
"""The consent of a target holds so long in this process."""
RETRY = Retry(in_place=1, first_wait_s=1.0, policy=decide)
To = str | Callable[[Any], str | Awaitable[str]]
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host, best first."""


async def resolved(host: str, port: int) -> Sequence[str]:
    """The addresses of a host, by the resolver of this machine."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]


class Webhook:
    """Sends events to a target: `Webhook("partner", to="https://partner.example/hooks").subscribe(notifications, OrderShipped)`.

    Each event is one request with a limit of time. It is repeated by the retries of the service until the target answers 2xx;
    after the last one it is a dead letter. The target may get an event more than once, always with the same id.

    Args:
        name: of the subscription, unique in its service; it never changes.
        to: the URL, or a function that returns it for an event, also a coroutine function.
        secrets: of Standard Webhooks (`whsec_<base64>`); each signs each request. Without one requests are not signed.
        mode: "binary"; "structured" is one JSON document with the attributes, so that the signature covers them too; "avro" is
            the same in the Avro format.
        hosts: the hosts that may be sent to, with or without a port; None = any.
        networks: inner networks that may be sent to. Other addresses that are not public are refused.
        ca: a file with the certificate of an authority of your own.
        origin: the DNS name of this system. With it a target is asked for its consent before its first event (OPTIONS, as the
            HTTP webhooks of CloudEvents have it), and each hour again.
        timeout_s: the limit of one try.
        concurrency: how many requests run at once.
        retry: the delays, and more tries in place for a connection that fails. With a policy of its own it decides alone.

    Raises:
        DeclarationError: a value is not valid. SettingsError: a secret or the file cannot be used.
    """

    def __init__(
        self,
        name: str,
        *,
        to: To,
        secrets: Sequence[str] = (),
        mode: Mode = "binary",
        hosts: Sequence[str] | None = None,
        networks: Sequence[str] = (),
        ca: str | Path = "",
        origin: str = "",
        timeout_s: float = 20.0,
        concurrency: int = 8,
        retry: Retry = RETRY,
        resolver: Resolver = resolved,
    ) -> None:
        if mode not in MODES:
            raise DeclarationError(f"mode={mode!r} of webhook {name} cannot be.", hint=f"One of {', '.join(MODES)}.")
        check_count(DeclarationError, f"concurrency of webhook {name}", concurrency, least=2, most=CONCURRENCY_MAX)
        check_seconds(DeclarationError, f"timeout_s of webhook {name}", timeout_s)
        self.name = name
        self._to = to
        self._signer = Signer(secrets) if secrets else None
        self._mode: Mode = mode
        self._rules = Rules(hosts, networks)
        if isinstance(to, str):
            self._rules.target(to)
        self._trust = _trust(ca)
        self._timeout_s = timeout_s
        self._concurrency = concurrency
        self._retry = retry if retry.policy is not None else replace(retry, policy=decide)
        self._resolver = resolver
        self._clock = SystemClock()
        self._codec = connect_codec()
        self._origin = check_origin(origin, f"origin of webhook {name}") if origin else ""
        self._gone: dict[Target, float] = {}
        self._agreed: dict[Target, float] = {}

    def __repr__(self) -> str:
        return f"Webhook({self.name!r})"

    def subscribe(self, service: Service, *events: type[Event], why: str | None = None) -> None:
        """Send these events, as a handler of `service`. A message is tried with all handlers of its service, so give each target
        a service of its own, or a target that fails repeats the requests to the others.

        Raises:
            DeclarationError: there is no event, or another handler has this name.
        """
        if not events:
            raise DeclarationError(f"Webhook {self.name} sends no event.", hint="subscribe(service, OrderShipped)")

        for event in events:
            with suppress(NameError):  # a type that is declared later
                self._codec.learn(_in_json(event))

        async def deliver(event: Any, meta: Meta) -> None:
            await self.send(event, meta)

        deliver.__annotations__ = {"event": Union[events], "meta": Meta, "return": None}  # noqa: UP007  # a tuple of classes
        deliver.__name__ = f"webhook_{self.name}"
        service.on(name=self.name, concurrency=self._concurrency, retry=self._retry, why=why)(deliver)

    def handles(self, service: Service, *commands: type[Command[Any, Any]]) -> None:
        """Send these commands of `service` to the target, which does the work and answers later: it sends the declared reply or
        refusal to an ingress of the service. `app.send` returns None. Such commands are for sagas, whose steps have a time limit.

        Raises:
            DeclarationError: there is no command, it is another service's, or has a handler.
        """
        if not commands:
            raise DeclarationError(f"Webhook {self.name} sends no command.", hint="handles(payments, ChargePayment)")
        for command in commands:
            with suppress(NameError):  # a type that is declared later
                self._codec.learn(_in_json(command))
            self._hand_over(service, command)

    def _hand_over(self, service: Service, command: type[Command[Any, Any]]) -> None:
        async def deliver(command: Any, meta: Meta) -> Any:
            await self.send(command, meta)
            return UNANSWERED

        deliver.__annotations__ = {"command": command, "meta": Meta, "return": contract_of(command).reply}
        deliver.__name__ = f"webhook_{self.name}"
        service.handles(command, concurrency=self._concurrency, retry=self._retry)(deliver)

    async def send(self, event: Event | Command[Any, Any], meta: Meta) -> None:
        """Send one event or command.

        Raises:
            WebhookFailed, WebhookUnreached: the target did not take it. WebhookGone: it wants no more events.
            WebhookRefused: it is not allowed.
        """
        url = self._to if isinstance(self._to, str) else self._to(event)
        target = self._rules.target(await url if inspect.isawaitable(url) else url)
        if self._gone.get(target, 0.0) > self._clock.monotonic():
            raise WebhookGone(f"{target.shown} answered 410 a moment ago: it is not asked.", hint="partita dlq replay")
        body, headers = self._content(event, meta)
        if self._origin:
            headers[ORIGIN] = self._origin
            await self._agree(target)
        answer = await self._answer(target, request_of(target, headers, body))
        try:
            check_answer(target, answer.status, answer.headers, self._clock.now_us())
        except WebhookGone as error:
            self._gone = self._until(self._gone, target, GONE_S)
            log.error("webhook %s is disabled for %g s: %s", self.name, GONE_S, error.what)
            raise

    async def _agree(self, target: Target) -> None:
        """Return if the target wants our events, by its answer of a moment ago or of now."""
        if self._agreed.get(target, 0.0) > self._clock.monotonic():
            return
        answer = await self._answer(target, request_of(target, {ORIGIN: self._origin}, b"", "OPTIONS"))
        check_consent(target, self._origin, answer.status, answer.headers)
        self._agreed = self._until(self._agreed, target, AGREED_S)

    def _until(self, known: dict[Target, float], target: Target, for_s: float) -> dict[Target, float]:
        """The targets of which something is known, with this one, without those whose time is over."""
        now_s = self._clock.monotonic()
        return {each: until for each, until in known.items() if until > now_s} | {target: now_s + for_s}

    async def _answer(self, target: Target, request: bytes) -> HttpAnswer:
        try:
            async with within(self._clock, self._timeout_s):
                return await self._asked(target, request)
        except TimeoutError as error:
            raise WebhookUnreached(f"{target.shown} did not answer within {self._timeout_s:g} s.") from error

    def _content(self, event: Event | Command[Any, Any], meta: Meta) -> tuple[bytes, dict[str, str]]:
        _, data = self._codec.encode(_in_json(type(event)), event)
        # Of the class that is sent: an event of an old version was upcast.
        attributes = {**attributes_of(meta), "type": contract_of(type(event)).full_name}
        headers, body = content_of(attributes, data, self._mode)
        if self._signer is not None:
            now_s = self._clock.now_us() // US
            headers |= self._signer.headers(webhook_id_of(attributes["id"]), now_s, body)
        return body, headers

    async def _asked(self, target: Target, request: bytes) -> HttpAnswer:
        """The head of the target's answer. The name is resolved once, and the connection goes to the checked address: another
        answer of the name server a moment later would lead it elsewhere."""
        try:
            address = self._rules.check(target, await self._resolver(target.host, target.port))
            trust, name = (self._trust, target.host) if target.scheme == "https" else (None, None)
            reader, writer = await asyncio.open_connection(
                address, target.port, limit=HEAD_BYTES_MAX, ssl=trust, server_hostname=name
            )
            try:
                writer.write(request)
                await writer.drain()
                for _ in range(INTERIM_MAX):
                    said = await reader.readuntil(b"\r\n\r\n")
                    if not INTERIM.match(said):
                        return HttpAnswer.of(said, "HEAD")
                raise NotHttp("interim answers without end")
            finally:
                writer.transport.abort()
        except (OSError, EOFError, asyncio.LimitOverrunError, UnicodeError, NotHttp) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            raise WebhookUnreached(f"{target.shown} cannot be reached, or does not answer as HTTP ({why}).") from error


def _in_json(event: type[Event | Command[Any, Any]]) -> Shape:
    return replace(contract_of(event).shape, language="json")


def _trust(ca: str | Path) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca:
        try:
            context.load_verify_locations(ca)
        except OSError as error:
            raise SettingsError(
                f"ca={ca}: no certificates can be read from it ({error.strerror or 'no PEM file'}).",
                hint="A file with the certificate of your own authority, in PEM: -----BEGIN CERTIFICATE-----",
            ) from error
    return context

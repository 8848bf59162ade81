"""`Ingress`: POST /events as an ASGI application, which any server of that interface runs or mounts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from copy import copy
from typing import Protocol, Self

from partita.asgi.answer import send_answer
from partita.asgi.body import BodyTooLarge, ClientGone, whole_body
from partita.asgi.interface import Receive, Scope, Send
from partita.asgi.lifespan import live
from partita.catalog.contract import Contract, contract_of
from partita.catalog.event import Event
from partita.catalog.rejection import Rejection
from partita.catalog.service import Service
from partita.clock import US
from partita.cloudevents.cloud_event import CloudEvent
from partita.errors import (
    Conflict,
    DeclarationError,
    Malformed,
    MessageTooLarge,
    PartitaError,
    StoreError,
    UnknownSchema,
)
from partita.ingress.consent import check_origins, consent
from partita.ingress.reading import events_of, is_binary
from partita.ingress.refusal import Refusal, away
from partita.runtime.path.intake import Arrived, Intake, Taken
from partita.runtime.system import ROLES, System
from partita.settings.amount import check_count
from partita.settings.settings import Settings
from partita.texts.foreign_text import logger
from partita.webhooks.signature import ID, NotSigned, Signer, webhook_id_of

log = logger(__name__)
PATH = "/events"
BODY_MAX = 1_000_000
BODY_LIMIT = 100_000_000
Takes = Sequence[type[Event | Rejection]] | Mapping[str, type[Event | Rejection]]


class Host(Protocol):
    """The app that the service of an ingress is a part of."""

    @property
    def system(self) -> System:
        """The running parts of the app in this process.

        Raises:
            PartitaError: the app is not running.
        """
        ...

    def configured(self, settings: Settings) -> Self:
        """The same app under other settings."""
        ...

    def lifespan(
        self, _: object = None, *, services: Sequence[str] | None = None, roles: Sequence[str] = ROLES
    ) -> AbstractAsyncContextManager[None]:
        """Run the app in this process for as long as a web application lives."""
        ...


class Ingress:
    """Takes CloudEvents over HTTP for one service: `app.ingress(payments, takes=[Charged])`, mounted in a web application or
    run by an ASGI server.

    It answers 202 when the event is durable in the service's outbox, together with the mark of its source and id. A request
    with any other answer has kept nothing, except a 503 whose commit may have happened; sent again it does no harm.
    """

    def __init__(
        self,
        service: Service,
        host: Host,
        *,
        takes: Takes | None,
        secrets: Sequence[str],
        body_max: int,
        origins: Sequence[str] = (),
    ) -> None:
        self.service = service
        self.takes = _taken(service, takes)
        self._host = host
        self._signer = Signer(secrets) if secrets else None
        check_count(DeclarationError, "body_max of an ingress", body_max, most=BODY_LIMIT)
        self._body_max = body_max
        self._origins = check_origins(origins, f"the ingress of {service.name}")

    def __repr__(self) -> str:
        return f"Ingress({self.service.name!r})"

    def configured(self, settings: Settings) -> Ingress:
        """The same ingress of the same app under other settings."""
        other = copy(self)
        other._host = self._host.configured(settings)
        return other

    def alone(self, roles: Sequence[str]) -> AbstractAsyncContextManager[None]:
        """Run the app's part that the ingress needs, its service, with these roles."""
        return self._host.lifespan(services=[self.service.name], roles=roles)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or run the app for as long as the server lives."""
        if scope["type"] == "lifespan":
            await live(self._host.lifespan, receive, send)
        if scope["type"] != "http":
            return
        try:
            status, headers, body = await self._answer(scope, receive)
        except ClientGone:
            return
        except Refusal as refusal:
            status, body = refusal.status, refusal.body()
            headers = {"content-type": "application/problem+json", **refusal.headers}
        await send_answer(send, status, headers, body)

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, dict[str, str], bytes]:
        """The answer to a request.

        Raises:
            Refusal: none of its events was kept, or its origin may send none.
        """
        asks = scope["method"] == "OPTIONS" and bool(self._origins)
        _check_place(scope, "OPTIONS" if asks else "POST")
        if asks:
            return 200, consent(self._origins, dict(_headers(scope))), b""
        taken = await self._take(scope, receive)
        said = {"accepted": taken.new, "repeated": taken.repeated}
        return 202, {"content-type": "application/json"}, json.dumps(said).encode()

    async def _take(self, scope: Scope, receive: Receive) -> Taken:
        """Take the events of a request.

        Raises:
            Refusal: none of them was kept.
        """
        headers = _headers(scope)
        given = dict(headers)
        body = await self._body(given, receive)
        system = self._running()
        content_type = given.get("content-type", "")
        signature = ""
        if self._signer is not None:
            signature = _signature(self._signer, given, body, system.clock.now_us() // US)
        events = events_of(headers, content_type, body)
        if not is_binary(content_type):
            signature = ""  # it covers the attributes too
        elif signature:
            _check_id(given, events[0])
        self._check_types(events)
        intake = self._intake(system)
        arrived = [
            await _read(intake, event, signature, f"events[{number}]" if len(events) > 1 else "data")
            for number, event in enumerate(events)
        ]
        try:
            return await intake.keep(arrived)
        except Conflict as error:
            raise Refusal(409, f"{error.what} {error.hint}", "id") from error
        except MessageTooLarge as error:
            raise Refusal(413, error.what) from error
        except PartitaError as error:
            raise _away(error) from error

    async def _body(self, headers: Mapping[str, str], receive: Receive) -> bytes:
        too_large = Refusal(413, f"The request has more than {self._body_max:,} bytes.")
        length = headers.get("content-length", "")
        if length.isascii() and length.isdigit() and int(length[:20]) > self._body_max:
            raise too_large
        if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            raise Refusal(415, "Compressed requests are not read here.", "content-encoding")
        try:
            return await whole_body(receive, self._body_max)
        except BodyTooLarge as error:
            raise too_large from error

    def _running(self) -> System:
        try:
            system = self._host.system
        except PartitaError as error:
            raise away("The service does not run at the moment.") from error
        if self.service.name not in system.stores:
            log.error("POST /events is refused: %s does not run in this process", self.service.name)
            raise away("The service does not run in this process.")
        return system

    def _check_types(self, events: Sequence[CloudEvent]) -> None:
        for number, event in enumerate(events):
            if event.attributes["type"] not in self.takes:
                where = f"events[{number}].type" if len(events) > 1 else "type"
                known = ", ".join(self.takes)
                raise Refusal(
                    422, f"{event.attributes['type']:.200} is not taken here. These types are: {known}.", where
                )

    def _intake(self, system: System) -> Intake:
        name = self.service.name
        store, find = system.stores[name], system.registry.find
        return Intake(name, self.takes, store, system.codec, find, system.clock, system.ids)


def _taken(service: Service, takes: Takes | None) -> dict[str, Contract]:
    """The contracts of the events that are taken, by their type on the wire.

    Raises:
        DeclarationError: one is no event of the service, or there is none.
    """
    if takes is None:
        takes = [cls for cls in service.messages.values() if contract_of(cls).kind == "event"]
    named = takes.items() if isinstance(takes, Mapping) else [(contract_of(cls).full_name, cls) for cls in takes]
    found = {}
    for type_name, cls in named:
        contract = contract_of(cls)
        if contract.kind not in ("event", "refusal") or contract.service is not service:
            raise DeclarationError(
                f"The ingress of {service.name} takes {contract.name}, which is a{'n' if contract.kind == 'event' else ''} "
                f"{contract.kind} of {contract.service.name}.",
                hint=f"An ingress takes events and refusals of its own service: class {contract.name}(Event, of=...).",
            )
        found[type_name] = contract
    if not found:
        raise DeclarationError(
            f"The ingress of {service.name} takes no event.", hint=f"app.ingress({service.name}, takes=[Charged])"
        )
    return found


def _headers(scope: Scope) -> list[tuple[str, str]]:
    return [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]


def _check_place(scope: Scope, method: str) -> None:
    path = scope["path"].removeprefix(scope.get("root_path", "")).rstrip("/")
    if path not in ("", PATH):
        raise Refusal(404, f"There is POST {PATH} and nothing else.")
    if scope["method"] != method:
        raise Refusal(405, f"There is POST {PATH} and nothing else.", allow="POST")


def _signature(signer: Signer, headers: Mapping[str, str], body: bytes, now_s: int) -> str:
    """The right one of a request's signatures.

    Raises:
        Refusal: there is none.
    """
    try:
        return signer.check(headers, body, now_s)
    except NotSigned as error:
        raise Refusal(401, f"The signature is not accepted: {error}.") from error


def _check_id(headers: Mapping[str, str], event: CloudEvent) -> None:
    """In binary mode the attributes are headers and not signed: a captured request could be sent again as another event."""
    event_id = event.attributes["id"]
    if headers[ID] not in (event_id, webhook_id_of(event_id)):
        raise Refusal(401, f"The signature is not accepted: ce-id is not {ID}, which is signed in its place.", "ce-id")


async def _read(intake: Intake, event: CloudEvent, signature: str, where: str) -> Arrived:
    try:
        return await intake.read(event, signature)
    except Malformed as error:
        raise Refusal(400, error.what, where) from error
    except UnknownSchema as error:
        raise Refusal(415, error.what, where) from error
    except MessageTooLarge as error:
        raise Refusal(413, error.what, where) from error
    except PartitaError as error:
        raise _away(error) from error


def _away(error: PartitaError) -> Refusal:
    """The answer where the database or the registry is away. Other errors are ours, and no sender's fault."""
    if not error.retryable and not isinstance(error, StoreError):
        raise error
    log.warning("POST /events is answered with 503: %s", error.what)
    return away("The events cannot be kept now. Send the request again.")

"""`Api`: the protocol as an ASGI application, which any server of that interface runs or mounts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from partita.asgi.answer import send_answer
from partita.asgi.body import BodyTooLarge, ClientGone, whole_body
from partita.asgi.interface import Receive, Scope, Send
from partita.errors import PartitaError
from partita.registry_server.languages import RulesOf
from partita.registry_server.ledger import Ledger
from partita.registry_server.operations import Plain, Route, routes
from partita.registry_server.refusal import Refusal, too_large
from partita.registry_server.request import BODY_MAX, MEDIA, Request, answered_in, check_taken, not_found
from partita.registry_server.storage import Storage
from partita.texts.foreign_text import logger

log = logger(__name__)
ABSENT: Mapping[str, str] = {
    "exporters": "exporters",
    "dek-registry": "data encryption keys",
    "associations": "associations of topics",
    "catalog": "a catalog of tags",
}


class Api:
    """Answers each request in one transaction of its storage. An error of the storage is the protocol's 50001: a client tries
    again."""

    def __init__(self, storage: Storage, rules_of: RulesOf) -> None:
        self._storage = storage
        self._routes = routes(rules_of)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        kind = MEDIA[0]
        try:
            kind = answered_in(headers.get("accept", ""))
            body = await whole_body(receive, BODY_MAX)
            if body:
                check_taken(headers.get("content-type", ""))
            raw = scope.get("raw_path") or scope["path"].encode()
            status, answer = (
                200,
                await self._answer(
                    Request.of(scope["method"], raw.partition(b"?")[0], scope.get("query_string", b""), body)
                ),
            )
        except ClientGone:
            return
        except BodyTooLarge:
            refusal = too_large(f"The request has more than {BODY_MAX:,} bytes.")
            status, answer = refusal.status, {"error_code": refusal.code, "message": refusal.message}
        except Refusal as refusal:
            status, answer = refusal.status, {"error_code": refusal.code, "message": refusal.message}
        except PartitaError as error:
            log.warning("a request failed: %s", error.what)
            status, answer = 500, {"error_code": 50001, "message": "Error in the backend data store"}
        await _send(send, status, kind, answer)

    async def _answer(self, request: Request) -> Any:
        route, request = self._routed(request)
        if not route.writes:
            async with self._storage.reading() as rows:
                return await route.operation(Ledger(rows), request)
        if route.looked is not None:
            async with self._storage.reading() as rows:
                found = await route.looked(Ledger(rows), request)
            if found is not None:
                return found
        async with self._storage.writing() as rows:
            return await route.operation(Ledger(rows), request)

    def _routed(self, request: Request) -> tuple[Route, Request]:
        there = [route for route in self._routes if _fits(route.path, request.path)]
        # A literal part comes before an open one: /schemas/types is no schema called types.
        found = next((route for route in there if route.method == request.method), None)
        if found is not None:
            given = tuple(part for part, pattern in zip(request.path, found.path, strict=True) if pattern == "*")
            return found, Request(request.method, request.path, request.query, request.body, given)
        if there:
            raise Refusal(405, 405, "HTTP 405 Method Not Allowed")
        if request.path[0] in ABSENT:
            # 404, as from a server older than these: clients then go on without them.
            raise Refusal(404, 404, f"This registry has no {ABSENT[request.path[0]]}.")
        raise not_found()


def _fits(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    return len(pattern) == len(path) and all(
        part == "*" or part == given for part, given in zip(pattern, path, strict=True)
    )


async def _send(send: Send, status: int, kind: str, answer: Any) -> None:
    content = answer.text if isinstance(answer, Plain) else json.dumps(answer, ensure_ascii=False)
    await send_answer(send, status, {"content-type": kind}, content.encode(errors="backslashreplace"))

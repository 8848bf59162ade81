"""`TaskApi`: tasks over HTTP, as an ASGI application: list, show, answer. The person comes from the app's own authentication.

`GET /tasks`, `GET /tasks/ID`, and `POST /tasks/ID` with `{"answer": "ClaimApproved", "fields": {"amount": 120000}}`. A browser,
which accepts `text/html`, gets pages of the same (`task_pages.py`), and posts their forms. JSON cannot be posted by a form of
another site, and a form is taken with a token of its person alone.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Protocol

import msgspec

from partita.asgi.answer import send_answer
from partita.asgi.body import BodyTooLarge, ClientGone, whole_body
from partita.asgi.interface import Receive, Scope, Send
from partita.catalog.service import Service
from partita.clock import US
from partita.errors import Conflict, Malformed, NotFound, PartitaError
from partita.observability.tasks import OpenTask, document, open_tasks, the_task
from partita.operators.deciding import answer_of, decide, form_named
from partita.operators.form_post import headers_of, is_form
from partita.operators.page_frame import Page
from partita.operators.refused import Refused
from partita.operators.task_pages import TaskPages, failure
from partita.runtime.system import System
from partita.texts.foreign_text import logger

log = logger(__name__)
ActorOf = Callable[[Scope], str | None | Awaitable[str | None]]
"""The name of the person that makes a request, by its ASGI scope (headers, session); None = not known, answered with 401."""
BODY_MAX = 1_000_000
JSON_TYPE = "application/json"
HEADERS = {
    "content-type": JSON_TYPE,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "vary": "accept",
}


class Decision(msgspec.Struct, forbid_unknown_fields=True):
    """The body of an answer."""

    answer: str
    fields: dict[str, Any] = {}
    reason: str = ""


class Host(Protocol):
    """The part of an app that the tasks use. `App` is on a floor above."""

    @property
    def system(self) -> System:
        """Its running parts in this process."""
        ...


class TaskApi:
    """The tasks of one service over HTTP: `web.mount("/desk", app.tasks(desk, actor_of=signed_in))`."""

    def __init__(self, service: Service, host: Host, actor_of: ActorOf) -> None:
        self.service = service
        self._host = host
        self._actor_of = actor_of
        self._pages = TaskPages(service.name)

    def __repr__(self) -> str:
        return f"TaskApi({self.service.name!r})"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        try:
            content = await self._answer(scope, receive)
        except ClientGone:
            return
        except Refused as refused:
            if wants_page(scope):
                known = refused.status != HTTPStatus.UNAUTHORIZED
                content = failure(refused, f"{scope.get('root_path', '')}/tasks" if known else "")
            else:
                content = {"title": HTTPStatus(refused.status).phrase, "detail": str(refused)}
            status = refused.status
        else:
            status = 200
        if isinstance(content, Page):
            await send_answer(send, content.status, content.headers, content.body)
            return
        # ASCII: no text of a message can be anything but a text, whatever reads it.
        await send_answer(send, status, HEADERS, json.dumps(content, default=str, ensure_ascii=True).encode())

    async def _answer(self, scope: Scope, receive: Receive) -> Mapping[str, Any] | Page:
        by = await self._actor(scope)
        path = scope["path"].removeprefix(scope.get("root_path", "")).strip("/")
        room, _, task_id = path.partition("/")
        method = scope["method"]
        if room != "tasks" or "/" in task_id:
            raise Refused(404, "There are GET /tasks, GET /tasks/ID and POST /tasks/ID.")
        if method not in (("GET", "POST") if task_id else ("GET",)):
            raise Refused(405, "There are GET /tasks, GET /tasks/ID and POST /tasks/ID.")
        try:
            system = self._host.system
            stores = {self.service.name: system.stores[self.service.name]}
        except (PartitaError, KeyError) as error:
            raise Refused(503, "The service does not run in this process.") from error
        looked = (stores, system.catalog, system.codec, system.registry.find)
        try:
            if wants_page(scope):
                return await self._pages.answer(system, scope, receive, task_id, by)
            if not task_id:
                return {"items": [_shown(each) for each in await open_tasks(*looked)]}
            if method == "GET":
                return _shown(await the_task(*looked, task_id))
            return await self._decided(system, task_id, await _decision(scope, receive), by)
        except NotFound as error:
            raise Refused(404, error.what) from error
        except Conflict as error:
            raise Refused(409, error.what) from error
        except Malformed as error:
            raise Refused(422, str(error)) from error
        except PartitaError as error:
            if not error.retryable:
                raise
            log.warning("%s of a task is answered with 503: %s", method, error.what)
            raise Refused(503, "The database does not answer now.") from error

    async def _actor(self, scope: Scope) -> str:
        found = self._actor_of(scope)
        by = await found if inspect.isawaitable(found) else found
        if not isinstance(by, str) or not by:
            raise Refused(401, "Sign in first.")
        return by

    async def _decided(self, system: System, task_id: str, decision: Decision, by: str) -> Mapping[str, Any]:
        pipeline = system.pipelines[self.service.name]
        stores = {self.service.name: system.stores[self.service.name]}
        task = await the_task(stores, system.catalog, system.codec, system.registry.find, task_id, closed=True)
        made = answer_of(form_named(task, decision.answer), decision.fields)
        new = await decide(pipeline, task, made, by=by, reason=decision.reason)
        return {"id": task.row.reply_to, "answer": decision.answer, "by": by, "repeated": not new}


def wants_page(scope: Scope) -> bool:
    """Whether a request is that of a browser: it posts a form, or accepts a page. A program that accepts anything gets JSON."""
    if scope["method"] == "POST":
        return is_form(scope)
    return "text/html" in headers_of(scope).get("accept", "").lower()


async def _decision(scope: Scope, receive: Receive) -> Decision:
    if headers_of(scope).get("content-type", "").partition(";")[0].strip().lower() != JSON_TYPE:
        raise Refused(415, f"The body is {JSON_TYPE}.")
    try:
        return msgspec.json.decode(await whole_body(receive, BODY_MAX), type=Decision)
    except BodyTooLarge as error:
        raise Refused(413, f"The request has more than {BODY_MAX:,} bytes.") from error
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Refused(400, f'The body is no decision ({error}): {{"answer": "...", "fields": {{}}}}.') from error


def _shown(task: OpenTask) -> dict[str, Any]:
    return {**document(task), "since": datetime.fromtimestamp(task.row.at_us / US, UTC).isoformat()}

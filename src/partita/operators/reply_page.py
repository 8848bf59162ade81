"""`ReplyPage`: the page behind a signed link, as an ASGI application: it asks on `GET`, and answers on `POST` alone.

Programs that check mails open each link, so a `GET` changes nothing. The token in the address is the authorization; a page of
another site does not have it. The visitor is not known, so the page shows the title, the fields of the answer, and of the
command only fields that the app names.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from partita.asgi.answer import send_answer
from partita.asgi.body import ClientGone
from partita.asgi.interface import Receive, Scope, Send
from partita.catalog.service import Service
from partita.clock import US
from partita.errors import NotFound, PartitaError, SettingsError, TokenRefused
from partita.observability.task_history import TaskHistory
from partita.observability.tasks import OpenTask, the_task
from partita.operators.form_post import Posted, is_form, posted
from partita.operators.page_frame import Page, page
from partita.operators.refused import Refused
from partita.operators.task_api import Host
from partita.operators.task_page import closed_page, failed_page, task_page
from partita.operators.task_pages import answered, closed_sentence, history_of
from partita.texts.foreign_text import logger
from partita.waiting.token import Tokens

log = logger(__name__)
BY = "a signed link"


class ReplyPage:
    """The page of one service's links: `web.mount("/answer", app.reply_page(desk))`, and a link is `/answer/TOKEN`."""

    def __init__(self, service: Service, host: Host, shows: Collection[str]) -> None:
        self.service = service
        self._host = host
        self._shows = frozenset(shows)

    def __repr__(self) -> str:
        return f"ReplyPage({self.service.name!r})"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        try:
            found = await self._answer(scope, receive)
        except ClientGone:
            return
        except Refused as refused:
            found = _page(refused.status, "This link", failed_page("This link", str(refused)))
        await send_answer(send, found.status, found.headers, found.body)

    async def _answer(self, scope: Scope, receive: Receive) -> Page:
        token = scope["path"].removeprefix(scope.get("root_path", "")).strip("/")
        if scope["method"] not in ("GET", "POST"):
            raise Refused(405, "There are GET and POST of a link.")
        try:
            system = self._host.system
            store = system.stores[self.service.name]
        except (PartitaError, KeyError) as error:
            raise Refused(503, "The service does not run in this process.") from error
        try:
            reply_to = Tokens(system.settings.secrets).read(token, system.clock.now_us() // US)
            stores = {self.service.name: store}
            task = await the_task(stores, system.catalog, system.codec, system.registry.find, reply_to, closed=True)
            visit = _Visit(task, await history_of(system, task), self._shows)
            if scope["method"] == "GET":
                return visit.open() if task.row.state == "open" else visit.closed(200)
            if not is_form(scope):
                raise Refused(415, "The answer is a form.")
            return await answered(visit, system, self.service.name, task, await posted(receive), BY)
        except (TokenRefused, SettingsError) as error:
            raise Refused(404, "This link is not valid here, or its time is over. Ask for a new one.") from error
        except NotFound as error:
            raise Refused(404, "The question of this link is long over.") from error
        except PartitaError as error:
            if not error.retryable:
                raise
            log.warning("a link is answered with 503: %s", error.what)
            raise Refused(503, "The database does not answer now. Open the link again later.") from error


class _Visit:
    """The pages for a visitor with a link."""

    def __init__(self, task: OpenTask, history: TaskHistory, shows: Collection[str]) -> None:
        self._task = task
        # The visitor is not known, so the saga's history is not shown; its reason decides the words at the end alone.
        self._reason = TaskHistory(reason=history.reason)
        self._fields = {name: value for name, value in task.fields.items() if name in shows}

    def open(self, status: int = 200, **said: Any) -> Page:
        """The question with its forms."""
        content = task_page(self._task, TaskHistory(), "", fields=self._fields, **said)
        return _page(status, self._task.title, content)

    def closed(self, status: int, task: OpenTask | None = None) -> Page:
        """The question that takes no answer any more."""
        late = status != 200
        said = closed_sentence(task or self._task, self._reason)
        detail = f"Your answer was not kept. {said}" if late else said
        return _page(status, self._task.title, closed_page(self._task, TaskHistory(), detail, late=late))

    def refused(self, sent: Posted, errors: Mapping[str, str]) -> Page:
        """The form again, with its errors."""
        again = {**sent.fields, "partita.reason": sent.reason}
        return self.open(422, sent=again, answer=sent.answer, errors=errors)

    def done(self) -> Page:
        """The answer was kept."""
        said = "Thank you: your answer was kept."
        return _page(200, self._task.title, closed_page(self._task, TaskHistory(), said))


def _page(status: int, title: str, content: str) -> Page:
    # The address is the authorization: no other page may learn it from the browser.
    return page(status, title, content, referrer="no-referrer")

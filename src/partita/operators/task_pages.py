"""`TaskPages`: the tasks of one service in a browser: the list, one task, and the form that answers it.

No page has a script. A decision is a `POST` of a form with a token of the signed-in person for this very command; the person is
never a field of the form.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import parse_qs

from partita.asgi.interface import Receive, Scope
from partita.clock import US
from partita.errors import Conflict, Malformed, NotFound, Overtaken
from partita.observability.task_history import TaskHistory, task_history
from partita.observability.tasks import OpenTask, open_tasks, the_task
from partita.operators.deciding import decide, form_named
from partita.operators.form_post import FormTokens, Posted, check_site, posted
from partita.operators.page_frame import Page, moved, page
from partita.operators.refused import Refused
from partita.operators.task_form import filled
from partita.operators.task_page import closed_page, failed_page, list_page, task_page
from partita.outbox.outbox import reply_from_bytes
from partita.runtime.system import System


class Visit(Protocol):
    """The pages that a visitor gets after a form was sent."""

    def refused(self, sent: Posted, errors: Mapping[str, str]) -> Page:
        """The form again, with its errors."""
        ...

    def closed(self, status: int, task: OpenTask | None = None) -> Page:
        """The task that takes no answer any more."""
        ...

    def done(self) -> Page:
        """The answer was kept."""
        ...


class TaskPages:
    """The pages of one service's tasks."""

    def __init__(self, service: str) -> None:
        self._service = service

    async def answer(self, system: System, scope: Scope, receive: Receive, task_id: str, by: str) -> Page:
        """The page of a request by this person.

        Raises:
            Refused, PartitaError: see `TaskApi`.
        """
        root = f"{scope.get('root_path', '')}/tasks"
        if not task_id:
            return await self._list(system, scope, root)
        try:
            task = await self._task(system, task_id)
        except NotFound as error:
            raise Refused(404, "No task has this address. It may be long over.") from error
        shown = _Shown(self._service, system, task, await history_of(system, task), by, root)
        if scope["method"] == "GET":
            return shown.open() if task.row.state == "open" else shown.closed(200)
        check_site(scope)
        return await shown.decided(await posted(receive))

    async def _list(self, system: System, scope: Scope, root: str) -> Page:
        tasks = await open_tasks(self._stores(system), system.catalog, system.codec, system.registry.find)
        owners = sorted({task.owner for task in tasks if task.owner})
        asked = parse_qs(scope.get("query_string", b"").decode("latin-1"), errors="replace").get("owner", [""])[-1]
        wanted = [task for task in tasks if not asked or task.owner == asked]
        return page(200, "Tasks", list_page(wanted, owners, asked, root))

    async def _task(self, system: System, task_id: str) -> OpenTask:
        looked = (self._stores(system), system.catalog, system.codec, system.registry.find)
        return await the_task(*looked, task_id, closed=True)

    def _stores(self, system: System) -> Mapping[str, Any]:
        return {self._service: system.stores[self._service]}


class _Shown:
    """One task as this person sees it."""

    def __init__(self, service: str, system: System, task: OpenTask, history: TaskHistory, by: str, root: str) -> None:
        self._service = service
        self._system = system
        self._task = task
        self._history = history
        self._by = by
        self._root = root
        self._tokens = FormTokens(tuple(system.settings.secrets))
        self._now_s = system.clock.now_us() // US

    def open(self, status: int = 200, **said: Any) -> Page:
        """The task with its forms; `said`: the fields that were sent, the errors, the warning."""
        task = self._task
        token = self._tokens.make(self._by, task.row.reply_to, self._now_s)
        if not token:
            said.setdefault(
                "warning", "Answers on this page need a secret: PARTITA_SECRET. The command line needs none."
            )
        content = task_page(task, self._history, token, fields=task.fields, list_at=self._root, **said)
        return page(status, task.title, content)

    def closed(self, status: int, task: OpenTask | None = None) -> Page:
        """The task that takes no answer any more."""
        task = task or self._task
        said = closed_sentence(task, self._history)
        late = status != 200
        detail = f"Your answer was not kept. {said}" if late else said
        return page(status, task.title, closed_page(task, self._history, detail, list_at=self._root, late=late))

    async def decided(self, sent: Posted) -> Page:
        """Keep the answer of a form; a form that does not fit is shown again with what was sent."""
        again = {"sent": {**sent.fields, "partita.reason": sent.reason}, "answer": sent.answer}
        if not self._tokens.check(sent.token, self._by, self._task.row.reply_to, self._now_s):
            warning = (
                "This form was open for too long, or is not yours. Nothing was kept: look at it, and send it again."
            )
            return self.open(403, warning=warning, **again) if self._task.row.state == "open" else self.closed(409)
        return await answered(self, self._system, self._service, self._task, sent, self._by)

    def refused(self, sent: Posted, errors: Mapping[str, str]) -> Page:
        """The form again, with its errors."""
        again = {**sent.fields, "partita.reason": sent.reason}
        return self.open(422, sent=again, answer=sent.answer, errors=errors)

    def done(self) -> Page:
        """The browser goes to the task as it is now."""
        return moved(f"{self._root}/{self._task.row.reply_to}")


async def history_of(system: System, task: OpenTask) -> TaskHistory:
    """The history of a task, by the databases that are open in this process."""
    sagas = [definition for service in system.catalog.services for definition in service.declared.sagas]
    return await task_history(system.stores, sagas, task.row)


async def answered(shown: Visit, system: System, service: str, task: OpenTask, sent: Posted, by: str) -> Page:
    """Keep the answer of a form and show it. `shown`: the pages for this kind of visitor."""
    try:
        form = form_named(task, sent.answer)
    except NotFound as error:
        raise Refused(400, error.what) from error
    made = filled(form, sent.fields)
    if made.errors:
        return shown.refused(sent, made.errors)
    try:
        await decide(system.pipelines[service], task, made.answer, by=by, reason=sent.reason)
    except (Overtaken, Conflict):
        looked = ({service: system.stores[service]}, system.catalog, system.codec, system.registry.find)
        return shown.closed(409, await the_task(*looked, task.row.reply_to, closed=True))
    except Malformed as error:
        return shown.refused(sent, {"": error.what})
    return shown.done()


def closed_sentence(task: OpenTask, history: TaskHistory) -> str:
    """The end of a task in words: who answered it, or why it was taken back."""
    row = task.row
    if row.state == "answered" and row.answer is not None:
        name = reply_from_bytes(row.answer).type.rpartition(".")[2]
        by = f" by {row.by}" if row.by else ""
        return f"This was answered{by} with {name}."
    reason = f" ({history.reason})" if history.reason else ""
    if history.reason.endswith("timed out") or history.reason == "deadline passed":
        return f"The time for this answer is over{reason}: it is not needed any more."
    return f"The question was taken back{reason}: an answer is not needed any more."


def failure(refused: Refused, list_at: str) -> Page:
    """The page of a request that was not carried out."""
    title = HTTPStatus(refused.status).phrase
    return page(refused.status, title, failed_page(title, str(refused), list_at))

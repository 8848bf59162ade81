"""Tasks over HTTP for programs: JSON, the person by the app's own authentication, each refusal with its status."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.integration.waiting.claims_app import FileClaim, app, desk
from tests.integration.waiting.test_tasks import waiting
from tests.waiting import until

from partita import App
from partita.operators.audit import entries


class Client:
    """Requests to the tasks of one app; `person` is signed in."""

    def __init__(self, running: App) -> None:
        self.person: str | None = "anna"
        self._tasks = running.tasks(desk, actor_of=lambda scope: self.person)

    async def ask(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> tuple[int, Any]:
        """The status and the content of an answer."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        scope = {
            "type": "http",
            "method": method,
            "path": f"/desk{path}",
            "root_path": "/desk",
            "headers": [(b"content-type", kind.encode())],
        }
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": data}

        async def send(message: Any) -> None:
            sent.append(message)

        await self._tasks(scope, receive, send)
        headers = dict(sent[0]["headers"])
        assert headers[b"content-type"] == b"application/json" and headers[b"x-content-type-options"] == b"nosniff"
        return sent[0]["status"], json.loads(sent[1]["body"])


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[App]:
    """An app with one claim that waits; its id has a text that a page would run."""
    found = app.configured(replace(app.settings, data=tmp_path))
    async with found.running():
        await found.send(FileClaim(claim_id="<script>1</script>", cents=5))
        await until(lambda: waiting(found))
        yield found


async def test_a_person_lists_shows_and_answers(running: App) -> None:
    client = Client(running)
    status, told = await client.ask("GET", "/tasks")
    (task,) = told["items"]
    assert status == 200 and task["owner"] == "adjusters" and "<script>" in task["title"]
    assert (await client.ask("GET", f"/tasks/{task['id']}")) == (200, task)
    decision = {"answer": "ClaimApproved", "fields": {"amount": 7, "until": "2026-12-24"}, "reason": "photos"}
    for repeated in (False, True):
        status, told = await client.ask("POST", f"/tasks/{task['id']}", decision)
        assert (status, told["by"], told["repeated"]) == (200, "anna", repeated)
    status, told = await client.ask("POST", f"/tasks/{task['id']}", {"answer": "ClaimDenied", "fields": {"why": "no"}})
    assert status == 409 and "answered before" in told["detail"] and "by anna" in told["detail"]
    assert (await client.ask("GET", "/tasks")) == (200, {"items": []})
    told = [(entry.actor, entry.reason) for _, entry in await entries(running.system.stores, 10)]
    assert told == [("anna", "photos")]


async def test_without_a_person_nothing_is_shown(running: App) -> None:
    """The person never comes from the form: a field of that name is refused."""
    client = Client(running)
    ((task_id),) = await waiting(running)
    status, told = await client.ask(
        "POST", f"/tasks/{task_id}", {"answer": "ClaimDenied", "fields": {"why": "x"}, "by": "eve"}
    )
    assert status == 400 and "by" in told["detail"]
    client.person = None
    for method, path in (("GET", "/tasks"), ("GET", f"/tasks/{task_id}"), ("POST", f"/tasks/{task_id}")):
        assert (await client.ask(method, path))[0] == 401
    assert await waiting(running) == [task_id]


async def test_each_wrong_request_has_its_status(running: App) -> None:
    client = Client(running)
    ((task_id),) = await waiting(running)
    good = {"answer": "ClaimApproved", "fields": {"amount": 1}}
    cases: list[tuple[int, str, str, Any, str]] = [
        (404, "GET", "/", None, "application/json"),
        (404, "GET", "/tasks/none", None, "application/json"),
        (404, "POST", "/tasks/none", good, "application/json"),
        (404, "POST", f"/tasks/{task_id}", {"answer": "ClaimPaid"}, "application/json"),
        (405, "DELETE", f"/tasks/{task_id}", None, "application/json"),
        (405, "POST", "/tasks", good, "application/json"),
        (415, "POST", f"/tasks/{task_id}", good, "text/plain"),
        (400, "POST", f"/tasks/{task_id}", b"{", "application/json"),
        (400, "POST", f"/tasks/{task_id}", b"[" * 100_000, "application/json"),
        (413, "POST", f"/tasks/{task_id}", b" " * 1_000_001, "application/json"),
        (422, "POST", f"/tasks/{task_id}", {"answer": "ClaimApproved"}, "application/json"),
        (422, "POST", f"/tasks/{task_id}", {"answer": "ClaimApproved", "fields": {"amount": 1.5}}, "application/json"),
        (
            422,
            "POST",
            f"/tasks/{task_id}",
            {"answer": "ClaimApproved", "fields": {"amount": 1, "x": 1}},
            "application/json",
        ),
    ]
    for status, method, path, body, kind in cases:
        found, told = await client.ask(method, path, body, kind)
        assert found == status, (method, path, body if not isinstance(body, bytes) else body[:9], told)
    assert await waiting(running) == [task_id]


async def test_an_app_that_does_not_run_here_is_away() -> None:
    assert (await Client(app).ask("GET", "/tasks"))[0] == 503

"""Tasks in a browser: pages without a script, forms of their own person alone, each end said plainly, every text inert."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.integration.waiting.claims_app import Claim, ClaimApproved, FileClaim, app, desk
from tests.integration.waiting.test_tasks import waiting
from tests.waiting import until

from partita import App, hours
from partita.operators.audit import entries
from partita.operators.page_frame import text

SECRET = "a-secret-of-thirty-two-bytes-or-more-for-tests"
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202eevil\x1b[31m\x00&amp;" + "long" * 400
TOKEN = re.compile(r'name="partita\.token" value="([^"]*)"')


@dataclass
class Answer:
    """An answer over HTTP."""

    status: int
    headers: dict[str, str]
    text: str


class Visitor:
    """A browser in which `person` is signed in."""

    def __init__(self, running: App, person: str | None = "anna", links: bool = False) -> None:
        self.person = person
        self.site = "same-origin"
        self._asked = (
            running.reply_page(desk, shows=["cents"])
            if links
            else running.tasks(desk, actor_of=lambda scope: self.person)
        )

    async def get(self, path: str, query: str = "") -> Answer:
        """A page."""
        return await self._ask("GET", path, b"", query)

    async def post(self, path: str, fields: dict[str, str] | bytes, method: str = "POST") -> Answer:
        """A form that is sent."""
        body = fields if isinstance(fields, bytes) else urlencode(fields).encode()
        return await self._ask(method, path, body, "")

    async def _ask(self, method: str, path: str, body: bytes, query: str) -> Answer:
        scope = {
            "type": "http",
            "method": method,
            "path": f"/desk{path}",
            "root_path": "/desk",
            "query_string": query.encode(),
            "headers": [
                (b"accept", b"text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"),
                (b"sec-fetch-site", self.site.encode()),
                *([(b"content-type", b"application/x-www-form-urlencoded")] if method != "GET" else []),
            ],
        }
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            sent.append(message)

        await self._asked(scope, receive, send)
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        assert (
            "script" not in headers["content-security-policy"]
            and "default-src 'none'" in headers["content-security-policy"]
        )
        return Answer(sent[0]["status"], headers, sent[1]["body"].decode())


@pytest.fixture
async def running(tmp_path: Path, store: str) -> AsyncIterator[App]:
    """An app with one claim that waits, on each store."""
    found = app.configured(replace(app.settings, data=tmp_path, store=store, secret=SECRET))
    async with found.running():
        await found.send(FileClaim(claim_id="c1", cents=5))
        await until(lambda: waiting(found))
        yield found


def token_in(page: Answer) -> str:
    """The token of the page's forms."""
    (token,) = set(TOKEN.findall(page.text))
    return html.unescape(str(token))


def approval(token: str, **more: str) -> dict[str, str]:
    """The fields of the form that approves."""
    return {"partita.answer": "ClaimApproved", "partita.token": token, "amount": "1200", **more}


async def audit(running: App) -> list[tuple[str, str]]:
    """The persons that decided, and their reasons."""
    return [(entry.actor, entry.reason) for _, entry in await entries(running.system.stores, 10)]


async def test_a_person_lists_reads_and_answers_with_a_form(running: App) -> None:
    visitor = Visitor(running)
    ((task_id),) = await waiting(running)
    listed = await visitor.get("/tasks")
    assert listed.status == 200 and f'href="/desk/tasks/{task_id}"' in listed.text
    assert "Decide claim c1 over 5 cents" in listed.text and '<option value="adjusters">' in listed.text
    assert "Decide claim c1" not in (await visitor.get("/tasks", "owner=others")).text
    assert "Decide claim c1" in (await visitor.get("/tasks", "owner=adjusters")).text

    shown = await visitor.get(f"/tasks/{task_id}")
    assert shown.status == 200 and "then it is undone" in shown.text and "<dt>Cents</dt>" in shown.text
    assert shown.text.count("<form ") == 2 and 'for="ClaimApproved-amount"' in shown.text
    assert 'name="claim_id"' not in shown.text and 'name="by"' not in shown.text
    sent = await visitor.post(
        f"/tasks/{task_id}",
        approval(token_in(shown), until="2026-12-24", parts="roof\r\ndoor", **{"partita.reason": "ok"}),
    )
    assert (sent.status, sent.headers["location"]) == (303, f"/desk/tasks/{task_id}")
    after = await visitor.get(f"/tasks/{task_id}")
    assert "This was answered by anna with ClaimApproved." in after.text and "<form" not in after.text
    assert await audit(running) == [("anna", "ok")]
    async with running.store("desk").reading() as session:
        (row,) = await session.pending.of_ids([task_id])
    assert b"roof" in (row.answer or b"")


async def test_a_form_names_no_person_and_no_other_key(running: App) -> None:
    """The person is that of the request. A field beside those of the answer is refused at once."""
    visitor = Visitor(running)
    ((task_id),) = await waiting(running)
    token = token_in(await visitor.get(f"/tasks/{task_id}"))
    for name in ("by", "actor", "claim_id", "partita.by"):
        told = await visitor.post(f"/tasks/{task_id}", approval(token, **{name: "eve"}))
        assert told.status == 422 and "There is no field" in told.text, name
    visitor.person = None
    for told in (await visitor.get("/tasks"), await visitor.post(f"/tasks/{task_id}", approval(token))):
        assert told.status == 401 and "claim c1" not in told.text
    assert await waiting(running) == [task_id] and await audit(running) == []


async def test_a_form_of_another_site_person_or_task_is_not_taken(running: App) -> None:
    """A token is that of one person and one command; nothing is kept without it, whatever the browser sends along."""
    ((task_id),) = await waiting(running)
    await running.send(FileClaim(claim_id="c2", cents=6))
    ids = await until(lambda: waiting(running), holds=lambda found: len(found) == 2)
    (other,) = [each for each in ids if each != task_id]
    anna, eve = Visitor(running), Visitor(running, "eve")
    mine = token_in(await anna.get(f"/tasks/{task_id}"))
    stolen = token_in(await eve.get(f"/tasks/{task_id}"))
    of_other = token_in(await anna.get(f"/tasks/{other}"))
    for token in ("", "x", stolen, of_other, mine[:-1], running.reply_token(task_id, lasts=hours(1))):
        told = await anna.post(f"/tasks/{task_id}", approval(token, until="2026-12-24"))
        assert told.status == 403 and "Nothing was kept" in told.text, token
        assert 'value="1200"' in told.text and 'value="2026-12-24"' in told.text, "what was written is lost"
    anna.site = "cross-site"
    assert (await anna.post(f"/tasks/{task_id}", approval(mine))).status == 403
    assert len(await waiting(running)) == 2 and await audit(running) == []
    anna.site = "same-origin"
    assert (await anna.post(f"/tasks/{task_id}", approval(mine))).status == 303


async def test_errors_stand_at_their_fields_and_keep_what_was_written(running: App) -> None:
    visitor = Visitor(running)
    ((task_id),) = await waiting(running)
    token = token_in(await visitor.get(f"/tasks/{task_id}"))
    told = await visitor.post(f"/tasks/{task_id}", approval(token, amount=HOSTILE, until="24.12."))
    assert told.status == 422
    for name in ("amount", "until"):
        assert f'id="ClaimApproved-{name}-error" role="alert"' in told.text
        assert f"ClaimApproved-{name}-error" in told.text.partition(f'name="{name}"')[2][:200]
    assert html.escape(HOSTILE) in told.text and "<img" not in told.text
    wrong = await visitor.post(f"/tasks/{task_id}", {"partita.answer": "ClaimPaid", "partita.token": token})
    assert wrong.status == 400
    for body in (b"\xff", b"a=1&a=2", b"a=%ff", b"&".join(b"%d=1" % n for n in range(2_000))):
        assert (await visitor.post(f"/tasks/{task_id}", body)).status == 400
    assert (await visitor.post(f"/tasks/{task_id}", b"a=" + b"1" * 1_000_001)).status == 413
    assert (await visitor.post("/tasks/none", approval(token))).status == 404
    assert (await visitor.post("/tasks", approval(token))).status == 405
    assert await waiting(running) == [task_id]


async def test_one_that_is_late_is_told_why(running: App) -> None:
    """Another person was first, and the same decision twice is no conflict."""
    anna, bert = Visitor(running), Visitor(running, "bert")
    ((task_id),) = await waiting(running)
    first, second = token_in(await anna.get(f"/tasks/{task_id}")), token_in(await bert.get(f"/tasks/{task_id}"))
    refusal = {"partita.answer": "ClaimDenied", "partita.token": first, "why": "no roof"}
    assert (await anna.post(f"/tasks/{task_id}", refusal)).status == 303
    assert (await anna.post(f"/tasks/{task_id}", refusal)).status == 303
    late = await bert.post(f"/tasks/{task_id}", approval(second))
    assert late.status == 409
    assert "Your answer was not kept. This was answered by anna with ClaimDenied." in late.text
    assert [name for name, _ in await audit(running)] == ["anna"]


async def test_a_task_that_its_saga_took_back_says_so(running: App) -> None:
    visitor = Visitor(running)
    ((task_id),) = await waiting(running)
    token = token_in(await visitor.get(f"/tasks/{task_id}"))
    await running.cancel(Claim, "c1", reason="sold")
    await until(lambda: waiting(running), holds=lambda ids: not ids)
    late = await visitor.post(f"/tasks/{task_id}", approval(token))
    assert late.status == 409 and "Your answer was not kept. The question was taken back (" in late.text
    assert "sold" in late.text


async def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    """A message may hold anything: markup, turned directions, control characters, no end."""
    found = app.configured(replace(app.settings, data=tmp_path, secret=SECRET))
    async with found.running():
        await found.send(FileClaim(claim_id=HOSTILE, cents=5))
        ((task_id),) = await until(lambda: waiting(found))
        for visitor, path in (
            (Visitor(found), "/tasks"),
            (Visitor(found), f"/tasks/{task_id}"),
            (Visitor(found, "<b>anna"), f"/tasks/{task_id}"),
            (Visitor(found, links=True), f"/{found.reply_token(task_id, lasts=hours(1))}"),
        ):
            text = (await visitor.get(path)).text
            assert "<script" not in text and "<img" not in text and "onerror=alert(2)&gt;" in text
            assert not re.search("[\u202e\x1b\x00]", text) and "\\u202e" in text
            assert len(text) < 40_000
        told = await Visitor(found).get("/tasks", f"owner={'%3Cscript%3E'}")
        assert "<script" not in told.text and "&lt;script&gt;" in told.text


def test_a_text_has_an_end() -> None:
    """A message of a megabyte is no page of ten."""
    shown = text("<" * 1_000_000)
    assert shown.endswith(" ... and 996,000 more characters") and len(shown) < 20_000


async def test_a_link_is_read_by_a_get_and_answered_by_a_post(running: App) -> None:
    """Programs that check mails open each link: that decides nothing, however often."""
    visitor = Visitor(running, links=True)
    ((task_id),) = await waiting(running)
    link = f"/{running.reply_token(task_id, lasts=hours(1))}"
    for query in ("", "partita.answer=ClaimApproved&amount=7"):
        shown = await visitor.get(link, query)
        assert shown.status == 200 and "<dt>Cents</dt>" in shown.text and "adjusters" in shown.text
        assert shown.headers["referrer-policy"] == "no-referrer"
    assert (await visitor.post(link, {"partita.answer": "ClaimApproved", "amount": "7"}, "HEAD")).status == 405
    assert await waiting(running) == [task_id]
    bad = await visitor.post(link, {"partita.answer": "ClaimApproved", "amount": "x"})
    assert bad.status == 422 and await waiting(running) == [task_id]
    done = await visitor.post(link, {"partita.answer": "ClaimApproved", "amount": "7"})
    assert done.status == 200 and "Thank you" in done.text
    assert await waiting(running) == [] and [name for name, _ in await audit(running)] == ["a signed link"]
    assert "This was answered by a signed link with ClaimApproved." in (await visitor.get(link)).text
    late = await visitor.post(link, {"partita.answer": "ClaimDenied", "why": "no"})
    assert late.status == 409 and "Your answer was not kept." in late.text


async def test_a_link_that_is_none_says_so_and_shows_nothing(running: App) -> None:
    """Forged, for a form, or of a time that is over: the same page."""
    visitor = Visitor(running, links=True)
    ((task_id),) = await waiting(running)
    form = token_in(await Visitor(running).get(f"/tasks/{task_id}"))
    good = running.reply_token(task_id, lasts=hours(1))
    for token in ("", "x", form, good[:-2], f"{good}/x", task_id):
        for told in (
            await visitor.get(f"/{token}"),
            await visitor.post(f"/{token}", {"partita.answer": "ClaimDenied"}),
        ):
            assert told.status == 404 and "claim c1" not in told.text, token
    assert await waiting(running) == [task_id]


async def test_without_a_secret_no_form_is_taken(tmp_path: Path) -> None:
    """The page says so at once, and not when the form is sent."""
    found = app.configured(replace(app.settings, data=tmp_path))
    async with found.running():
        await found.send(FileClaim(claim_id="c1", cents=5))
        ((task_id),) = await until(lambda: waiting(found))
        assert "PARTITA_SECRET" in (await Visitor(found).get(f"/tasks/{task_id}")).text
        assert (await Visitor(found).post(f"/tasks/{task_id}", approval("x"))).status == 403
        await found.reply(task_id, ClaimApproved(claim_id="c1", amount=1))
        assert (await Visitor(found, links=True).get("/x")).status == 404

"""A person decides: declared in one line, listed with its form, answered once with an entry in the audit."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.integration.waiting import claims_app
from tests.integration.waiting.claims_app import ClaimApproved, DecideClaim, FileClaim, app
from tests.waiting import until

from partita import App, Command, DeclarationError, Event, Key, Service, Settings, hours
from partita.cli.main import main
from partita.observability.tasks import open_tasks
from partita.operators.audit import entries
from partita.operators.deciding import decide

NAME = f"{claims_app.__name__}:app"


class Desk:
    """A folder with claims that wait, and the command line on it."""

    def __init__(self, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.data = data
        self._capsys = capsys

    def run(self, work: Callable[[App], Awaitable[Any]]) -> Any:
        """Run the app, and this meanwhile."""

        async def running() -> Any:
            found = app.configured(Settings(data=self.data))
            async with found.running():
                return await work(found)

        return asyncio.run(running())

    def partita(self, *words: str) -> tuple[int, str]:
        """The exit code of a command, and all that it printed."""
        with pytest.raises(SystemExit) as ended:
            main(["task", *words, "--data", str(self.data), "--app", NAME])
        shown = self._capsys.readouterr()
        return int(str(ended.value.code or 0)), shown.out + shown.err

    def items(self) -> list[dict[str, Any]]:
        """The tasks as `partita task list -o json` has them."""
        code, text = self.partita("list", "-o", "json")
        assert code == 0, text
        found: list[dict[str, Any]] = json.loads(text)["items"]
        return found


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Two claims wait for a decision."""
    monkeypatch.setenv("PARTITA_ACTOR", "anna")
    found = Desk(tmp_path / "data", capsys)

    async def file(running: App) -> None:
        for number in (1, 2):
            await running.send(FileClaim(claim_id=f"c{number}", cents=number * 1000))
        await until(lambda: waiting(running), holds=lambda ids: len(ids) == 2)

    found.run(file)
    return found


async def waiting(running: App) -> list[str]:
    """The ids that wait."""
    async with running.store("desk").reading() as session:
        return [row.reply_to for row in await session.pending.find()]


def test_tasks_are_listed_with_title_owner_and_forms(desk: Desk) -> None:
    first, second = desk.items()
    assert (first["title"], second["title"]) == ("Decide claim c1 over 1000 cents", "Decide claim c2 over 2000 cents")
    assert (first["owner"], first["saga"]) == ("adjusters", "Claim c1 decide")
    approved, denied = first["answers"]
    assert [(each["name"], each["required"], each["given"]) for each in approved["fields"]] == [
        ("claim_id", True, "c1"),
        ("amount", True, None),
        ("until", False, None),
        ("parts", False, None),
    ]
    assert denied["refusal"] and [each["name"] for each in denied["fields"]] == ["why"]
    assert "Decide claim c2" in desk.partita("list", "--owner", "adjusters")[1]
    assert "no command waits for others" in desk.partita("list", "--owner", "others")[1]
    code, text = desk.partita("show", first["id"][-12:])
    assert code == 0 and f"partita task do {first['id'][-12:]} ClaimApproved amount=int" in text


def test_a_decision_answers_once_with_an_entry_in_the_audit(desk: Desk) -> None:
    """The saga goes on, the audit names the person, and a second decision is refused."""
    first, second = (each["id"] for each in desk.items())
    words = ("do", first, "ClaimApproved", "amount=1200", "until=2026-12-24", 'parts=["roof", "door"]', "--yes")
    assert desk.partita(*words, "--dry-run")[0] == 0 and len(desk.items()) == 2
    code, text = desk.partita(*words, "--as", "bert", "--reason", "as agreed")
    assert code == 0 and "Decide claim c1" in text, text
    code, text = desk.partita("do", second, "ClaimDenied", "why=no roof", "--yes")
    assert code == 0 and desk.items() == []

    async def decided(running: App) -> Any:
        async def statuses() -> list[str]:
            async with running.store("claims").reading() as session:
                found = await session.sagas.load("Claim", ["c1", "c2"])
            return [found[each].status for each in ("c1", "c2")]

        await until(statuses, holds=lambda found: found == ["completed", "undone"])
        return await entries(running.system.stores, 10)

    told = [(entry.actor, entry.verb, entry.reason) for _, entry in desk.run(decided)]
    assert told == [("bert", "task do", "as agreed"), ("anna", "task do", "")]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ClaimApproved",), "needs the field amount"),
        (("ClaimApproved", "amount=much"), "ClaimApproved.amount='much'"),
        (("ClaimApproved", "amount=1", "until=tomorrow"), "ClaimApproved.until="),
        (("ClaimApproved", "amount=1", "parts=[1]"), "ClaimApproved.parts="),
        (("ClaimApproved", "amount=1", "colour=red"), "has no field 'colour'"),
        (("ClaimApproved", "amount=1", "amount=2"), "each field once"),
        (("ClaimApproved", "amount"), "no field and its value"),
        (("ClaimPaid",), "Its answers are: ClaimApproved, ClaimDenied"),
        (("ClaimDenied",), "needs the field why"),
    ],
)
def test_a_wrong_form_names_the_field(desk: Desk, words: tuple[str, ...], said: str) -> None:
    """Nothing is written."""
    code, text = desk.partita("do", desk.items()[0]["id"], *words, "--yes")
    assert code != 0 and said in text, text
    assert len(desk.items()) == 2


def test_an_unknown_id_is_none(desk: Desk) -> None:
    for task_id in ("nothing", ""):
        code, text = desk.partita("do", task_id, "ClaimDenied", "why=x", "--yes")
        assert code == 4 and "waits under" in text, text
    code, text = desk.partita("do", desk.items()[0]["id"], "ClaimDenied", "why=x")
    assert code != 0 and "Add --yes" in text


async def test_a_decision_and_its_entry_are_one(tmp_path: Path, store: str) -> None:
    """On each tier; and the same decision again is neither sent nor noted."""
    running = app.configured(replace(app.settings, data=tmp_path, store=store))
    async with running.running():
        await running.send(FileClaim(claim_id="c1", cents=1))
        await until(lambda: waiting(running))
        system = running.system
        (task,) = await open_tasks(system.stores, system.catalog, system.codec, system.registry.find)
        yes = ClaimApproved(claim_id="c1", amount=1)
        assert await decide(system.pipelines["desk"], task, yes, by="anna", reason="")
        assert not await decide(system.pipelines["desk"], task, yes, by="anna", reason="")
        assert [entry.detail for _, entry in await entries(system.stores, 10)] == [
            "ClaimApproved: Decide claim c1 over 1 cents"
        ]


async def test_the_metrics_count_what_waits(tmp_path: Path, store: str) -> None:
    """Open commands alone, with the age of the oldest."""
    running = app.configured(replace(app.settings, data=tmp_path, store=store))

    async def samples() -> dict[str, float]:
        found = await running.system.samples()
        return {each.signal.name: each.value for each in found if each.values == ("desk",)}

    async with running.running():
        assert (await samples())["pending.commands"] == (await samples())["pending.oldest"] == 0
        await running.send(FileClaim(claim_id="c1", cents=1))
        (reply_to,) = await until(lambda: waiting(running))
        assert (await samples())["pending.commands"] == 1 and 0 < (await samples())["pending.oldest"] < 600
        await running.reply(reply_to, ClaimApproved(claim_id="c1", amount=1))
        assert (await samples())["pending.commands"] == (await samples())["pending.oldest"] == 0


async def test_a_person_decides_after_twelve_days() -> None:
    async with app.testing() as t:
        await t.send(FileClaim(claim_id="c1", cents=1))
        await t.advance(hours(24 * 12))
        (reply_to,) = await t.pending(DecideClaim)
        await t.reply(reply_to, ClaimApproved(claim_id="c1", amount=1), by="anna")
        assert await t.saga(claims_app.Claim, "c1") == "completed"


def test_a_task_is_declared_with_an_owner_and_a_title_of_its_fields() -> None:
    service = Service("desk", namespace="tasks.wrong")

    class Done(Event, of=service):
        id: Key[str]

    class Do(Command[Done], of=service):
        id: Key[str]

    for owner, title in (
        ("", "x"),
        ("x", ""),
        ("x", "{name}"),
        ("x", "{id.x}"),
        ("x", "{id!r}"),
        ("x", "{"),
        ("x", "{}"),
    ):
        with pytest.raises(DeclarationError):
            service.task(Do, owner=owner, title=title)
    service.task(Do, owner="x", title="{{ {id} }}")
    (binding,) = service.declared.bindings
    assert binding.task is not None and binding.task.titled(Do(id="7")) == "{ 7 }"
    with pytest.raises(DeclarationError, match="handled already"):
        service.task(Do, owner="x", title="y")

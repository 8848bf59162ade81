"""A command that waits for the world: `partita why` says for which people, since when, what comes next, and how to answer."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import re
import sys
import types
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.virtual_time import machine_here, virtually
from tests.waiting import until

from partita import App, Command, Event, Key, Rejection, Saga, Service, Settings, days, step
from partita.cli.journey import drawing
from partita.cli.main import main
from partita.errors import Pending
from partita.observability.journey import journey
from partita.observability.reach import looking
from partita.observability.stuck import Stuck, stuck
from partita.sagas import after, on, parallel


def contracts(claims: Service, desk: Service, labs: Service) -> Any:  # Any: the messages, declared for each instance
    """The messages of the three services."""

    class Filed(Event, of=claims):
        id: Key[str]

    class File(Command[Filed], of=claims):
        id: Key[str]

    class Withdrawn(Event, of=claims):
        id: Key[str]

    class Withdraw(Command[Withdrawn], of=claims):
        id: Key[str]

    class Lapsed(Event, of=claims):
        id: Key[str]
        reason: str

    class Tested(Event, of=labs):
        id: Key[str]

    class Untested(Event, of=labs):
        id: Key[str]

    class Test(Command[Tested], of=labs):
        id: Key[str]

    class Untest(Command[Untested], of=labs):
        id: Key[str]

    class Decided(Event, of=desk):
        id: Key[str]
        cents: int

    class No(Rejection):
        why: str

    class Undecided(Event, of=desk):
        id: Key[str]

    class Reminded(Event, of=desk):
        id: Key[str]

    class Decide(Command[Decided, No], of=desk):
        id: Key[str]

    class Undecide(Command[Undecided], of=desk):
        id: Key[str]

    class Remind(Command[Reminded], of=desk):
        id: Key[str]

    class Viewed(Event, of=desk):
        id: Key[str]

    class Unviewed(Event, of=desk):
        id: Key[str]

    class View(Command[Viewed], of=desk):
        id: Key[str]

    class Unview(Command[Unviewed], of=desk):
        id: Key[str]

    return SimpleNamespace(**{name: each for name, each in locals().items() if isinstance(each, type)})


class Insurer:
    """A saga asks two experts together and then a person."""

    def __init__(self, settings: Settings) -> None:
        claims, desk, labs = (Service(name, namespace=f"whywaits.{name}") for name in ("claims", "desk", "labs"))
        m = contracts(claims, desk, labs)

        class Claim(Saga, start=m.Filed, deadline=days(60), undone=m.Lapsed, of=claims):
            view = step(m.View, undo=m.Unview, timeout=days(3))
            test = step(m.Test, undo=m.Untest, timeout=days(2), on_timeout="retry")
            parallel(view, test)
            decide = step(
                m.Decide,
                undo=m.Undecide,
                timeout=days(20),
                timers=(after(days(5), m.Remind), after(days(10), m.Remind)),
            )
            withdrawn = on(m.Withdrawn, then="cancel")

        @claims.handles(m.File)
        async def file(cmd: m.File) -> m.Filed:
            return m.Filed(id=cmd.id)

        @claims.handles(m.Withdraw)
        async def withdraw(cmd: m.Withdraw) -> m.Withdrawn:
            return m.Withdrawn(id=cmd.id)

        labs.task(m.Test, owner="chemists", title="Test {id}")
        desk.task(m.Decide, owner="adjusters", title="Decide claim {id}")
        desk.task(m.View, owner="viewers", title="View {id}")

        @labs.handles(m.Untest)
        async def untest(cmd: m.Untest) -> m.Untested:
            return m.Untested(id=cmd.id)

        @desk.handles(m.Undecide)
        async def undecide(cmd: m.Undecide) -> m.Undecided:
            return m.Undecided(id=cmd.id)

        @desk.handles(m.Unview)
        async def unview(cmd: m.Unview) -> m.Unviewed:
            return m.Unviewed(id=cmd.id)

        @desk.handles(m.Remind)
        async def remind(cmd: m.Remind) -> m.Reminded:
            return m.Reminded(id=cmd.id)

        for name, each in vars(m).items():
            setattr(self, name, each)
        self.Claim: Any = Claim
        self.app = App(claims, desk, labs, settings=settings, machine=machine_here())

    def __getattr__(self, name: str) -> Any:  # Any: the messages, declared by each instance
        raise AttributeError(name)

    async def pending(self, service: str, command: Any) -> str:
        """The id of the only command of this type that waits in a service, once there is one."""

        async def ids() -> list[str]:
            async with self.app.store(service).reading() as session:
                rows = await session.pending.find()
            return [row.reply_to for row in rows if row.type.endswith(f".{command.__name__}")]

        (only,) = await until(ids)
        return str(only)

    async def answered(self, key: str = "c1") -> None:
        """Answer both experts, so that the person is asked."""
        viewed, tested = await self.pending("desk", self.View), await self.pending("labs", self.Test)
        await self.app.reply(viewed, self.Viewed(id=key), by="vic")
        await self.app.reply(tested, self.Tested(id=key), by="che")

    async def why(self, key: str | None = None) -> list[Stuck]:
        """The sentences of sagas and commands."""
        async with looking(self.app, self.app.settings.data) as sight:
            found = await stuck(self.app, sight, key)
            assert sight.unknown == {}
            return [each for each in found if each.kind in ("saga", "command")]

    async def ended(self, status: str, key: str = "c1") -> None:
        """Wait until the claim has this status."""

        async def now() -> list[str]:
            async with self.app.store("claims").reading() as session:
                return [row.status for row in (await session.sagas.load("Claim", [key])).values()]

        await until(now, holds=lambda found: found == [status])


@virtually
async def test_a_person_is_awaited_in_one_sentence(settings: Settings) -> None:
    """It named the reply alone, and said that the answer was on its way."""
    insurer = Insurer(settings)
    async with insurer.app.running():
        await insurer.app.send(insurer.File(id="c1"))
        await insurer.answered()
        task = await insurer.pending("desk", insurer.Decide)
        (found,) = await insurer.why("c1")
        assert (found.kind, found.subject) == ("saga", "c1")
        text = found.why
        assert text.startswith("Claim c1, step decide, waits since ")
        assert " for adjusters: Decide claim c1; Remind is sent at " in text
        assert f"it is undone; to answer: partita task do {task[-12:]} Decided cents=int, or partita task do" in text
        assert text.endswith(f"{task[-12:]} No why=str") and "on its way" not in text and "\n" not in text
        first, last = times(text)
        assert last - first == days(15)


@virtually
async def test_each_step_of_a_group_has_its_sentence(settings: Settings) -> None:
    """With the time of its own; the one that is done has none."""
    insurer = Insurer(settings)
    async with insurer.app.running():
        await insurer.app.send(insurer.File(id="c1"))
        viewed, _ = await insurer.pending("desk", insurer.View), await insurer.pending("labs", insurer.Test)
        one, two = (each.why for each in await insurer.why("c1"))
        assert "step view, waits" in one and "for viewers: View c1; " in one and one.count("it is undone") == 1
        assert "step test, waits" in two and "for chemists: Test c1; " in two and "Test is sent again" in two
        assert times(one)[-1] - times(two)[-1] == days(1)
        await insurer.app.reply(viewed, insurer.Viewed(id="c1"))

        async def only_one() -> list[str]:
            return [each.why for each in await insurer.why("c1")]

        (left,) = await until(only_one, holds=lambda found: len(found) == 1)
        assert "step test, waits" in left


async def test_a_command_without_a_saga_has_its_sentence(tmp_path: Path, store: str) -> None:
    """It was in no answer; and one of many is found by its key."""
    insurer = Insurer(Settings(data=tmp_path, store=store))
    async with insurer.app.running():
        for number in range(3):
            with pytest.raises(Pending):
                await insurer.app.send(insurer.Decide(id=f"d{number}"))
    assert len(await insurer.why()) == 3
    (found,) = await insurer.why("d1")
    assert (found.kind, found.subject, found.service) == ("command", "d1", "desk")
    assert found.why.startswith("Decide of key d1 waits since ") and " for adjusters: Decide claim d1; to " in found.why
    assert await insurer.why("d7") == []


@virtually
async def test_one_that_is_undone_says_so(settings: Settings) -> None:
    """The command waits no more; the undo does, while its service does not run."""
    insurer = Insurer(settings)
    async with insurer.app.running():
        pass  # each service has its database
    async with insurer.app.running(services=["claims", "desk"]):
        await insurer.app.send(insurer.File(id="c1"))
        await insurer.pending("desk", insurer.View)
        await insurer.app.send(insurer.Withdraw(id="c1"))
        await insurer.ended("compensating")
        (found,) = await insurer.why("c1")
        assert found.why.startswith("Claim c1 is being undone and waits ") and "for Untested" in found.why


async def test_an_old_instance_is_found_by_its_key(tmp_path: Path) -> None:
    """A list shows the newest alone; the question about a key looked at no others."""
    insurer = Insurer(Settings(data=tmp_path))
    async with insurer.app.running(services=["claims"]):
        for number in range(4):
            await insurer.app.send(insurer.File(id=f"c{number}"))
    async with looking(insurer.app, tmp_path) as sight:
        found = await stuck(insurer.app, sight, "c0", limit=2)
    assert {each.subject for each in found} == {"c0"}


def times(text: str) -> list[float]:
    """The times of a sentence with dates, without the one since when it waits."""
    found = re.findall(r"(?:at|until) (\d{4}-\d\d-\d\d \d\d:\d\d)", text)
    return [dt.datetime.strptime(each, "%Y-%m-%d %H:%M").replace(tzinfo=dt.UTC).timestamp() for each in found]


def test_the_command_line_shows_the_next_timer_and_each_step_of_a_group(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`saga show` named a time and nothing that happens then."""
    module = types.ModuleType("why_waiting_app")
    insurer = Insurer(Settings(data=tmp_path))
    module.app = insurer.app  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)

    async def asked() -> None:
        async with insurer.app.running():
            for key in ("c1", "c2"):
                await insurer.app.send(insurer.File(id=key))
            await until(lambda: insurer.why("c2"), holds=lambda found: len(found) == 2 and "to answer" in found[1].why)
            await until(lambda: insurer.why("c1"), holds=lambda found: len(found) == 2 and "to answer" in found[1].why)
            async with insurer.app.store("desk").reading() as session:
                viewed = [row.reply_to for row in await session.pending.find() if row.saga_id == "c1"]
            async with insurer.app.store("labs").reading() as session:
                tested = [row.reply_to for row in await session.pending.find() if row.saga_id == "c1"]
            await insurer.app.reply(viewed[0], insurer.Viewed(id="c1"))
            await insurer.app.reply(tested[0], insurer.Tested(id="c1"))
            await insurer.pending("desk", insurer.Decide)

    asyncio.run(asked())

    def said(*words: str) -> str:
        with pytest.raises(SystemExit):
            main([*words, "--data", str(tmp_path), "--app", f"{module.__name__}:app"])
        return capsys.readouterr().out

    group = said("saga", "show", "c2")
    assert "next timer" in group and ": Test is sent again" in group
    assert "view waits for Viewed of viewers; after " in group and "test waits for Tested of chemists; after " in group
    alone = said("saga", "show", "c1")
    assert re.search(r"next timer .* UTC: Remind is sent", alone), alone
    assert re.search(r"decide waits for Decided of adjusters; Remind at .*; after .* it is undone", alone), alone
    listed = said("saga", "list")
    assert "Viewed of viewers, Tested of chemists" in listed and "Decided of adjusters" in listed
    (item,) = json.loads(said("saga", "show", "c1", "-o", "json"))["items"]
    (waits,) = item["waits_for"]
    assert (waits["owner"], waits["reminder"], waits["then"]) == ("adjusters", "Remind", "it is undone")
    why = said("why", "c1")
    assert why.count("\n") == 1 and "Claim c1, step decide, waits since " in why


async def test_a_journey_has_the_wait_and_its_end_in_the_order_of_time(tmp_path: Path, store: str) -> None:
    """It showed a command with the mark "pending", and nothing about its answer or its undo."""
    insurer = Insurer(Settings(data=tmp_path, store=store))
    async with insurer.app.running() as system:
        for key in ("c1", "c2"):
            await insurer.app.send(insurer.File(id=key))
            await insurer.answered(key)
            decide = await insurer.pending("desk", insurer.Decide)
            if key == "c1":
                await insurer.app.reply(decide, insurer.Decided(id=key, cents=5), by="anna")
                await insurer.ended("completed", key)
            else:
                await insurer.app.send(insurer.Withdraw(id=key))
                await insurer.ended("undone", key)
        await insurer.app.settled()
        one = "\n".join(drawing("c1", await journey(system.stores, "c1")))
        two = "\n".join(drawing("c2", await journey(system.stores, "c2")))
    waits, answer = one.index("desk: kept, waits for an answer\n"), one.index(" Viewed ")
    assert waits < answer and re.search(r" Viewed .* desk -> claims, given by vic", one), one
    assert re.search(r" Decided .* desk -> claims, given by anna", one), one
    heard, undone, undo = (
        two.index(each)
        for each in ("Claim c2, decide: heard, Withdrawn", "Claim c2, decide: timeout, Withdrawn", "Undecide ")
    )
    assert heard < undo and undone < undo
    assert two.count("desk: undone before an answer came") == 1 and "given by anna" not in two

"""A rolling deploy: the older version keeps a newer version's messages for it, and reports them; messages without a
subscriber are not kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.integration.desk import Desk
from tests.waiting import until

from partita import App, Command, Event, Key, Retry, Saga, Service, Settings, Tx, retriable, seconds, step
from partita.alerts.reading import read_store as reading_of
from partita.alerts.rules import RULES
from partita.bus.port import Outgoing
from partita.catalog.contract import contract_of
from partita.message import Envelope, SagaAddress, envelope_to_bytes
from partita.observability.metrics import read_store as samples_of
from partita.observability.why import why_group
from partita.signals import TYPE_NOT_KNOWN

TIERS = Retry(in_place=3, delays=(1.0, 3_600.0))


class Newer(Desk):
    """The next version, which handles one more command."""

    def __init__(self, data: Path, **how: Any) -> None:
        super().__init__(data, **how)
        desk = self.desk

        class Later(Event, of=desk):
            key: Key[str]

        class WorkLater(Command[Later], of=desk):
            key: Key[str]
            number: int

        @desk.handles(WorkLater)
        async def work_later(cmd: WorkLater, tx: Tx) -> Later:
            await tx.execute("INSERT INTO done SELECT count(*), 'WorkLater', :n FROM done", n=cmd.number)
            return Later(key=cmd.key)

        self.WorkLater = WorkLater
        self.app = App(*self.app.catalog.services, settings=self.app.settings)


async def test_a_command_that_only_the_newer_version_knows_waits_for_it(tmp_path: Path) -> None:
    """The older version parks it without a useless try, in the order of its key, and reports it at once."""
    older, newer = Desk(tmp_path / "data", retry=TIERS), Newer(tmp_path / "data", retry=TIERS)
    async with newer.app.running(services=[]):
        newer_records = [newer.record(newer.WorkLater(key="k", number=2), 2)]
    async with older.app.running() as system:
        one, three = (older.record(older.Work(key="k", number=n), n) for n in (1, 3))
        await older.append(one, *newer_records, three)
        await older.until_parked(waiting=1, behind=1)
        store = system.stores["desk"]
        async with store.reading() as session:
            (why,) = await why_group(session, "desk", await store.now_us())
            (failed,) = await session.dead_letters.failures("desk", "WorkLater-k-2")
        found = await reading_of(store)
        samples = [s for s in await samples_of(store) if s.signal is TYPE_NOT_KNOWN]

        assert await older.done() == [1] and "does not know WorkLater" in why and failed.tries == 1
        (rule,) = (rule for rule in RULES if rule.name == "TypeNotKnown")
        assert rule.value(found) == 1 > rule.limit
        assert [(s.values, s.value) for s in samples] == [(("desk", "test.desk.v1.WorkLater"), 1)]
    async with newer.app.running():
        await newer.until_done(1, 2, 3)
        assert not await newer.letters("")


async def test_where_no_newer_version_comes_it_is_a_dead_letter_that_says_so(tmp_path: Path) -> None:
    """Its cause does not say that a handler failed."""
    desk = Desk(tmp_path / "data")
    async with desk.app.running():
        await desk.append(desk.record(desk.Work(key="k", number=9), 1, type="test.desk.v1.WorkLater"))
        (letter,) = await desk.until_letters(1)

        assert letter.cause_type == "UnknownType" and "does not know test.desk.v1.WorkLater" in letter.cause
        assert "upgrade" in letter.cause


async def test_many_of_them_are_no_storm(tmp_path: Path) -> None:
    """To try them one at a time would hold up the group for messages that it cannot handle anyway."""
    desk = Desk(tmp_path / "data", retry=replace(TIERS, delays=(3_600.0,)))
    async with desk.app.running() as system:
        newer = [desk.record(desk.Work(key=f"k{n}", number=9), 1, type="test.desk.v1.WorkLater") for n in range(100)]
        await desk.app.bus.append([*newer, desk.record(desk.Work(key="good", number=1), 1)])
        await desk.until_parked(waiting=100)
        await desk.until_done(1)
        async with system.stores["desk"].reading() as session:
            said = [said.what for said in await session.groups.said("desk")]
    assert "unknown" in said
    assert "storm" not in said


async def test_an_event_of_its_own_that_it_does_not_know_is_kept(tmp_path: Path) -> None:
    """Only this service publishes there: a newer version of it, which may start a saga with the event."""
    desk = Desk(tmp_path / "data")
    async with desk.app.running():
        await desk.append(desk.record(desk.Noted(key="k", number=9), 1, type="test.desk.v1.NotedLater"))
        (letter,) = await desk.until_letters(1)
        assert letter.cause_type == "UnknownType"


async def test_events_that_nobody_subscribes_to_are_passed_over(tmp_path: Path) -> None:
    """Events of other services, known or not; known events of its own; replies to the sagas of others."""
    desk = Desk(tmp_path / "data")
    async with desk.app.running():
        await desk.append(
            desk.record(desk.Ignored(key="k"), 1),
            desk.record(desk.Moved(key="k", number=9), 2, type="test.yard.v1.Newer"),
            desk.record(desk.Moved(key="k", number=9), 3, kind="reply", type="test.yard.v1.Newer",
                        saga=SagaAddress("Elsewhere", "s", "step", 1, "do")),
            desk.record(desk.Worked(key="k"), 1),
            desk.record(desk.Moved(key="k", number=4), 4),
        )  # fmt: skip
        await desk.until_done(4)
        assert not await desk.letters("")


async def test_an_answer_to_its_own_saga_of_a_type_it_does_not_know_is_kept(tmp_path: Path) -> None:
    """The participant was upgraded first and answers in a new way: if the answer were skipped, the saga would time
    out and undo."""
    till, buyer = (
        Service("till", namespace="known.till"),
        Service("buyer", namespace="known.buyer", retry=Retry(delays=())),
    )

    class Bought(Event, of=buyer):
        key: Key[str]

    class Undone(Event, of=buyer):
        key: Key[str]

    class Buy(Command[Bought], of=buyer):
        key: Key[str]

    class Held(Event, of=till):
        key: Key[str]

    class Let(Event, of=till):
        key: Key[str]

    class Paid(Event, of=till):
        key: Key[str]

    class Hold(Command[Held], of=till):
        key: Key[str]

    class Release(Command[Let], of=till):
        key: Key[str]

    class Pay(Command[Paid], of=till):
        key: Key[str]

    class Buying(Saga, start=Bought, deadline=seconds(600), undone=Undone, of=buyer):
        hold = step(Hold, undo=Release, timeout=seconds(300))
        pay = retriable(Pay, timeout=seconds(300))

    @buyer.handles(Buy)
    async def buy(cmd: Buy) -> Bought:
        return Bought(key=cmd.key)

    async def participate(cmd: Any) -> Any:
        raise NotImplementedError

    for command in (Hold, Release, Pay):
        till.handles(command)(participate)
    app = App(buyer, till, settings=Settings(data=tmp_path / "data"))
    async with app.running(services=["buyer"]) as system:
        contract = contract_of(Held)
        schema, value = system.codec.encode(contract.shape, Held(key="k"))
        address = SagaAddress("Buying", "k", "hold", 1, "do")
        envelope = Envelope("m1", "till/1", "known.till.v1.HeldLater", 1, "c", "reply", schema=schema, saga=address)
        await system.bus.append([Outgoing(contract.topic, "k", envelope_to_bytes(envelope), value, "m1")])

        async def told() -> bool:
            async with system.stores["buyer"].reading() as session:
                letters = await session.dead_letters.find("buyer")
            return [letter.cause_type for letter in letters] == ["UnknownType"]

        await until(told)

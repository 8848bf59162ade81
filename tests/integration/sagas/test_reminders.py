"""Timers of steps on the real runtime: reminders come to their service, each once, and none after the answer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tests.entries import entries_in
from tests.virtual_time import machine_here, virtually
from tests.waiting import until

from partita import App, Command, Event, Key, Meta, Rejection, Saga, Service, Settings, days, pivot, seconds
from partita.sagas import after


def claims(settings: Settings | None = None, *, timeout: float = days(20), timers: tuple[float, ...] = (5, 10)) -> Any:
    """An app with a claim that a desk decides, and the messages that the desk has handled with their effects' names."""
    claims, desk = Service("claims", namespace="reminders.claims"), Service("desk", namespace="reminders.desk")
    seen: list[tuple[str, str]] = []

    class Filed(Event, of=claims):
        id: Key[str]

    class Closed(Event, of=claims):
        id: Key[str]
        reason: str

    class File(Command[Filed], of=claims):
        id: Key[str]

    class Approved(Event, of=desk):
        id: Key[str]

    class Withdrawn(Event, of=desk):
        id: Key[str]

    class Refused(Rejection):
        reason: str

    class Reminded(Event, of=desk):
        id: Key[str]

    class Decide(Command[Approved, Refused], of=desk):
        id: Key[str]

    class Withdraw(Command[Withdrawn], of=desk):
        id: Key[str]

    class Remind(Command[Reminded], of=desk):
        id: Key[str]

    class Claim(Saga, start=Filed, deadline=days(30), undone=Closed, of=claims):
        decide = pivot(
            Decide, undo=Withdraw, timeout=timeout, timers=[after(each, Remind) for each in map(days, timers)]
        )

    @claims.handles(File)
    async def file(cmd: File) -> Filed:
        return Filed(id=cmd.id)

    @desk.handles(Decide)
    async def decide(cmd: Decide, meta: Meta) -> Approved:
        seen.append(("decide", meta.idempotency_key))
        return Approved(id=cmd.id)

    @desk.handles(Withdraw)
    async def withdraw(cmd: Withdraw) -> Withdrawn:
        return Withdrawn(id=cmd.id)

    @desk.handles(Remind)
    async def remind(cmd: Remind, meta: Meta) -> Reminded:
        seen.append(("remind", meta.idempotency_key))
        return Reminded(id=cmd.id)

    app = App(claims, desk, settings=settings, machine=machine_here() if settings else None)
    return SimpleNamespace(app=app, File=File, Decide=Decide, Claim=Claim, seen=seen)


async def history(app: App) -> list[str]:
    """The kinds of the entries in the history of the claim."""
    async with app.store("claims").reading() as session:
        return [entry.kind for entry in await session.sagas.history("Claim", "c1")]


async def status(app: App) -> str:
    """The status of the claim."""
    async with app.store("claims").reading() as session:
        return (await session.sagas.load("Claim", ["c1"]))["c1"].status


async def test_a_silent_participant_is_reminded_until_its_time_is_over() -> None:
    made = claims()
    async with made.app.testing() as t:
        t.stub(made.Decide).is_silent()
        await t.send(made.File(id="c1"))
        await t.advance(days(12))
        assert [entry.kind for entry in await entries_in(t, "claims")] == [
            "started",
            *["reminded", "answered"] * 2,
        ]
        await t.advance(days(9))
        assert await t.saga(made.Claim, "c1") == "undone"
    assert [kind for kind, _ in made.seen] == ["remind", "remind"]


async def test_a_participant_that_answers_is_not_reminded() -> None:
    made = claims()
    async with made.app.testing() as t:
        t.stub(made.Decide).answers_late(days(6))
        await t.send(made.File(id="c1"))
        await t.advance(days(25))
    assert [kind for kind, _ in made.seen] == ["decide", "remind"]


@virtually
async def test_reminders_of_a_service_that_is_away_come_behind_their_command_and_each_is_an_effect_of_its_own(
    settings: Settings,
) -> None:
    """A provider of mails drops a second request with one idempotency key: two reminders are two mails."""
    made = claims(settings, timeout=seconds(60), timers=(0.2 / 86_400, 0.4 / 86_400))

    async def reminded() -> bool:
        return (await history(made.app)).count("reminded") == 2

    async def answered() -> bool:
        return (await history(made.app)).count("answered") == 2

    async with made.app.running(services=["claims"]):
        await made.app.send(made.File(id="c1"))
        await until(reminded)
    async with made.app.running():
        await until(answered)
        assert await status(made.app) == "completed"
    assert [kind for kind, _ in made.seen] == ["decide", "remind", "remind"]
    assert len({key for _, key in made.seen}) == 3

"""A command whose answer comes from outside: the first answer counts, it leaves once, and with the writes of its handler."""

from __future__ import annotations

import asyncio
from functools import partial
from operator import lt
from pathlib import Path
from typing import Any

import pytest
from tests.integration.waiting.rides import Rides
from tests.waiting import until

from partita import (
    App,
    Command,
    Conflict,
    DeclarationError,
    Event,
    Key,
    Meta,
    NotFound,
    PartitaError,
    Service,
    Settings,
    Tx,
    hours,
    seconds,
)
from partita.errors import Expired, Overtaken, Pending, WithinHandler
from partita.message import envelope_from_bytes
from partita.waiting import Later, later


async def offered(rides: Rides, ride: str = "r1") -> str:
    """A ride that was asked for, and the id of its offer."""
    await rides.app.send(rides.Ask(ride=ride), idempotency_key=ride)
    (reply_to,) = await until(rides.waiting)
    return str(reply_to)


async def ended(rides: Rides, status: str, ride: str = "r1") -> None:
    """Wait until the saga of a ride has this status."""
    await until(lambda: rides.saga(ride), holds=lambda found: found == status)


async def test_an_answer_leaves_as_if_the_handler_had_returned_it(tmp_path: Path, store: str) -> None:
    """With the address, the correlation and the causation of its command, in the transaction of the answering handler."""
    rides = Rides(tmp_path, store)
    async with rides.app.running():
        reply_to = await offered(rides)
        assert await rides.saga("r1") == "running"
        await rides.app.send(rides.Accept(ride="r1", driver="dan"))
        await ended(rides, "completed")
        assert await rides.state_of(reply_to) == "answered"
        assert await rides.rows("dispatch", "SELECT driver FROM assigned") == [("dan",)]
        assert await rides.rows("trips", "SELECT outcome FROM inbox WHERE type = 'later.dispatch.v1.Accepted'") == [
            ("handled",)
        ]
        sent = "SELECT headers FROM outbox WHERE type = 'later.dispatch.v1.Accepted'"
        ((headers,),) = await rides.rows("dispatch", sent)
        asked = "SELECT headers FROM outbox WHERE type = 'later.dispatch.v1.Offer'"
        ((cause,),) = await rides.rows("trips", asked)
        answer, command = envelope_from_bytes(bytes(headers)), envelope_from_bytes(bytes(cause))
        assert (answer.saga, answer.causation_id) == (command.saga, command.id) and command.id == reply_to
        assert (answer.correlation_id, answer.traceparent) == (command.correlation_id, command.traceparent)


async def test_another_process_answers(tmp_path: Path, store: str) -> None:
    """A web front end opens the service and consumes nothing; its answer is durable when the call returns."""
    rides, web = Rides(tmp_path, store), Rides(tmp_path, store)
    async with rides.app.running():
        reply_to = await offered(rides)
        async with web.app.running(services=["dispatch"], roles=()):
            await web.app.reply(reply_to, web.Accepted(ride="r1", driver="eve"), by="eve")
        await ended(rides, "completed")
        assert await rides.answers() == ["later.dispatch.v1.Accepted"]


async def test_a_refusal_given_later_turns_the_saga_back(tmp_path: Path, store: str) -> None:
    rides = Rides(tmp_path, store)
    async with rides.app.running():
        await rides.app.reply(await offered(rides), rides.Declined(driver="dan"))
        await ended(rides, "undone")
        assert await rides.rows("dispatch", "SELECT outcome FROM inbox WHERE type = 'later.dispatch.v1.Offer'") == [
            ("refused",)
        ]


async def test_the_first_answer_counts_and_the_same_again_is_quiet(tmp_path: Path, store: str) -> None:
    """A double click is no error; another answer gets the first one as its error, and sends nothing."""
    rides = Rides(tmp_path, store)
    async with rides.app.running():
        reply_to = await offered(rides)
        for _ in range(2):
            await rides.app.reply(reply_to, rides.Accepted(ride="r1", driver="dan"), by="dan")
        with pytest.raises(Conflict, match=r"answered before with later\.dispatch\.v1\.Accepted by dan") as told:
            await rides.app.reply(reply_to, rides.Accepted(ride="r1", driver="eve"), by="eve")
        assert not isinstance(told.value, Overtaken)
        with pytest.raises(Conflict):
            await rides.app.reply(reply_to, rides.Declined(driver="dan"))
        await ended(rides, "completed")
        assert await rides.answers() == ["later.dispatch.v1.Accepted"]


async def test_many_answers_at_once_are_one(tmp_path: Path, store: str) -> None:
    """Of drivers that tap at the same moment one gets the ride, and each learns what became of its own tap."""
    rides = Rides(tmp_path, store)
    async with rides.app.running():
        reply_to = await offered(rides)
        drivers = [f"driver {n}" for n in range(8)]
        taps = [rides.app.reply(reply_to, rides.Accepted(ride="r1", driver=d), by=d) for d in drivers]
        told = await asyncio.gather(*taps, return_exceptions=True)
        assert [type(each) for each in told].count(Conflict) == 7 and told.count(None) == 1, told
        await ended(rides, "completed")
        assert await rides.answers() == ["later.dispatch.v1.Accepted"]


@pytest.mark.parametrize("breaks", ["refused", "broken"])
async def test_an_answer_leaves_with_its_handlers_writes_or_not_at_all(tmp_path: Path, store: str, breaks: str) -> None:
    rides = Rides(tmp_path, store)
    async with rides.app.running():
        reply_to = await offered(rides)
        with pytest.raises(rides.Full if breaks == "refused" else ValueError):
            await rides.app.send(rides.Accept(ride="r1", driver="dan", breaks=breaks))
        assert await rides.state_of(reply_to) == "open"
        assert await rides.rows("dispatch", "SELECT driver FROM assigned") == []
        assert await rides.answers() == []
        await rides.app.send(rides.Accept(ride="r1", driver="eve"))
        await ended(rides, "completed")


async def test_a_handler_that_answers_another_command_has_its_own_answer(tmp_path: Path) -> None:
    """Both are commands of one service, and both answers leave with one transaction: the sender gets its own, also later by its
    key."""
    rides = Rides(tmp_path)
    async with rides.app.running():
        await offered(rides)
        for _ in range(2):
            reply = await rides.app.send(rides.Accept(ride="r1", driver="dan"), idempotency_key="tap 1")
            assert reply == rides.Answered(ride="r1")
        assert rides.calls.count("accept") == 1


async def test_an_answer_after_the_undo_is_refused(tmp_path: Path, store: str) -> None:
    """The step timed out and the saga has turned back: the driver learns it, and has no ride."""
    rides = Rides(tmp_path, store, timeout=seconds(0.2))
    async with rides.app.running():
        reply_to = await offered(rides)
        await ended(rides, "undone")
        assert await rides.state_of(reply_to) == "undone"
        with pytest.raises(Overtaken, match="undone by saga Ride r1"):
            await rides.app.send(rides.Accept(ride="r1", driver="dan"))
        with pytest.raises(Overtaken):
            await rides.app.reply(reply_to, rides.Accepted(ride="r1", driver="dan"))
        assert await rides.rows("dispatch", "SELECT driver FROM assigned") == []
        assert await rides.answers() == [] and rides.calls == ["offer", "withdraw", "accept"]


async def test_an_undo_after_the_answer_sees_the_writes_of_the_answer(tmp_path: Path, store: str) -> None:
    """The answer was late for the saga and first here: the undo takes back what it brought, and the saga ends."""
    rides = Rides(tmp_path, store, timeout=seconds(0.2))
    async with rides.app.running(roles=("consumers", "relay")):
        await offered(rides)
    rides = Rides(tmp_path, store, timeout=seconds(0.2))
    async with rides.app.running(services=["dispatch"], roles=()):  # its answer stays in the outbox
        await rides.app.send(rides.Accept(ride="r1", driver="dan"))
    rides = Rides(tmp_path, store, timeout=seconds(0.2))
    async with rides.app.running(services=["trips"], roles=("consumers", "timers")):
        await ended(rides, "compensating")
    rides = Rides(tmp_path, store, timeout=seconds(0.2))
    async with rides.app.running():
        await ended(rides, "undone")
        assert await rides.rows("dispatch", "SELECT driver FROM assigned") == []
        assert await rides.rows("dispatch", "SELECT driver FROM undone") == [("dan",)]


async def test_a_step_that_is_sent_again_finds_it_pending(tmp_path: Path) -> None:
    """The same id again is a copy while the command waits, and after its answer; no handler runs twice."""
    rides = Rides(tmp_path)
    async with rides.app.running():
        reply_to = await offered(rides)
        pipeline = rides.app.system.pipelines["dispatch"]
        async with rides.app.store("dispatch").reading() as session:
            row = await session.pending.hold(reply_to)
        assert row is not None
        for answered in (False, True):
            if answered:
                await rides.app.reply(reply_to, rides.Accepted(ride="r1", driver="dan"))
            before = pipeline.tally["later.dispatch.v1.Offer", "duplicate"]
            async with rides.app.store("trips").transaction() as session:
                await send_again(session)
            await until(lambda: pipeline.tally["later.dispatch.v1.Offer", "duplicate"], holds=partial(lt, before))
        await ended(rides, "completed")
        assert rides.calls == ["offer"] and await rides.answers() == ["later.dispatch.v1.Accepted"]


async def send_again(session: Any) -> None:
    """Queue the rows of the outbox with an offer again, as a relay does that died before its mark."""
    again = "INSERT INTO outbox_queue (slot, seq) SELECT slot, seq FROM outbox WHERE type = 'later.dispatch.v1.Offer'"
    await session.execute(again, {})
    session.outbox._added()


async def test_a_sender_is_told_that_it_is_kept_and_asks_again_with_its_key(tmp_path: Path, store: str) -> None:
    rides = Rides(tmp_path, store)
    async with rides.app.running():
        for _ in range(2):
            with pytest.raises(Pending, match="is kept") as told:
                await rides.app.send(rides.Offer(ride="r7"), idempotency_key="k")
        assert await rides.waiting() == [told.value.reply_to]
        with pytest.raises(Conflict):
            await rides.app.send(rides.Offer(ride="r8"), idempotency_key="k")
        await rides.app.reply(told.value.reply_to, rides.Accepted(ride="r7", driver="dan"))
        assert await rides.app.send(rides.Offer(ride="r7"), idempotency_key="k") == rides.Accepted(
            ride="r7", driver="dan"
        )
        with pytest.raises(Pending) as unnamed:
            await rides.app.send(rides.Offer(ride="r9"))
        await rides.app.reply(unnamed.value.reply_to, rides.Declined(driver="dan"))
        assert rides.calls == ["offer", "offer"]


async def test_a_business_key_knows_the_command_that_waits(tmp_path: Path, store: str) -> None:
    """Sent again under another key, the same effect still waits under its first id, and has its answer then."""
    desk = Service("desk", namespace="later.desk")

    class Decided(Event, of=desk):
        claim: Key[str]

    class Decide(Command[Decided], of=desk):
        claim: Key[str]

    @desk.handles(Decide, dedupe_by="claim")
    async def decide(cmd: Decide, meta: Meta) -> Decided | Later:
        return later()

    app = App(desk, settings=Settings(data=tmp_path, store=store))
    async with app.running():
        told = []
        for key in ("a", "b", None):
            with pytest.raises(Pending) as found:
                await app.send(Decide(claim="c1"), idempotency_key=key)
            told.append(found.value.reply_to)
        assert len(set(told)) == 1
        await app.reply(told[0], Decided(claim="c1"))
        assert await app.send(Decide(claim="c1"), idempotency_key="c") == Decided(claim="c1")


async def test_a_pending_command_outlives_the_window(tmp_path: Path) -> None:
    """Ids are kept for a day, and the driver answers after twenty. The answer is known for a day from then on."""
    rides = Rides(tmp_path, window_s=86_400.0)
    async with rides.app.testing() as t:
        await t.send(rides.Ask(ride="r1"))
        with pytest.raises(Pending) as told:
            await t.send(rides.Offer(ride="r7"), idempotency_key="k")
        (reply_to,) = [each for each in await t.pending(rides.Offer) if each != told.value.reply_to]
        await t.advance(hours(24 * 20))
        with pytest.raises(Pending):
            await t.send(rides.Offer(ride="r7"), idempotency_key="k")
        await t.reply(reply_to, rides.Accepted(ride="r1", driver="dan"))
        await t.reply(told.value.reply_to, rides.Accepted(ride="r7", driver="eve"))
        assert await t.saga(rides.Ride, "r1") == "completed"
        await t.advance(hours(23))
        assert await t.send(rides.Offer(ride="r7"), idempotency_key="k") == rides.Accepted(ride="r7", driver="eve")
        await t.reply(reply_to, rides.Accepted(ride="r1", driver="dan"))
        await t.advance(hours(2))
        await t.send(rides.Ask(ride="r2"))  # ids are forgotten by the newest one
        await t.advance(hours(1))
        with pytest.raises(Expired):
            await t.send(rides.Offer(ride="r7"), idempotency_key="k")
        with pytest.raises(NotFound):
            await t.reply(reply_to, rides.Accepted(ride="r1", driver="dan"))
        assert rides.calls == ["offer", "offer", "offer"]


async def test_wrong_answers_say_what_to_do(tmp_path: Path) -> None:
    rides = Rides(tmp_path)
    async with rides.app.running():
        reply_to = await offered(rides)
        with pytest.raises(NotFound, match="No command waits"):
            await rides.app.reply("0198", rides.Accepted(ride="r1", driver="dan"))
        with pytest.raises(PartitaError, match="Withdrawn, which is no answer") as told:
            await rides.app.reply(reply_to, rides.Withdrawn(ride="r1"))
        assert told.value.hint == "An instance of: Accepted, Declined."
        with pytest.raises(PartitaError):
            await rides.app.reply(reply_to, None)  # type: ignore[arg-type]
        with pytest.raises(PartitaError):  # its driver is no text: no bytes of it leave
            await rides.app.reply(reply_to, rides.Accepted(ride="r1", driver=7))
        assert await rides.state_of(reply_to) == "open"


async def test_an_answer_that_cannot_leave_fails_its_handler(tmp_path: Path) -> None:
    """Its command is not the handler's message: the failure counts for the message that answers, and the app goes on."""
    desk = Service("desk", namespace="later.desk")

    class Decided(Event, of=desk):
        claim: Key[str]
        note: str = ""

    class Decide(Command[Decided], of=desk):
        claim: Key[str]

    class Noted(Event, of=desk):
        claim: Key[str]

    class Note(Command[Noted], of=desk):
        claim: Key[str]
        reply_to: str

    @desk.handles(Decide)
    async def decide(cmd: Decide) -> Decided | Later:
        return later()

    @desk.handles(Note)
    async def note(cmd: Note, tx: Tx) -> Noted:
        await tx.reply(cmd.reply_to, Decided(claim=cmd.claim, note="x" * 30_000_000))
        return Noted(claim=cmd.claim)

    app = App(desk, settings=Settings(data=tmp_path))
    async with app.running():
        with pytest.raises(Pending) as told:
            await app.send(Decide(claim="c1"))
        with pytest.raises(PartitaError, match="bytes"):
            await app.send(Note(claim="c1", reply_to=told.value.reply_to))
        with pytest.raises(PartitaError, match="bytes"):
            await app.reply(told.value.reply_to, Decided(claim="c1", note="x" * 30_000_000))
        await app.reply(told.value.reply_to, Decided(claim="c1"))


async def test_a_handler_answers_with_its_transaction(tmp_path: Path) -> None:
    """`app.reply` within a handler would wait for the transaction of that handler, which waits for it."""
    rides = Rides(tmp_path)
    asked: list[Exception] = []

    @rides.trips.on(name="answers")
    async def answers(event: rides.Asked) -> None:  # type: ignore[name-defined]
        try:
            await rides.app.reply("0198", rides.Declined(driver="dan"))
        except WithinHandler as error:
            asked.append(error)

    async with App(rides.trips, rides.dispatch, settings=Settings(data=tmp_path)).running() as _:
        pass
    rides.app = App(rides.trips, rides.dispatch, settings=Settings(data=tmp_path))
    async with rides.app.running():
        await rides.app.send(rides.Ask(ride="r1"))
        await until(lambda: asked)
    assert "tx.reply" in str(asked[0])


async def test_a_handler_sees_whether_a_command_waits(tmp_path: Path, store: str) -> None:
    """It has no answer to give yet, and changes rows only while none and no undo has come."""
    rides = Rides(tmp_path, store)
    asked = _declare_looking(rides.dispatch)
    async with rides.app.running():
        reply_to = await offered(rides)
        assert [(await rides.app.send(asked(ride="r1", id=each))).waits for each in (reply_to, "none")] == [True, False]
        await rides.app.send(rides.Accept(ride="r1", driver="dan"))
        assert not (await rides.app.send(asked(ride="r1", id=reply_to))).waits


def _declare_looking(dispatch: Service) -> Any:  # Any: a command that is declared for each test
    class Looked(Event, of=dispatch):
        ride: Key[str]
        waits: bool

    class Look(Command[Looked], of=dispatch):
        ride: Key[str]
        id: str

    @dispatch.handles(Look)
    async def look(cmd: Look, tx: Tx) -> Looked:
        return Looked(ride=cmd.ride, waits=await tx.waits(cmd.id))

    return Look


async def test_later_is_declared(tmp_path: Path) -> None:
    """Without the annotation no reader of the declaration would know it, and the call is refused."""
    desk = Service("desk", namespace="later.desk")

    class Decided(Event, of=desk):
        claim: Key[str]

    class Decide(Command[Decided], of=desk):
        claim: Key[str]

    @desk.handles(Decide)
    async def decide(cmd: Decide) -> Decided:
        return later()  # type: ignore[return-value]

    app = App(desk, settings=Settings(data=tmp_path))
    async with app.running():
        with pytest.raises(PartitaError, match="returned Later") as told:
            await app.send(Decide(claim="c1"))
    assert "-> Decided | Later" in told.value.hint


def test_an_undo_that_answers_later_is_refused(tmp_path: Path) -> None:
    """A saga that turns back waits for its undo, whose answer it must have."""
    rides = Rides(tmp_path)
    rides.dispatch.declared.bindings[:] = [b for b in rides.dispatch.declared.bindings if b.name != "withdraw"]

    @rides.dispatch.handles(rides.Withdraw)
    async def withdraw(cmd: rides.Withdraw) -> rides.Withdrawn | Later:  # type: ignore[name-defined]
        return later()

    with pytest.raises(DeclarationError, match="answers later"):
        App(rides.trips, rides.dispatch, settings=Settings(data=tmp_path))

"""Dead letters and operators: rehearsed, replayed, edited, discarded; and the audit of each."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import Bank
from tests.integration.runtime.failing.test_retries import letters, parked
from tests.waiting import until

from partita import App, Event, Key, Retry, Settings, Tx
from partita.errors import Conflict, Malformed
from partita.observability.letters import difference, view
from partita.operators import discarding
from partita.operators.audit import verify
from partita.operators.discarding import begin_discard, restore, run_discard
from partita.operators.editing import edited, supersede
from partita.operators.replaying import Pace, Replay
from partita.runtime.failing.rehearsal import rehearse
from partita.store.dead_letters import LetterFilter

ALL = LetterFilter()


class Chatty(Bank):
    """A bank whose audit answers each deposit with an event of its own."""

    def __init__(self, data: Path, **service: Any) -> None:
        super().__init__(data, retry=Retry(delays=(), in_place=0, storm=10**9), **service)
        audit = self.audit

        class Audited(Event, of=audit):
            name: Key[str]

        async def answer(event: self.Deposited, tx: Tx) -> Audited:  # type: ignore[name-defined]
            self.calls.append(event.name)
            self.on_deposit(event)
            await tx.execute("INSERT INTO entry VALUES (:n, :c, 'x')", n=event.name, c=event.cents)
            return Audited(name=event.name)

        audit.declared.bindings.clear()
        audit.on(answer)
        self.app = App(self.bank, audit, settings=Settings(data=data))


async def discard(system: Any, bank: Bank, where: LetterFilter, reason: str) -> int:
    """Discard letters of the audit, as an operator does."""
    store = system.stores["audit"]
    row = await begin_discard(store, bank.audit, where, system.ids, reason=reason, by="ann")
    return await run_discard(store, bank.audit, row.id)


def no(event: Any) -> None:
    raise ValueError("not now")


async def dead(bank: Bank, count: int) -> None:
    """Make this many dead letters."""
    bank.on_deposit = no
    async with bank.app.running():
        await asyncio.gather(*(bank.app.send(bank.Deposit(name=f"n{n}", cents=n + 1)) for n in range(count)))

        async def there() -> bool:
            async with bank.app.store("audit").reading() as session:
                return await session.dead_letters.count("audit") >= count

        await until(there, 60)
    bank.calls.clear()


def job(bank: Bank, by: str = "ann") -> Replay:
    system = bank.app.system
    return Replay(bank.audit, system.stores["audit"], system.clock, system.ids, by)


async def test_a_rehearsal_tells_what_the_replay_then_does(tmp_path: Path) -> None:
    """Run, failing again, waiting behind: the forecast is compared with the databases afterwards."""
    bank = Chatty(tmp_path / "data")
    bank.on_deposit = no
    async with bank.app.running():
        for name in ("a", "b", "c"):
            for cents in (1, 2):
                await bank.app.send(bank.Deposit(name=name, cents=cents))

        async def waits() -> bool:
            return (await parked(bank))[:5] == (0, 3, 0, 0, 3)

        await until(waits)

        def b_fails(event: Any) -> None:
            if event.name == "b":
                raise ValueError("still not")

        bank.on_deposit = b_fails
        store = bank.app.store("audit")
        async with store.reading() as session:
            found = await session.dead_letters.find("audit", 10, ALL)
        forecast = await rehearse(bank.app.system.pipelines["audit"], found)
        assert await bank.rows("audit", "SELECT * FROM entry") == [], "a rehearsal happened for real"
        assert (await parked(bank))[:5] == (0, 3, 0, 0, 3)
        verdicts = Counter((each.verdict, bool(each.letter_id)) for each in forecast)
        assert verdicts == {("runs", True): 2, ("runs", False): 2, ("fails", True): 1}
        leaves = Counter(name for each in forecast for name in each.leaves)

        replay = job(bank)
        row = await replay.begin(ALL, Pace(stop_at_errors=0.9), "test")
        progress = await replay.run(row.id)
        assert (progress.handled, progress.failed) == (2, 1)

        async def drained() -> bool:
            return len(await bank.rows("audit", "SELECT * FROM entry")) == sum(
                each.verdict == "runs" for each in forecast
            )

        await until(drained)
        async with store.reading() as session:
            rows = await session.fetch("SELECT type FROM outbox WHERE type LIKE '%Audited'", {})
        assert Counter(r["type"] for r in rows) == leaves
        errors = {each.message_id: each.error for each in forecast if each.verdict == "fails"}
        (again,) = await letters(bank)
        assert errors == {again.message_id: f"ValueError: {again.cause}"}


@pytest.mark.slow
async def test_two_operators_and_two_crashes_replay_each_letter_once(tmp_path: Path) -> None:
    """Cancelled twice midway, resumed, and begun by another at the same time."""
    bank = Chatty(tmp_path / "data")
    count = 600
    await dead(bank, count)
    bank.on_deposit = lambda event: None
    async with bank.app.running():
        ann, bob = job(bank), job(bank, "bob")
        pace = Pace(ramp=(1, 5, 20), rate=100_000)
        first = await ann.begin(ALL, pace, "fixed")
        second = await bob.begin(ALL, pace, "fixed too")
        assert first.planned == second.planned == count

        async def interrupted(replay: Replay, operation: str, after: int) -> None:
            done = asyncio.Event()
            task = asyncio.create_task(replay.run(operation, lambda p: done.set() if p.handled >= after else None))
            await done.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        await asyncio.gather(interrupted(ann, first.id, 100), interrupted(bob, second.id, 50))
        await interrupted(ann, first.id, 150)
        results = await asyncio.gather(ann.run(first.id), bob.run(second.id))
        assert all(r.failed == 0 for r in results)

        async def all_handled() -> bool:
            return len(await bank.rows("audit", "SELECT DISTINCT name FROM entry")) == count

        await until(all_handled)
        assert len(await bank.rows("audit", "SELECT name FROM entry")) == count, "one was handled twice"
        with pytest.raises(Conflict, match="done already"):
            await ann.run(first.id)


async def test_a_replay_stops_when_they_fail_again(tmp_path: Path) -> None:
    bank = Chatty(tmp_path / "data")
    await dead(bank, 60)
    async with bank.app.running():
        replay = job(bank)
        row = await replay.begin(ALL, Pace(), "hope")
        progress = await replay.run(row.id)
        assert progress.failed == 1 and "failed again" in progress.stopped
        assert len(await letters(bank)) == 60, "a letter that failed again is open again"
        async with bank.app.store("audit").reading() as session:
            stopped = await session.operations.get(row.id)
        assert stopped is not None and stopped.status == "stopped"


async def test_an_edited_copy_takes_the_place_of_its_letter(tmp_path: Path) -> None:
    """Only one of them runs, in its place in the key. A value that does not fit the schema is refused, with the
    field."""
    bank = Chatty(tmp_path / "data")

    def odd_fails(event: Any) -> None:
        if event.cents == 1:
            raise ValueError("one is none")

    bank.on_deposit = odd_fails
    async with bank.app.running() as system:
        for cents in (1, 2):
            await bank.app.send(bank.Deposit(name="a", cents=cents))

        async def waits() -> bool:
            return (await parked(bank))[:5] == (0, 1, 0, 0, 1)

        await until(waits)
        (letter,) = await letters(bank)
        pipeline = system.pipelines["audit"]
        with pytest.raises(Malformed, match="no field 'centz'"):
            edited(letter, pipeline, system.ids, {"centz": 5}, whole=False)
        with pytest.raises(Malformed, match="cents: Expected `int`"):
            edited(letter, pipeline, system.ids, {"cents": "many"}, whole=False)
        copy = edited(letter, pipeline, system.ids, {"cents": 7}, whole=False)
        assert difference(view(letter, system.codec), view(copy, system.codec)) == [("cents", "1", "7")]
        await supersede(pipeline, letter, copy, actor="ann", reason="typo")
        with pytest.raises(Conflict, match="no longer open"):
            await supersede(pipeline, letter, copy, actor="bob", reason="typo")
        replay = job(bank)
        await replay.run((await replay.begin(ALL, Pace(), "edited")).id)

        async def drained() -> bool:
            return len(await bank.rows("audit", "SELECT * FROM entry")) == 2

        await until(drained)
        rows = await bank.rows("audit", "SELECT cents FROM entry ORDER BY rowid")
        assert [r["cents"] for r in rows] == [7, 2]
        assert [x.status for x in await letters(bank, status="")] == ["superseded", "handled"]


async def test_a_discarded_letter_frees_its_key_and_can_be_taken_back(tmp_path: Path) -> None:
    bank = Chatty(tmp_path / "data")
    bank.on_deposit = no
    async with bank.app.running() as system:
        for cents in (1, 2):
            await bank.app.send(bank.Deposit(name="a", cents=cents))

        async def waits() -> bool:
            return (await parked(bank))[:5] == (0, 1, 0, 0, 1)

        await until(waits)
        bank.on_deposit = lambda event: None
        store = system.stores["audit"]
        assert await discard(system, bank, ALL, "a test") == 1

        async def next_runs() -> bool:
            return [r["cents"] for r in await bank.rows("audit", "SELECT cents FROM entry")] == [2]

        await until(next_runs)
        (letter,) = await letters(bank, status="discarded")
        assert letter.reason == "a test"
        await restore(store, bank.audit, letter.id, by="bob")
        with pytest.raises(Conflict):
            await restore(store, bank.audit, letter.id, by="bob")
        replay = job(bank)
        await replay.run((await replay.begin(ALL, Pace(), "")).id)
        assert sorted(r["cents"] for r in await bank.rows("audit", "SELECT cents FROM entry")) == [1, 2]


async def test_a_discard_that_is_interrupted_goes_on_and_leaves_later_letters_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its filter means the letters that existed when the discard began."""
    monkeypatch.setattr(discarding, "BATCH", 2)
    bank = Chatty(tmp_path / "data")
    await dead(bank, 5)
    async with bank.app.running() as system:
        store = system.stores["audit"]
        row = await begin_discard(store, bank.audit, ALL, system.ids, reason="test orders", by="ann")

        def killed(done: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await run_discard(store, bank.audit, row.id, killed)
        assert len(await letters(bank)) == 3
        await bank.app.send(bank.Deposit(name="later", cents=9))

        async def there() -> bool:
            return len(await letters(bank)) == 4

        await until(there)
        assert await run_discard(store, bank.audit, row.id) == 5
        assert [letter.key for letter in await letters(bank)] == ["later"]
        with pytest.raises(Conflict, match="done already"):
            await run_discard(store, bank.audit, row.id)


async def test_the_audit_notices_what_was_changed(tmp_path: Path) -> None:
    """Changed, removed, inserted: each breaks the chain; the database itself refuses plain changes."""
    bank = Chatty(tmp_path / "data")
    await dead(bank, 3)
    async with bank.app.running() as system:
        store = system.stores["audit"]
        for letter in await letters(bank):
            where = LetterFilter(ids=(letter.id,))
            await discard(system, bank, where, f"because {letter.key}")
        assert (await verify(store)).entries == 6 and (await verify(store)).broken is None
        with pytest.raises(Exception, match="append-only"):
            async with store.transaction() as session:
                await session.execute("UPDATE audit SET actor = 'nobody'", {})
        async with store.transaction() as session:
            await session.execute("DROP TRIGGER audit_is_not_changed", {})
            await session.execute("UPDATE audit SET actor = 'nobody' WHERE seq = 2", {})
        broken = (await verify(store)).broken
        assert broken is not None and broken.seq == 2


async def test_a_letter_of_bytes_that_are_no_message_can_be_looked_at_and_not_mended(bank: Any) -> None:
    from partita.bus.port import Outgoing

    async with bank.app.running() as system:
        await system.bus.append([Outgoing("test.bank.events", "a", b"\xff", b"\x01\x02", "x")])

        async def there() -> bool:
            return len(await letters(bank)) == 1

        await until(there)
        (letter,) = await letters(bank)
        seen = view(letter, system.codec)
        assert (seen.fields, seen.headers_hex, seen.value_hex) == (None, "ff", "01 02")
        with pytest.raises(Conflict, match="not an envelope"):
            edited(letter, system.pipelines["audit"], system.ids, {}, whole=True)
        replay = Replay(bank.audit, system.stores["audit"], system.clock, system.ids, "ann")
        progress = await replay.run((await replay.begin(ALL, Pace(), "")).id)
        assert (progress.handled, progress.failed) == (0, 1)


async def test_a_writers_schema_that_is_refused_makes_a_dead_letter_and_stops_nothing(tmp_path: Path) -> None:
    """It is on the bus, and no reader may use it: its message is kept raw, and the next of its key is not held up for
    ever."""
    from partita.bus.port import Outgoing
    from partita.message import Envelope, envelope_to_bytes

    bank = Bank(tmp_path / "data", order="none", retry=Retry(delays=(), in_place=0))
    endless = {"type": "array", "items": "null"}
    schema = {"type": "record", "name": "R", "fields": [{"name": "a", "type": endless}]}
    async with bank.app.running() as system:
        await system.registry.publish("endless", json.dumps(schema))
        envelope = Envelope("e1", "elsewhere", "test.bank.v1.Deposited", 1, "e1", schema="endless")
        await system.bus.append([Outgoing("test.bank.events", "a", envelope_to_bytes(envelope), b"\x02\x00", "e1")])
        await bank.app.send(bank.Deposit(name="a", cents=5))

        async def both() -> bool:
            return len(await letters(bank)) == 1 and len(await bank.rows("audit", "SELECT * FROM entry")) == 1

        await until(both)
        (letter,) = await letters(bank)
        assert letter.cause_type == "Malformed" and "take no bytes" in letter.cause

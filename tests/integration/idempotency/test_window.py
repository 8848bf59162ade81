"""After the window: a message that may have been handled and forgotten is never silently handled again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import Bank
from tests.integration.runtime.failing.test_retries import letters, parked
from tests.waiting import until

from partita import App, Retry, Settings
from partita.bus.port import Outgoing
from partita.clock import US
from partita.errors import Expired
from partita.message import Envelope, envelope_to_bytes
from partita.operators.replaying import Pace, Replay
from partita.operators.steering import pause_group, reset_group, resume_group
from partita.runtime.background.janitor import Janitor
from partita.runtime.system import System
from partita.store.dead_letters import LetterFilter

DAY_US = 86_400 * US


def made(data: Path, store: str, **service: Any) -> Bank:
    """A bank on that database."""
    bank = Bank(data, **service)
    bank.app = bank.app.configured(replace(bank.app.settings, store=store))
    return bank


def id_of_days_ago(system: System, days: float) -> tuple[str, int]:
    """An id with a time of some days ago, and that time."""
    at_us = system.clock.now_us() - round(days * DAY_US)
    text = f"{at_us // 1_000:012x}"
    return f"{text[:8]}-{text[8:]}-7000-8000-000000000000", at_us


async def deliver(bank: Bank, system: System, name: str, days: float, *, key: str | None = None) -> Outgoing:
    """Deliver an event of some days ago; it is returned, so that a test can deliver it again."""
    message_id, at_us = id_of_days_ago(system, days)
    fingerprint, value = system.codec.encode(bank.Deposited.__partita__.shape, bank.Deposited(name=name, cents=5))
    envelope = Envelope(message_id, "elsewhere", "test.bank.v1.Deposited", at_us, message_id, schema=fingerprint)
    record = Outgoing("test.bank.events", key, envelope_to_bytes(envelope), value, message_id)
    await system.bus.append([record])
    return record


async def a_day_later(bank: Bank, system: System, service: str) -> None:
    """Make all marks a day older, handle a new message, and let the janitor run."""
    here = system.stores[service]
    async with here.transaction() as session:
        await session.execute("UPDATE inbox SET at_us = at_us - :d", {"d": 2 * DAY_US})
        now_us = await here.now_us()
        sql = (
            "INSERT INTO inbox (consumer, message_id, type, correlation_id, payload_hash, at_us, outcome) "
            "VALUES ('c', :id, '', '', '', :at, 'handled')"
        )
        await session.execute(sql, {"id": system.ids.new(), "at": now_us})
    await Janitor(bank.audit if service == "audit" else bank.bank, here).step(0.0)


async def handled(bank: Bank, count: int) -> None:
    """Wait for `count` effects."""

    async def there() -> bool:
        return len(await bank.rows("audit", "SELECT * FROM entry")) >= count

    await until(there)
    assert len(await bank.rows("audit", "SELECT * FROM entry")) == count


@pytest.mark.parametrize(("order", "key"), [("none", "k"), ("none", None), ("key", None)])
async def test_what_comes_again_after_the_window_is_a_letter(
    tmp_path: Path, store: str, order: str, key: str | None
) -> None:
    """Its mark is deleted, but it is known that it may have existed: the message is counted, and a person decides."""
    bank = made(tmp_path, store, order=order)
    async with bank.app.running() as system:
        first = await deliver(bank, system, "first", 3, key=key)  # nothing was deleted yet, so it is new
        await handled(bank, 1)
        await a_day_later(bank, system, "audit")
        await system.bus.append([first])

        async def dead() -> bool:
            return bool(await letters(bank))

        await until(dead)
        (letter,) = await letters(bank)
        assert (letter.cause_type, letter.message_id) == ("Expired", first.id)
        pipeline = system.pipelines["audit"]
        assert pipeline.tally["test.bank.v1.Deposited", "expired"] == 1
        await bank.app.settled(dead_letters=True)
        await handled(bank, 1)
        replay = Replay(bank.audit, system.stores["audit"], system.clock, system.ids, "ann")
        progress = await replay.run((await replay.begin(LetterFilter(), Pace(), "")).id)
        assert (progress.handled, progress.failed) == (1, 0), "a person said that it was not handled"
        await handled(bank, 2)


async def test_what_is_old_and_was_made_after_all_that_was_forgotten_is_new(tmp_path: Path, store: str) -> None:
    """A group that did not run for days handles the messages that it missed."""
    bank = made(tmp_path, store, order="none")
    async with bank.app.running() as system:
        await deliver(bank, system, "first", 5)
        await handled(bank, 1)
        await a_day_later(bank, system, "audit")
        await deliver(bank, system, "missed", 4)
        await handled(bank, 2)
        assert not await letters(bank)


async def test_nothing_is_forgotten_while_nothing_new_is_handled(tmp_path: Path, store: str) -> None:
    """Messages in hand when all processes stopped on Friday come again on Monday, and are known."""
    bank = made(tmp_path, store, order="none")
    async with bank.app.running() as system:
        first = await deliver(bank, system, "first", 3)
        await handled(bank, 1)
        async with system.stores["audit"].transaction() as session:
            await session.execute("UPDATE inbox SET at_us = at_us - :d", {"d": 2 * DAY_US})
        await Janitor(bank.audit, system.stores["audit"]).step(0.0)
        async with system.stores["audit"].reading() as session:
            assert set(await session.inbox.seen("audit", [first.id])) == {first.id}


async def test_an_idempotency_key_is_known_when_its_answer_is_not(tmp_path: Path, store: str) -> None:
    """It is refused, never handled again. Its content is not kept: the same command from a newer sender has other
    bytes as well, and to call it a conflict would be a guess."""
    bank = made(tmp_path, store)
    async with bank.app.running() as system:
        await bank.app.send(bank.Deposit(name="ann", cents=5), idempotency_key="k")
        await a_day_later(bank, system, "bank")
        for _ in range(2):
            with pytest.raises(Expired, match="used before"):
                await bank.app.send(bank.Deposit(name="ann", cents=5), idempotency_key="k")
        with pytest.raises(Expired, match="used before"):
            await bank.app.send(bank.Deposit(name="ann", cents=6), idempotency_key="k")
        assert [row["cents"] for row in await bank.rows("bank", "SELECT cents FROM account")] == [5]


async def test_how_long_keys_are_known_is_the_services_choice(tmp_path: Path, store: str) -> None:
    """The limit is declared, so that no one is surprised: after it the key counts as new."""
    bank = made(tmp_path, store)
    bank.bank.keys_kept_s = 86_400.0
    async with bank.app.running() as system:
        await bank.app.send(bank.Deposit(name="ann", cents=5), idempotency_key="k")
        await a_day_later(bank, system, "bank")
        await bank.app.send(bank.Deposit(name="ann", cents=5), idempotency_key="k")
        assert [row["cents"] for row in await bank.rows("bank", "SELECT cents FROM account")] == [10]


async def test_a_business_key_is_a_repeat_without_limit(tmp_path: Path, store: str) -> None:
    """A second event of that name under another id, days later, does nothing."""
    bank = made(tmp_path, store)
    (binding,) = bank.audit.declared.bindings
    bank.audit.declared.bindings[:] = [replace(binding, dedupe_by="name")]
    bank.app = App(bank.bank, bank.audit, settings=Settings(data=tmp_path, store=store))
    async with bank.app.running() as system:
        await bank.app.send(bank.Deposit(name="ann", cents=5))
        await handled(bank, 1)
        await a_day_later(bank, system, "audit")
        await bank.app.send(bank.Deposit(name="ann", cents=5))
        await bank.app.send(bank.Deposit(name="bob", cents=5))
        await bank.app.settled()
        await handled(bank, 2)
        assert not await letters(bank)


async def test_an_open_letter_keeps_its_mark(tmp_path: Path, store: str) -> None:
    """A new delivery and a replay are one effect, even weeks later."""
    bank = made(tmp_path, store, order="none", retry=Retry(in_place=0, delays=()))

    def fail(event: Any) -> None:
        raise ValueError("cannot")

    bank.on_deposit = fail
    async with bank.app.running() as system:
        first = await deliver(bank, system, "bad", 3)

        async def dead() -> bool:
            return bool(await letters(bank))

        await until(dead)
        bank.on_deposit = lambda event: None
        await a_day_later(bank, system, "audit")
        await system.bus.append([first])
        await bank.app.settled(dead_letters=True)
        replay = Replay(bank.audit, system.stores["audit"], system.clock, system.ids, "ann")
        await replay.run((await replay.begin(LetterFilter(), Pace(), "")).id)
        await handled(bank, 1)
        assert sum((await parked(bank))[:5]) == 0


async def test_a_call_outside_is_not_made_again_after_the_window(tmp_path: Path) -> None:
    """It would be made before the transaction that refuses the message."""
    bank = made(tmp_path, "", order="none")
    (binding,) = bank.audit.declared.bindings
    bank.audit.declared.bindings[:] = [replace(binding, concurrency=2)]
    bank.app = App(bank.bank, bank.audit, settings=Settings(data=tmp_path))
    async with bank.app.running() as system:
        first = await deliver(bank, system, "first", 3)
        await handled(bank, 1)
        await a_day_later(bank, system, "audit")
        await system.bus.append([first])

        async def dead() -> bool:
            return bool(await letters(bank))

        await until(dead)
        assert bank.calls == ["first"]


async def test_a_group_that_is_put_to_the_start_handles_all_of_it_again(tmp_path: Path, store: str) -> None:
    """An operator has decided so; later messages are checked as before."""
    bank = made(tmp_path, store, order="none")
    async with bank.app.running() as system:
        await deliver(bank, system, "first", 3)
        await handled(bank, 1)
        await bank.app.settled()
        await a_day_later(bank, system, "audit")
    async with bank.app.running(roles=()) as system:
        await pause_group(system.stores["audit"], reason="", by="ann")
        await reset_group(system.stores["audit"], system.bus, "test.bank.events", "start", reason="", by="ann")
        await resume_group(system.stores["audit"], reason="", by="ann")
    async with bank.app.running() as system:
        await handled(bank, 2)
        assert not await letters(bank)

"""Effects happen once: through repeats, failures, refusals and redeliveries, on the real store and the real log."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.integration.conftest import Bank

from partita import Conflict, PartitaError, Retry
from partita.bus.port import Outgoing, Record
from partita.errors import MessageTooLarge
from partita.message import envelope_from_bytes, envelope_to_bytes


async def test_the_same_idempotency_key_is_the_same_effect_and_the_same_answer(bank: Any) -> None:
    """A client that lost its answer asks again: it must get the first answer and move no money."""
    async with bank.app.running():
        first = await bank.app.send(bank.Deposit(name="ann", cents=5), idempotency_key="k")
        again = await bank.app.send(bank.Deposit(name="ann", cents=5), idempotency_key="k")
        await bank.app.settled()
        assert first == again
        assert await bank.rows("bank", "SELECT cents FROM account") == [{"cents": 5}]
        assert await bank.rows("audit", "SELECT name FROM entry") == [{"name": "ann"}]


async def test_an_answer_is_remembered_across_a_restart(bank: Any) -> None:
    """The crash between commit and answer: the repeat comes to another process."""
    async with bank.app.running():
        first = await bank.app.send(bank.Deposit(name="ann", cents=5), idempotency_key="k")
    async with bank.app.running():
        assert await bank.app.send(bank.Deposit(name="ann", cents=5), idempotency_key="k") == first
        assert await bank.rows("bank", "SELECT cents FROM account") == [{"cents": 5}]


async def test_the_same_key_with_another_content_is_a_conflict(bank: Any) -> None:
    """With the first reply the client would believe that its second order was placed."""
    async with bank.app.running():
        await bank.app.send(bank.Deposit(name="ann", cents=5), idempotency_key="k")
        with pytest.raises(Conflict):
            await bank.app.send(bank.Deposit(name="ann", cents=6), idempotency_key="k")
        assert await bank.rows("bank", "SELECT cents FROM account") == [{"cents": 5}]


async def test_a_refusal_undoes_what_its_handler_wrote_and_nothing_else(bank: Any) -> None:
    """The refusing handler wrote first; its neighbours in the same transaction must keep their writes."""
    async with bank.app.running():
        sends = [bank.app.send(bank.Deposit(name=f"n{i}", cents=2000 if i == 3 else 5)) for i in range(8)]
        answers = await asyncio.gather(*sends, return_exceptions=True)
        assert [isinstance(a, bank.TooMuch) for a in answers] == [i == 3 for i in range(8)]
        assert answers[3].limit == 1000
        rows = await bank.rows("bank", "SELECT name FROM account ORDER BY name")
        assert [r["name"] for r in rows] == [f"n{i}" for i in range(8) if i != 3]


async def test_a_refusal_of_a_handler_that_calls_outside_undoes_what_it_wrote(tmp_path: Path) -> None:
    """Its transaction opens at its first statement. The refusal commits, and the earlier writes of the handler do
    not."""
    bank = Bank(tmp_path / "data", outside=4)
    async with bank.app.running():
        with pytest.raises(bank.TooMuch):
            await bank.app.send(bank.Deposit(name="ann", cents=2000))
        await bank.app.send(bank.Deposit(name="bob", cents=5))
        assert await bank.rows("bank", "SELECT name, cents FROM account") == [{"name": "bob", "cents": 5}]


async def test_a_repeated_refusal_is_refused_again(bank: Any) -> None:
    """The refusal is an answer like any other: it is kept, and not decided again."""
    async with bank.app.running():
        for _ in range(2):
            with pytest.raises(bank.TooMuch):
                await bank.app.send(bank.Deposit(name="ann", cents=2000), idempotency_key="k")


async def test_a_copy_of_a_message_on_the_log_is_dropped(bank: Any) -> None:
    """A relay that died between append and mark sends again, with the same id."""
    async with bank.app.running():
        await bank.app.send(bank.Deposit(name="ann", cents=5))
        await bank.app.settled()
        record = await _only_record(bank)
        envelope = envelope_from_bytes(record.headers)
        await bank.app.bus.append([Outgoing(record.topic, record.key, record.headers, record.value, envelope.id)] * 3)
        await bank.app.settled()
        assert await bank.rows("audit", "SELECT count(*) AS n FROM entry") == [{"n": 1}]


async def test_copies_in_one_batch_are_one_message(tmp_path: Path) -> None:
    """A group without order knows them by their id alone."""
    bank = Bank(tmp_path / "data", order="none")
    async with bank.app.running(services=["bank"]):
        await bank.app.send(bank.Deposit(name="ann", cents=5))
        await bank.app.settled()
        record = await _only_record(bank)
        copy = Outgoing(record.topic, record.key, record.headers, record.value, "copy")
        await bank.app.bus.append([copy] * 3)
    async with bank.app.running():
        await bank.app.settled()
        assert await bank.rows("audit", "SELECT count(*) AS n FROM entry") == [{"n": 1}]


async def test_a_late_copy_is_known_by_its_number_when_its_mark_is_gone(bank: Any) -> None:
    """Without time limit for keyed events in groups that keep order (G3)."""
    async with bank.app.running():
        await bank.app.send(bank.Deposit(name="ann", cents=5))
        await bank.app.settled()
        record = await _only_record(bank)
        store = bank.app.store("audit")
        async with store.transaction() as session:
            assert await session.inbox.purge(await store.now_us() + 1, 100) == 1
        await bank.app.bus.append([Outgoing(record.topic, record.key, record.headers, record.value, "copy")])
        await bank.app.settled()
        assert await bank.rows("audit", "SELECT count(*) AS n FROM entry") == [{"n": 1}]


async def test_the_same_id_with_another_content_becomes_a_dead_letter(bank: Any) -> None:
    """It is not a duplicate: to drop it would lose a message, to handle it would break the promise."""
    async with bank.app.running():
        await bank.app.send(bank.Deposit(name="ann", cents=5))
        await bank.app.settled()
        record = await _only_record(bank)
        await bank.app.bus.append([Outgoing(record.topic, record.key, record.headers, record.value + b"", "x")])
        other = bytes([record.value[0], *record.value[1:-1], record.value[-1] ^ 2])
        await bank.app.bus.append([Outgoing(record.topic, record.key, record.headers, other, "y")])
        await bank.app.settled(dead_letters=True)
        async with bank.app.store("audit").reading() as session:
            letters = await session.dead_letters.find()
        assert [letter.cause_type for letter in letters] == ["Conflict"]
        assert letters[0].value == other


async def test_a_failing_message_becomes_a_dead_letter_and_stops_nothing_else(bank: Any) -> None:
    """Its key may wait, the others go on; the letter keeps bytes, cause, stack and the exact number of tries."""

    def fail(event: Any) -> None:
        if event.name == "bad":
            raise ValueError("cannot")

    bank.on_deposit = fail
    bank.audit.retry = Retry(delays=())
    async with bank.app.running():
        for i in range(10):
            await bank.app.send(bank.Deposit(name="bad" if i == 4 else f"n{i}", cents=5))
        await bank.app.settled(dead_letters=True)
        assert await bank.rows("audit", "SELECT count(*) AS n FROM entry") == [{"n": 9}]
        async with bank.app.store("audit").reading() as session:
            (letter,) = await session.dead_letters.find()
        assert (letter.cause_type, letter.cause, letter.key, letter.attempts) == ("ValueError", "cannot", "bad", 4)
        assert "raise ValueError" in letter.stack
        assert envelope_from_bytes(letter.headers).id == letter.message_id, "it can be replayed"
        assert bank.calls.count("bad") == 1 + bank.audit.retry.in_place


async def test_a_message_that_fails_twice_and_then_works_is_handled_once(bank: Any) -> None:
    """Retries in place: the writes of the failed tries are gone."""
    left = [2]

    def fail(event: Any) -> None:
        if left[0]:
            left[0] -= 1
            raise OSError("away for a moment")

    bank.on_deposit = fail
    async with bank.app.running():
        await bank.app.send(bank.Deposit(name="ann", cents=5))
        await bank.app.settled()
        assert await bank.rows("audit", "SELECT count(*) AS n FROM entry") == [{"n": 1}]
        async with bank.app.store("audit").reading() as session:
            assert not await session.dead_letters.find()


async def test_order_of_a_key_is_kept_around_a_failing_message(bank: Any) -> None:
    """A message that is tried again holds its key back, so that nothing of that key passes it."""
    left = [2]

    def fail(event: Any) -> None:
        if event.cents == 1 and left[0]:
            left[0] -= 1
            raise OSError("away for a moment")

    bank.on_deposit = fail
    async with bank.app.running(roles=()):
        for i in range(5):
            await bank.app.send(bank.Deposit(name="ann", cents=i))
    async with bank.app.running():
        await bank.app.settled()
        rows = await bank.rows("audit", "SELECT cents FROM entry ORDER BY rowid")
        assert [r["cents"] for r in rows] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("later", [False, True], ids=["behind it in its batch", "coming while it is tried"])
async def test_messages_without_numbers_keep_their_order_around_a_failing_one(bank: Any, later: bool) -> None:
    """A participant in another language gives no numbers: only the lane of the key holds its messages back."""
    failing = asyncio.Event()

    def fail(event: Any) -> None:
        if event.cents == 1 and not failing.is_set():
            failing.set()
            raise OSError("away for a moment")

    async with bank.app.running(services=["bank"]):
        for cents in range(5):
            await bank.app.send(bank.Deposit(name="ann", cents=cents))
        await bank.app.settled()
        records = await _all_records(bank)
    foreign = []
    for n, record in enumerate(records):
        envelope = envelope_from_bytes(record.headers)
        envelope.id, envelope.key_sequence = f"foreign-{n}", 0
        foreign.append(Outgoing(record.topic, record.key, envelope_to_bytes(envelope), record.value, envelope.id))
    async with bank.app.running():
        await bank.app.settled()
        bank.on_deposit = fail
        await bank.app.bus.append(foreign[:2] if later else foreign)
        if later:
            await asyncio.wait_for(failing.wait(), 10)
            await bank.app.bus.append(foreign[2:])
        await bank.app.settled()
        rows = await bank.rows("audit", "SELECT cents FROM entry ORDER BY rowid")
    assert [row["cents"] for row in rows] == [*range(5), *range(5)]


async def test_bytes_that_are_no_message_are_kept_raw(bank: Any) -> None:
    """Malformed headers, a value cut short, an unknown schema: each a dead letter, and the group goes on."""
    async with bank.app.running():
        await bank.app.send(bank.Deposit(name="ann", cents=5))
        await bank.app.settled()
        good = await _only_record(bank)
        unknown = good.headers.replace(envelope_from_bytes(good.headers).schema.encode(), b"f" * 16)
        no_text = good.headers.replace(b"test.bank.v1", b"tes\xff.bank.v1")
        assert no_text != good.headers
        bad = [(b"\xff\xfe", b"\x00\x01"), (good.headers, good.value[:-2]), (unknown, good.value), (no_text, b"text")]
        bad = [(h.replace(b"test.bank.v1.Deposited", b"test.bank.v1.Deposited"), v) for h, v in bad]
        await bank.app.bus.append([Outgoing(good.topic, f"k{i}", h, v, f"id{i}") for i, (h, v) in enumerate(bad)])
        await bank.app.send(bank.Deposit(name="bob", cents=5))
        await bank.app.settled(dead_letters=True)
        assert await bank.rows("audit", "SELECT count(*) AS n FROM entry") == [{"n": 2}]
        async with bank.app.store("audit").reading() as session:
            letters = await session.dead_letters.find()
        assert {letter.value for letter in letters} >= {b"\x00\x01", good.value[:-2], b"text"}
        assert "Malformed" in {letter.cause_type for letter in letters}


async def test_a_key_no_database_could_index_is_refused_where_it_is_sent(bank: Any) -> None:
    """It is not half stored, and the receiver, whose group it would stop, never gets it."""
    async with bank.app.running():
        with pytest.raises(MessageTooLarge, match="key of test.bank.v1.Deposited has 2,001 bytes"):
            await bank.app.send(bank.Deposit(name="x" * 2_001, cents=5))
        await bank.app.send(bank.Deposit(name="\u00e4" * 1_000, cents=5))
        await bank.app.settled()
        assert len(await bank.rows("audit", "SELECT * FROM entry")) == 1


async def test_a_payload_of_ten_megabytes_is_refused_at_emit(bank: Any) -> None:
    """The sender gets the error, with the size and the limit, and not a program on the way."""
    async with bank.app.running():
        with pytest.raises(PartitaError, match="limit is"):
            await bank.app.send(bank.Deposit(name="ann", cents=5, note="x" * 10_000_000))
        assert await bank.rows("bank", "SELECT count(*) AS n FROM account") == [{"n": 0}]


async def test_waves_and_serial_runs_leave_the_same_tables(tmp_path: Path) -> None:
    """Handlers driven side by side must be equal to handlers run one after the other."""
    from dataclasses import replace

    from tests.integration.conftest import Bank

    found = []
    for coalesce in (True, False):
        bank = Bank(tmp_path / str(coalesce))
        app = bank.app = bank.app.configured(replace(bank.app.settings, coalesce=coalesce))
        async with app.running():
            sends = [app.send(bank.Deposit(name=f"n{i % 7}", cents=i % 3 * 900)) for i in range(60)]
            await asyncio.gather(*sends, return_exceptions=True)
            await app.settled()
            found.append(
                (
                    await bank.rows("bank", "SELECT name, cents FROM account ORDER BY name"),
                    await bank.rows("audit", "SELECT name, cents FROM entry ORDER BY name, cents"),
                )
            )
    assert found[0] == found[1]


async def test_settled_says_what_is_outstanding_when_time_runs_out(bank: Any) -> None:
    """A wait that ends without success must say why."""
    async with bank.app.running(roles=()):
        await bank.app.send(bank.Deposit(name="ann", cents=5))
        with pytest.raises(PartitaError, match="1 rows in the outbox of bank"):
            await bank.app.settled(0.1)


async def test_old_bytes_of_an_envelope_are_handled_and_newer_ones_wait_for_an_operator(bank: Any) -> None:
    """A topic has records of each version; one of a program that is newer than this is a dead letter that says so."""
    async with bank.app.running():
        await bank.app.send(bank.Deposit(name="ann", cents=5))
        await bank.app.settled()
        good = await _only_record(bank)
        envelope = envelope_from_bytes(good.headers)
        envelope.id, envelope.source, envelope.key_sequence = "old", "elsewhere", 1
        fields = {name: getattr(envelope, name) for name in envelope.__struct_fields__}
        named = msgspec.msgpack.encode(fields)
        newer = good.headers[:1] + b"\x02" + good.headers[2:]
        await bank.app.bus.append(
            [Outgoing(good.topic, "ann", named, good.value, "old"), Outgoing(good.topic, "b", newer, good.value, "new")]
        )
        await bank.app.settled(dead_letters=True)
        assert await bank.rows("audit", "SELECT count(*) AS n FROM entry") == [{"n": 2}]
        async with bank.app.store("audit").reading() as session:
            (letter,) = await session.dead_letters.find()
    assert letter.headers == newer and "version 2 of the envelope" in letter.cause


async def _only_record(bank: Any) -> Any:
    return (await _all_records(bank))[0]


async def _all_records(bank: Any) -> Sequence[Record]:
    subscription = bank.app.bus.subscribe("probe", [bank.bank.events_topic], "probe")
    polled = await subscription.poll(100)
    await subscription.close()
    return polled.records

"""Cases of a store about pending commands, and about the marks that they keep; part of the store's suite."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from partita.store.pending import PendingCommand
from partita.store.port import Session
from partita.testing.conformance.rows import ODD_KEYS, Case, OpenStore, inbox_row, opened

STEP = ("Saga", "s1", "offer")


def pending_row(
    reply_to: str, step: tuple[str, str, str] = STEP, at_us: int = 1, key: str | None = "k"
) -> PendingCommand:
    """A command that waits for its answer."""
    return PendingCommand(reply_to, "type", "topic", key, b"headers\0", b"\0value", *step, b"business", at_us)


async def waiting(session: Session) -> Sequence[str]:
    """The ids of the open ones, in order."""
    return [row.reply_to for row in await session.pending.find()]


async def a_pending_command_keeps_its_bytes_until_its_answer(open_store: OpenStore) -> None:
    """The answer leaves with the address of the command, days later; another process gives it."""
    given = [pending_row(f"c{n}", ("", "", ""), n, key) for n, key in enumerate([None, *ODD_KEYS])]
    async with opened(open_store) as one, opened(open_store) as two:
        async with one.transaction() as session:
            await session.pending.add(given)
        async with two.transaction() as session:
            assert [await session.pending.hold(row.reply_to) for row in given] == given, "a row was changed"
            assert await session.pending.hold("c") is None, "another's row was found"
            assert await waiting(session) == [row.reply_to for row in given], "the oldest come first"
            assert [row.reply_to for row in await session.pending.find(limit=2)] == ["c0", "c1"]
            await session.pending.answer("c1", b"answer\0", "dan", 7)
        async with one.reading() as session:
            answered = given[1]._replace(state="answered", answer=b"answer\0", by="dan", closed_us=7)
            assert await session.pending.hold("c1") == answered
            assert await session.pending.find(state="answered") == [answered]
            assert "c1" not in await waiting(session)
        async with one.transaction() as session:
            await session.pending.add([given[1]])
            assert await session.pending.hold("c1") == given[1], "a command that was handled again waits again"


async def an_undo_closes_open_commands_of_its_steps_alone(open_store: OpenStore) -> None:
    """A step of the same name is another one in another instance, and in another saga; an answer stays an answer."""
    others = [("Saga", "s1", "pay"), ("Saga", "s2", "offer"), ("Other", "s1", "offer"), ("", "", "")]
    async with opened(open_store) as store:
        async with store.transaction() as session:
            await session.pending.add([pending_row("mine"), pending_row("before", at_us=2)])
            await session.pending.add([pending_row(f"other{n}", step, 9) for n, step in enumerate(others)])
            await session.pending.answer("before", b"answer", "dan", 3)
            running = await session.pending.undo([STEP], 7, but=[pending_row("mine").type])
            assert [row.reply_to for row in running] == ["mine"], "those that a saga carries out"
            assert (await session.pending.hold("mine")) == pending_row("mine"), "the command of a saga stays open"
            closed = await session.pending.undo([STEP, ("Saga", "s9", "offer")], 8)
            assert [row.reply_to for row in closed] == ["mine"], "the rows that it closes"
            assert await session.pending.undo([STEP], 9) == [], "a second undo closes none"
            assert await session.pending.undo([], 9) in ([], ()), "of no steps"
        async with store.reading() as session:
            assert await session.pending.hold("mine") == pending_row("mine")._replace(state="undone", closed_us=8)
            before = await session.pending.hold("before")
            assert before is not None and before.state == "answered", "an answer was taken back"
            assert await waiting(session) == [f"other{n}" for n in range(len(others))], "another step was undone"


async def an_open_command_is_never_forgotten(open_store: OpenStore) -> None:
    """A person decides after weeks; closed ones are forgotten by the time when they were closed."""
    async with opened(open_store) as store, store.transaction() as session:
        assert await session.pending.status() == (0, 0)
        await session.pending.add([pending_row(f"c{n}", ("Saga", f"s{n}", "offer"), 3 + n) for n in range(6)])
        assert await session.pending.status() == (6, 3), "the oldest of all"
        for n in range(4):
            await session.pending.answer(f"c{n}", b"answer", "", 10 + n)
        await session.pending.undo([("Saga", "s4", "offer")], 14)
        assert await session.pending.purge(10, 10) == 0, "only old ones are forgotten"
        assert await session.pending.purge(13, 2) == 2, "a batch has its limit"
        assert await session.pending.purge(13, 2) == 1
        assert await session.pending.purge(1_000, 10) == 2, "an undone one is forgotten as well"
        assert await waiting(session) == ["c5"], "an open one is gone"
        assert await session.pending.status() == (1, 8), "closed ones do not wait"


async def open_commands_are_found_by_key_and_counted_by_step(open_store: OpenStore) -> None:
    """For an operator: the key is that of the command, or of the saga that sent it. Closed ones do not count."""
    rows = [pending_row(f"c{n}", ("Saga", key, "offer"), 3 + n, "other") for n, key in enumerate(ODD_KEYS)]
    rows += [pending_row("alone", ("", "", ""), 2, "k1"), pending_row("empty", ("", "", ""), 99, "")]
    async with opened(open_store) as store, store.transaction() as session:
        await session.pending.add(rows)
        for n, key in enumerate(ODD_KEYS):
            found = await session.pending.find(key=key)
            assert f"c{n}" in [row.reply_to for row in found], f"{key!r} is not found"
            assert all(key in (row.key, row.saga_id) for row in found), f"another than {key!r} is found"
        assert [row.reply_to for row in await session.pending.find(key="k1")] == ["alone"]
        assert "alone" not in [row.reply_to for row in await session.pending.find(key="")], "no saga is no key"
        assert len(await session.pending.find(key="other", limit=2)) == 2, "it has its limit"
        assert await session.pending.of_ids(["alone", "c0", "c"]) == [rows[-2], rows[0]]
        assert await session.pending.of_ids([]) == []
        sent = await session.pending.of_sagas([*ODD_KEYS, "", "k1"])
        assert sorted(row.reply_to for row in sent) == sorted(f"c{n}" for n in range(len(ODD_KEYS)))
        assert await session.pending.of_sagas([]) == []
        await session.pending.answer("alone", b"answer", "dan", 100)
        assert [row.state for row in await session.pending.of_ids(["alone"])] == ["answered"]
        assert await session.pending.find(key="k1") == []
        assert await session.pending.ages() == [
            ("type", "Saga", "offer", len(ODD_KEYS), 3),
            ("type", "", "", 1, 99),
        ]
        assert len(await session.pending.ages(1)) == 1


async def the_mark_of_a_pending_command_stays(open_store: OpenStore) -> None:
    """However old it is, a copy of its command is known. With the answer its window begins again: the copy is known for as long
    as that of any other command."""
    async with opened(open_store) as store, store.transaction() as session:
        await session.inbox.mark([inbox_row(f"m{n}", at_us=n) for n in range(6)])
        await session.inbox.resolve("group", [("m0", "pending", b"content"), ("m1", "pending", None)])
        assert await session.inbox.purge(4, 10) == 2, "the marks beside them"
        assert (await session.inbox.seen("group", ["m0"]))["m0"].outcome == "pending", "its mark is gone"
        await session.inbox.renew("group", [("m0", "handled", b"reply"), ("m1", "refused", None)], 50)
        found = await session.inbox.seen("group", ["m0", "m1"])
        assert (found["m0"].outcome, found["m0"].reply, found["m0"].at_us) == ("handled", b"reply", 50)
        assert (found["m1"].outcome, found["m1"].at_us) == ("refused", 50)
        assert await session.inbox.newest_us() == 50
        assert await session.inbox.purge(50, 2) == 2, "renewed marks hold up those behind them"
        assert set(await session.inbox.seen("group", [f"m{n}" for n in range(6)])) == {"m0", "m1"}
        assert await session.inbox.purge(51, 10) == 2, "its window ends"


async def an_undo_waits_for_the_answer_before_it(open_store: OpenStore) -> None:
    """Then the handler of the undo sees what came with the answer; and an answer sees the undo before it."""
    async with opened(open_store) as one, opened(open_store) as two:
        async with one.transaction() as session:
            await session.pending.add([pending_row("c1"), pending_row("c2", ("Saga", "s2", "offer"))])

        async def undo() -> Sequence[PendingCommand]:
            async with two.transaction() as session:
                return await session.pending.undo([STEP], 5)

        async def state() -> str:
            async with two.transaction() as session:
                row = await session.pending.hold("c2")
                assert row is not None
                return row.state

        async with one.transaction() as session:
            assert await session.pending.hold("c1")
            undoing = asyncio.ensure_future(undo())
            await asyncio.wait([undoing], timeout=0.2)
            await session.pending.answer("c1", b"answer", "dan", 4)
        assert await asyncio.wait_for(undoing, 10) == [], "it passed the answer"
        async with one.transaction() as session:
            await session.pending.undo([("Saga", "s2", "offer")], 6)
            answering = asyncio.ensure_future(state())
            await asyncio.wait([answering], timeout=0.2)
        assert await asyncio.wait_for(answering, 10) == "undone", "an answer passed the undo"


CASES: tuple[Case, ...] = (
    a_pending_command_keeps_its_bytes_until_its_answer,
    an_undo_closes_open_commands_of_its_steps_alone,
    an_open_command_is_never_forgotten,
    open_commands_are_found_by_key_and_counted_by_step,
    the_mark_of_a_pending_command_stays,
    an_undo_waits_for_the_answer_before_it,
)
"""Part of the suite of `partita.testing.conformance.store`."""

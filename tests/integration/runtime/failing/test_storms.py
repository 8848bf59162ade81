"""Thousands of failures, of every kind, make few dead letters and hold up no other message; a single one is a letter
at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.integration.desk import Desk
from tests.virtual_time import virtually
from tests.waiting import until

from partita import Retry
from partita.bus.port import Outgoing
from partita.errors import StoreUnavailable
from partita.observability.why import why_group

MANY = 1_500
PATIENT = Retry(in_place=0, delays=(), permanent=(ValueError,), storm=20, storm_pause_s=1.0)


def undecodable(desk: Desk, number: int, with_envelope: bool) -> Outgoing:
    record = desk.record(desk.Moved(key=f"k{number}", number=99), 1)
    return record._replace(value=b"\xff", headers=record.headers if with_envelope else b"\xff")


@pytest.mark.parametrize("with_envelope", [True, False])
@virtually
async def test_bytes_that_cannot_be_read_are_kept_and_make_few_letters(tmp_path: Path, with_envelope: bool) -> None:
    """A broken deployment upstream: all of them are in the parking, unchanged, and other messages are handled."""
    desk = Desk(tmp_path / "data", retry=PATIENT)
    async with desk.app.running():
        await desk.app.bus.append([undecodable(desk, n, with_envelope) for n in range(MANY)])

        async def all_kept() -> bool:
            async with desk.app.store("desk").reading() as session:
                waiting = (await session.parking.status("desk")).waiting
            return waiting + len(await desk.letters("")) == MANY

        await until(all_kept, why=desk.why)
        letters = len(await desk.letters(""))
        async with desk.app.store("desk").reading() as session:
            said = await why_group(session, "desk", 0)
        assert 19 <= letters < 60, f"{letters} letters"
        assert any("one at a time" in each for each in said)
        await desk.append(desk.record(desk.Moved(key="good", number=1), 1))
        await desk.until_done(1)


@virtually
async def test_errors_that_nothing_heals_make_few_letters_when_they_come_by_the_hundred(tmp_path: Path) -> None:
    """Declared permanent, and raised by all messages of a type: a broken release, not that many poison messages."""
    desk = Desk(tmp_path / "data", retry=PATIENT)
    async with desk.app.running():
        records = [desk.record(desk.Moved(key=f"k{n}", number=99, fate="fails"), 1) for n in range(900)]
        await desk.app.bus.append(records)

        async def stormy() -> bool:
            async with desk.app.store("desk").reading() as session:
                return bool(await session.groups.said("desk"))

        await until(stormy, why=desk.why)
        await desk.append(desk.record(desk.Shipped(key="good", number=1, parcel="p1"), 1))
        await desk.until_done(1)
        assert 19 <= len(await desk.letters("")) < 60
        desk.healed.add(99)

        async def settled() -> bool:
            async with desk.app.store("desk").reading() as session:
                (row,) = await session.fetch("SELECT count(*) AS n FROM done WHERE number = 99", {})
            return int(row["n"]) + len(await desk.letters("")) == 900

        await until(settled, why=desk.why)


@pytest.mark.slow
@virtually
async def test_where_every_second_fails_few_are_letters(tmp_path: Path) -> None:
    """Never twenty in a row, and a storm nevertheless."""
    desk = Desk(tmp_path / "data", retry=Retry(in_place=0, delays=(), storm=20, storm_pause_s=1.0))
    async with desk.app.running():
        records = [
            desk.record(desk.Moved(key=f"k{n}", number=60 + n % 2, fate="fails" if n % 2 else ""), 1)
            for n in range(900)
        ]
        await desk.app.bus.append(records)

        async def some_done() -> bool:
            async with desk.app.store("desk").reading() as session:
                (row,) = await session.fetch("SELECT count(*) AS n FROM done", {})
            return int(row["n"]) >= 60

        await until(some_done, why=desk.why)

        async def stormy() -> bool:
            async with desk.app.store("desk").reading() as session:
                return bool(await session.groups.said("desk"))

        await until(stormy, why=desk.why)
        assert len(await desk.letters("")) < 200
        desk.healed.add(61)

        async def settled() -> bool:
            async with desk.app.store("desk").reading() as session:
                (row,) = await session.fetch("SELECT count(*) AS n FROM done", {})
            return int(row["n"]) + len(await desk.letters("")) == 900

        await until(settled, why=desk.why)


@pytest.mark.parametrize("how", ["fails", "undecodable"])
@virtually
async def test_one_poison_message_among_good_ones_is_a_letter_at_once(how: str, tmp_path: Path) -> None:
    """However many of them come over time."""
    desk = Desk(tmp_path / "data", retry=PATIENT)

    def record(number: int) -> Any:
        if number % 10:
            return desk.record(desk.Moved(key=f"g{number}", number=60), 1)
        if how == "undecodable":
            return undecodable(desk, number, True)
        return desk.record(desk.Moved(key=f"k{number}", number=61, fate="fails"), 1)

    async with desk.app.running():
        for first in range(0, 400, 50):
            await desk.app.bus.append([record(n) for n in range(first, first + 50)])
            await desk.until_letters(first // 10 + 5)
        async with desk.app.store("desk").reading() as session:
            assert not await session.groups.said("desk")


@virtually
async def test_the_end_of_a_storm_is_said_though_the_database_does_not_answer_at_once(tmp_path: Path) -> None:
    """Without such a report it would stay in the alerts for as long as the process lives."""
    desk = Desk(tmp_path / "data", retry=Retry(in_place=0, delays=(), storm=2, storm_pause_s=0.05))
    async with desk.app.running():
        lanes: Any = desk.app.system.consumers["desk"].lanes
        say, refused = lanes._state, [1]

        async def once_refused(what: str, subject: str, detail: str | None) -> None:
            if detail is None and refused:
                refused.clear()
                raise StoreUnavailable("It is away.")
            await say(what, subject, detail)

        lanes._state = once_refused
        fails = [desk.record(desk.Moved(key=f"k{n}", number=99, fate="fails"), 1) for n in range(2)]
        await desk.app.bus.append(fails)

        async def stormy() -> bool:
            async with desk.app.store("desk").reading() as session:
                return bool(await session.groups.said("desk"))

        await until(stormy, why=desk.why)
        desk.healed.add(99)

        async def over() -> bool:
            return not refused and not await stormy()

        await until(over, why=desk.why)

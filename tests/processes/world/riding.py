"""Rides whose drivers accept, decline, stay silent, accept late or twice, or press both buttons, while all processes are killed.

The app is `partita.examples.rides` as it is.
"""

from __future__ import annotations

import asyncio
import os
import re
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.processes.world.deeds import Deed, Deeds
from tests.processes.world.member import LOOK_S, its_turn, surely
from tests.processes.world.mortal import MortalApp
from tests.waiting import the_time

from partita import App, Conflict
from partita.examples.proof.facts import Messages
from partita.examples.proof.reading import Fetch
from partita.examples.rides import app as example
from partita.examples.rides.messages import (
    AcceptRide,
    CompleteRide,
    DeclineRide,
    DriverId,
    FillAccount,
    MoveDriver,
    NotOnTheWay,
    OfferGone,
    RequestRide,
    RideId,
    RiderId,
)
from partita.examples.rides.sagas import BookRide

SCALE = float(os.environ.get("WORLD_SCALE") or 0.1)
"""A minute of the sagas is six seconds, which is the time that all drivers of a ride have together."""
TIME_S = 60.0 * SCALE
COUNT = int(os.environ.get("WORLD_COUNT", "16"))
LATE_S = TIME_S * 1.2
ZONES = 3
DRIVERS = max(4, COUNT // 15)
"""The drivers of each zone; each but one wants to see a ride before taking it."""
FILLED_CENTS, FARE_CENTS = 100_000, 1_250
SERVED_BY_PEOPLE = ("rides", "drivers", "payments")
CANCELS_EVERY = 7
PRESSES: tuple[tuple[tuple[float, str], ...], ...] = (
    ((0.3, "accept"),),
    ((0.3, "accept"), (0.4, "accept again")),
    ((0.4, "decline"),),
    ((0.3, "accept"), (0.4, "decline")),
    ((0.3, "decline"), (0.4, "accept")),
    (),
    ((LATE_S, "accept"),),
    ((TIME_S - 0.1, "accept"),),
)
SEES = " sees the ride"
app: App = example.app


def presses_of(driver: str, ride: str) -> tuple[tuple[float, str], ...]:
    """The buttons that a driver presses when the phone shows a ride, with the seconds after that."""
    return PRESSES[zlib.crc32(f"{driver}/{ride}".encode()) % len(PRESSES)]


def ride_of(number: int) -> RideId:
    """The id of a ride."""
    return RideId(f"ride-{number}")


def is_over(deeds: Deeds) -> bool:
    """Whether each ride was requested and has its end, and each driver that was shown a ride has pressed each of its buttons."""
    all_of_them = deeds.all()
    done = Counter(deed.about for deed in all_of_them if deed.what in ("request", "end"))
    pressed = Counter((deed.about, deed.what.split()[0]) for deed in all_of_them if deed.what.startswith("driver-"))
    shown = [(deed.about, deed.what.split()[0]) for deed in all_of_them if deed.what.endswith(SEES)]
    are_over = all(pressed[place] > len(presses_of(place[1], place[0])) for place in shown)
    return are_over and all(done[ride_of(number)] >= 2 for number in range(COUNT))


async def live(system: MortalApp, data: Path) -> None:
    """The riders' and the drivers' phones. A deed that has a result already is not done again."""
    for number in range(ZONES * DRIVERS):
        moves = MoveDriver(
            driver_id=DriverId(f"driver-{number}"),
            zone=f"zone-{number % ZONES}",
            seen_ms=1,
            asks_first=number < ZONES * (DRIVERS - 1),
        )
        await surely(partial(system.send, moves, idempotency_key=f"driver-{number} moves"))
    deeds = Deeds(data / "deeds")
    await asyncio.gather(_drivers(system, deeds), *(_rider(system, data, number) for number in range(COUNT)))


async def _rider(system: MortalApp, data: Path, number: int) -> None:
    deeds = Deeds(data / "deeds")
    ride, rider = ride_of(number), RiderId(f"rider-{number % 5}")
    done = {deed.what for deed in deeds.all() if deed.about == ride}
    if "request" not in done:
        await its_turn(data, number / COUNT)
        fills = FillAccount(rider_id=rider, cents=FILLED_CENTS)
        await surely(partial(system.send, fills, idempotency_key=f"slip of {rider}"))
        asks = RequestRide(ride_id=ride, rider_id=rider, zone=f"zone-{number % ZONES}", fare_cents=FARE_CENTS)
        await surely(partial(system.send, asks))
        deeds.add(ride, "request", "ok")
    if number % CANCELS_EVERY == 3 and "cancel" not in done:
        await _until(lambda: _rows(system, "rides", "SELECT 1 AS n FROM saga WHERE saga_id = :ride", ride=ride))
        found = await surely(partial(system.cancel, BookRide, ride, reason="no time", by=rider), Conflict)
        deeds.add(ride, "cancel", _result(found))
    if "end" not in done:
        ended = "SELECT status FROM ride WHERE ride_id = :ride AND status <> 'requested'"
        (row,) = await _until(lambda: _rows(system, "rides", ended, ride=ride))
        result = row["status"]
        if result != "cancelled":
            arrives = CompleteRide(ride_id=ride)
            found = await surely(partial(system.send, arrives, idempotency_key=f"end of {ride}"), NotOnTheWay)
            result = _result(found)
        deeds.add(ride, "end", result)


async def _drivers(system: MortalApp, deeds: Deeds) -> None:
    """Every driver sees an offer once; its presses are repeated until they have an answer, also when the offer has gone while
    this process was dead."""
    done = {(deed.about, deed.what) for deed in deeds.all()}
    seen = {(ride, what.split()[0]) for ride, what in sorted(done) if what.endswith(SEES)}
    async with asyncio.TaskGroup() as phones:
        for place in sorted(seen):
            phones.create_task(_press(system, deeds, *place, done))
        while True:
            for row in await _rows(system, "drivers", "SELECT ride_id, driver_id FROM offer"):
                place = (row["ride_id"], row["driver_id"])
                if place not in seen:
                    seen.add(place)
                    deeds.add(place[0], f"{place[1]}{SEES}", "ok")
                    phones.create_task(_press(system, deeds, *place, done))
            await the_time(LOOK_S)


async def _press(system: MortalApp, deeds: Deeds, ride: str, driver: str, done: set[tuple[str, str]]) -> None:
    since_s = asyncio.get_running_loop().time()
    for after_s, what in presses_of(driver, ride):
        key = f"{driver} {what}"
        if (ride, key) in done:
            continue
        await the_time(since_s + after_s - asyncio.get_running_loop().time())
        press: Any = DeclineRide if what == "decline" else AcceptRide
        command = press(ride_id=RideId(ride), driver_id=DriverId(driver))
        found = await surely(partial(system.send, command, idempotency_key=f"{ride} {key}"), OfferGone, Conflict)
        deeds.add(ride, key, _result(found))


def _result(found: Any) -> str:
    return type(found).__name__ if isinstance(found, Exception) else "ok"


async def _until(look: Callable[[], Awaitable[Any]]) -> Any:
    while not (found := await look()):
        await the_time(LOOK_S)
    return found


async def _rows(system: MortalApp, service: str, sql: str, **values: str) -> list[Any]:
    async def read() -> list[Any]:
        async with system.store(service).reading() as session:
            return list(await session.fetch(sql, values))

    return list(await surely(read))


def audit(facts: Messages, deeds: Deeds, wrong: list[str]) -> dict[str, int]:
    """Judge the rides by the tables of the services and by the deeds; returns how many ended how."""
    fetch = facts.fetch
    rides: dict[str, Any] = {row[0]: row[1:] for row in fetch("rides", "SELECT ride_id, status, driver_id FROM ride")}
    booking: dict[str, str] = dict(fetch("rides", "SELECT saga_id, status FROM saga WHERE saga = 'BookRide'"))
    settling: dict[str, str] = dict(fetch("rides", "SELECT saga_id, status FROM saga WHERE saga = 'SettleTrip'"))
    holds = {row[0]: row[1:] for row in fetch("payments", "SELECT ride_id, status, cents FROM hold")}
    earned = {row[0]: row[1:] for row in fetch("drivers", "SELECT ride_id, driver_id, cents FROM earning")}
    undone = {row[0] for row in fetch("drivers", "SELECT saga_id FROM tombstone WHERE step = 'assign'")}
    done = deeds.all()
    paid = _of_payments(facts)
    wrong += _of_drivers(facts)
    for number in range(COUNT):
        ride = ride_of(number)
        end, driver = rides.get(ride, ("missing", ""))
        if (end, booking.get(ride)) not in (("completed", "completed"), ("cancelled", "undone")):
            wrong.append(f"lost: {ride} was requested and is {end}, its saga {booking.get(ride)}")
        driven = end == "completed"
        if driven != (settling.get(ride) == "completed"):
            wrong.append(f"lost: {ride} is {end}, and settled: {settling.get(ride)}")
        hold = holds.get(ride, ("none", 0))[0]
        for name, count in paid[ride].items():
            if count != 1:
                wrong.append(f"duplicate: {count} times {name} of {ride} was sent")
        if hold not in (("captured",) if driven else ("none", "voided")):
            wrong.append(f"money: {ride} is {end}, its fare is {hold}")
        if earned.get(ride) != ((driver, FARE_CENTS * 80 // 100) if driven else None):
            wrong.append(f"money: {ride} is {end} with {driver}, and earned is {earned.get(ride)}")
        mine = [deed for deed in done if deed.about == ride]
        wrong += [f"{what}: {mine}" for what in _of_deeds(mine, driver if driven else "", ride in undone)]
    for ride, driver in fetch("drivers", "SELECT ride_id, driver_id FROM driver WHERE ride_id IS NOT NULL"):
        wrong.append(f"stuck: {driver} is taken by {ride}, which is {rides.get(ride)}")
    for row in fetch("drivers", "SELECT ride_id, driver_id FROM offer"):
        wrong.append(f"stuck: an offer is left: {row}")
    _of_accounts(fetch, holds, wrong)
    _of_answers(facts, wrong)
    presses = Counter(
        f"{deed.what.partition(' ')[2]} {deed.result}".strip() for deed in done if deed.what[:6] == "driver"
    )
    return {**Counter(status for status, _ in rides.values()), **presses, "offers": len({d.about for d in done})}


def _of_deeds(deeds: list[Deed], driver: str, undone: bool) -> list[str]:
    """The errors of one ride's end beside the results on the phones; `driver` has driven it."""
    wrong: list[str] = []
    accepted = {d.what.split()[0] for d in deeds if " accept" in d.what and d.result == "ok"}
    if len(accepted) > 1 or (driver and accepted - {driver}):
        wrong.append(f"duplicate: {sorted(accepted)} had it, {driver} drove")
    if accepted and not driver and not undone:
        wrong.append("lost: it was accepted, and neither driven nor undone")
    if any(deed.what == "cancel" and deed.result == "ok" for deed in deeds) and driver:
        wrong.append("ghost: cancelled, and driven")
    if any(deed.result in ("Overtaken", "Conflict") for deed in deeds if deed.what != "cancel"):
        wrong.append("ghost: a press was refused by no refusal of its command")
    return wrong


def _of_payments(facts: Messages) -> dict[str, Counter[str]]:
    """How often each ride's fare was captured, and its driver paid."""
    found: dict[str, Counter[str]] = {ride_of(number): Counter() for number in range(COUNT)}
    for service, name in (("payments", "FareCaptured"), ("drivers", "DriverPaid")):
        for ride, *_ in facts.kept(service, name):
            found[ride][name] += 1
    return found


def _of_drivers(facts: Messages) -> list[str]:
    """A driver is assigned to a ride, and to no other before that one is released or paid for."""
    ends: dict[str, list[int]] = {}
    for ride, seq, _ in facts.kept("drivers", "DriverReleased", "DriverPaid"):
        ends.setdefault(ride, []).append(seq)
    holds: dict[str, str] = {}
    wrong: list[str] = []
    for ride, seq, payload in facts.kept("drivers", "DriverAssigned"):
        named = re.search(rb"driver-\d+", payload)  # as Avro writes a text
        assert named is not None, payload
        driver = named.group().decode()
        before = holds.get(driver)
        if before is not None and not any(end < seq for end in ends.get(before, ())):
            wrong.append(f"duplicate: {driver} is assigned to {ride}, and was not free of {before}")
        holds[driver] = ride
    return wrong


def _of_accounts(fetch: Fetch, holds: dict[str, Any], wrong: list[str]) -> None:
    free = sum(row[0] for row in fetch("payments", "SELECT free_cents FROM account"))
    filled = FILLED_CENTS * len(fetch("payments", "SELECT rider_id FROM account"))
    taken = sum(cents for status, cents in holds.values() if status != "voided")
    if free + taken != filled:
        wrong.append(f"money: {free} cents are free and {taken} taken of {filled}")


def _of_answers(facts: Messages, wrong: list[str]) -> None:
    """Each assignment leaves once; `DriverAssigned` is an answer that came at once or later."""
    for ride, count in Counter(row[0] for row in facts.kept("drivers", "DriverAssigned")).items():
        if count != 1:
            wrong.append(f"duplicate: {count} assignments of {ride} were sent")

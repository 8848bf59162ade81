"""When a storm begins and ends, and what goes its way in it: over sequences of failures and successes, with a clock that
the test owns."""

from __future__ import annotations

import pytest

from partita.clock import Clock
from partita.runtime.failing.storm import Storm


class Hands(Clock):
    """A clock that moves only when a test moves it."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class Weather:
    """A storm, with its reports."""

    def __init__(self, limit: int = 20) -> None:
        self.clock, self.told = Hands(), list[str | None]()

        async def report(error: str | None) -> None:
            self.told.append(error)

        self.storm = Storm(self.clock, limit=limit, pause_s_max=5.0, report=report)

    async def goes(self, outcomes: str, *, permanent: bool = False, each_s: float = 0.0) -> int:
        """How many of these failures (`x`; a success is `.`) go their way: a tier, a letter."""
        gone = 0
        for outcome in outcomes:
            self.clock.now += each_s
            if outcome == ".":
                await self.storm.succeeded()
            else:
                gone += not await self.storm.failed(ValueError("no"), permanent=permanent)
        return gone


@pytest.mark.parametrize("permanent", [False, True])
async def test_many_of_one_type_are_a_storm_and_few_go_their_way_before_it(permanent: bool) -> None:
    weather = Weather()
    assert await weather.goes("x" * 3_000, permanent=permanent) == 19
    assert weather.told == ["ValueError: no"]


@pytest.mark.parametrize("good", [3, 9, 99])
async def test_single_poison_among_good_ones_goes_its_way_at_once(good: int) -> None:
    """However many there are in all: one in four is no storm."""
    weather = Weather()
    assert await weather.goes(("x" + "." * good) * 200, permanent=True) == 200
    assert weather.told == []


async def test_every_second_one_is_a_storm_though_none_follow_each_other() -> None:
    weather = Weather()
    gone = await weather.goes("x." * 1_500)
    assert weather.told[0] is not None and gone < 150, "half of them fail, and nearly all went their way"


async def test_the_first_success_ends_a_storm_of_failures_only() -> None:
    """The dependency is up again: no message waits longer than it must."""
    weather = Weather()
    await weather.goes("x" * 40 + ".")
    assert weather.told == ["ValueError: no", None] and not weather.storm.raging


async def test_a_storm_that_begins_again_and_again_takes_more_successes_to_end() -> None:
    weather = Weather()
    for successes in (1, 2, 4, 8):
        await weather.goes("x" * 20)
        assert weather.storm.raging
        await weather.goes("." * (successes - 1))
        assert weather.storm.raging or successes == 1, f"it ended before {successes} successes in a row"
        await weather.goes("." if successes > 1 or weather.storm.raging else "")
        assert not weather.storm.raging


async def test_after_a_long_lull_it_is_another_storm() -> None:
    weather = Weather()
    await weather.goes("x" * 20 + "." + "x" * 20 + "..")
    await weather.goes("." * 200 + "x" * 20)
    assert weather.storm.raging
    await weather.goes(".")
    assert not weather.storm.raging


async def test_what_nothing_heals_goes_its_way_one_in_a_pause() -> None:
    """Nothing waits for ever: an hour of a storm lets as many go as it has pauses."""
    weather = Weather()
    await weather.goes("x" * 20, permanent=True)
    assert await weather.goes("x" * 3_600, permanent=True, each_s=1.0) == 720
    assert await weather.goes("x" * 100, permanent=False, each_s=5.0) == 0, "what may be healed waits"


async def test_where_others_succeed_the_one_that_fails_goes_its_way_too() -> None:
    """The message itself may be the cause: the storm would last as long as it is tried."""
    weather = Weather()
    await weather.goes("x" * 20 + "." + "x" * 20)
    assert await weather.goes("x" * 60, each_s=1.0) == 12

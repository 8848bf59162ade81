"""What a service needs of its bus is looked at before anything is opened, and an answer that a bus cannot give is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import Bank

from partita.bus.features import Feature
from partita.bus.log.bus import LogBus
from partita.errors import FeatureAbsent


@pytest.mark.parametrize(
    ("order", "lacking", "refused"),
    [
        ("key", Feature.KEY_ORDER, "bank needs a bus with order per key, partitions, comparable offsets"),
        ("key", Feature.PARTITIONS, "this bus lacks partitions"),
        ("none", Feature.OFFSETS, "this bus lacks comparable offsets"),
        ("none", Feature.REPLAY | Feature.FENCING, ""),
    ],
    ids=["order", "partitions", "offsets", "not-needed"],
)
async def test_a_service_does_not_start_on_a_bus_that_lacks_what_it_needs(
    order: str, lacking: Feature, refused: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started, it would handle messages of a key in a wrong order; and no database is made."""
    bank: Any = Bank(tmp_path / "data", order=order)
    monkeypatch.setattr(LogBus, "features", LogBus.features & ~lacking)
    if not refused:
        async with bank.app.running():
            await bank.app.send(bank.Deposit(name="a", cents=1))
        return
    with pytest.raises(FeatureAbsent, match=refused):
        async with bank.app.running():
            pass
    assert not list((tmp_path / "data").glob("*.db"))


async def test_settled_is_refused_where_the_bus_has_no_lag(bank: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty answer would be taken for "nothing is left"."""

    async def no_lag(self: LogBus, group: str | None = None) -> list[Any]:
        raise FeatureAbsent("Lag needs a bus with lag.")

    async with bank.app.running():
        await bank.app.send(bank.Deposit(name="a", cents=1))
        monkeypatch.setattr(LogBus, "lag", no_lag)
        with pytest.raises(FeatureAbsent):
            await bank.app.settled()

"""A service's required features are checked before anything is opened, and a query that a bus cannot answer is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import Bank

from partita import App
from partita.bus.features import Feature
from partita.bus.port import Bus
from partita.errors import FeatureAbsent
from partita.machine.port import Machine, Wake


class LackingBus:
    """A bus that lacks some of the features of the bus behind it."""

    def __init__(self, inner: Bus, app: LackingApp) -> None:
        self.inner, self.app = inner, app

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    @property
    def features(self) -> Feature:
        """All but those."""
        return self.inner.features & ~self.app.lacking

    async def lag(self, group: str | None = None) -> Any:
        """Refused where the bus has no lag."""
        if Feature.LAG not in self.features:
            raise FeatureAbsent("Lag needs a bus with lag.")
        return await self.inner.lag(group)


class LackingApp(App):
    """An app on such a bus."""

    lacking = Feature(0)

    def connect_bus(self, machine: Machine, wake: Wake) -> Any:
        """The bus, without these features."""
        found = super().connect_bus(machine, wake)
        return found._replace(bus=LackingBus(found.bus, self))


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
    order: str, lacking: Feature, refused: str, tmp_path: Path
) -> None:
    """A started service would handle messages of a key in a wrong order. No database is made either."""
    bank: Any = Bank(tmp_path / "data", order=order)
    bank.app = LackingApp(*bank.app.services, settings=bank.app.settings)
    bank.app.lacking = lacking
    if not refused:
        async with bank.app.running():
            await bank.app.send(bank.Deposit(name="a", cents=1))
        return
    with pytest.raises(FeatureAbsent, match=refused):
        async with bank.app.running():
            pass
    assert not list((tmp_path / "data").glob("*.db"))


async def test_settled_is_refused_where_the_bus_has_no_lag(bank: Any) -> None:
    """An empty answer would be taken for "nothing is left"."""
    bank.app = LackingApp(*bank.app.services, settings=bank.app.settings)
    async with bank.app.running():
        await bank.app.send(bank.Deposit(name="a", cents=1))
        bank.app.lacking = Feature.LAG
        with pytest.raises(FeatureAbsent):
            await bank.app.settled()

"""The existing stores and bus of an app, for a command that only reads: where none exists, none is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from partita import App, NotFound, Service, Settings
from partita.assembly.adapters import Adapters
from partita.assembly.existing import existing_bus, existing_stores, open_bus, open_stores
from partita.machine.system import this_machine

orders, stock = Service("orders", namespace="existing.orders"), Service("stock", namespace="existing.stock")


@pytest.fixture
def app(tmp_path: Path) -> App:
    """Two services in a folder that does not exist yet."""
    return App(orders, stock, settings=Settings(data=tmp_path / "data"))


async def test_where_there_is_no_data_it_says_so_and_makes_none(app: App, tmp_path: Path) -> None:
    """A typing error in --data must not leave a folder of empty databases behind."""
    (tmp_path / "data").mkdir()
    with pytest.raises(NotFound, match="there is no data of this app") as told:
        async with open_stores(app, tmp_path / "data"):
            pass
    assert "partita run" in told.value.hint
    with pytest.raises(NotFound, match="there is no log"):
        async with open_bus(app, tmp_path / "data"):
            pass
    assert not list((tmp_path / "data").rglob("*.db"))


async def test_services_that_never_ran_here_are_left_out(app: App, tmp_path: Path) -> None:
    """Each may run in processes of its own, and some on other machines."""
    async with app.running(services=["orders"]):
        pass
    async with open_stores(app, tmp_path / "data") as stores, open_bus(app, tmp_path / "data") as bus:
        assert list(stores) == ["orders"]
        assert await bus.lag() is not None
    assert not (tmp_path / "data" / "stock.db").exists()


def test_servers_are_always_there_unless_they_are_left_out(tmp_path: Path) -> None:
    """Only a query shows whether a server holds a service's data, and a server that is away is not asked again."""
    url = "postgresql://u@db.example/x"
    settings = Settings(data=tmp_path, store=url, bus=url)
    adapters = Adapters(settings, this_machine(), create=False)
    assert list(existing_stores(adapters, [orders, stock])) == ["orders", "stock"]
    assert list(existing_stores(adapters, [orders, stock], leave_out={url})) == []
    assert existing_bus(adapters) is not None

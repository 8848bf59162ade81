"""A system at its end: each database and the bus is closed, even when another one cannot be closed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from partita import App, Service
from partita.bus.port import Bus
from partita.machine.port import Machine, Wake
from partita.settings.settings import Settings
from partita.store.port import Store


class Closing:
    """A store or a bus that notes when it is closed, and then raises."""

    def __init__(self, real: Any, name: str, closed: list[str]) -> None:
        vars(self).update(real=real, name=name, closed=closed)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.real, name, value)

    async def close(self) -> None:
        await self.real.close()
        self.closed.append(self.name)
        raise OSError(f"{self.name} is not closed")


class Unclosable(App):
    """An app whose stores and bus cannot be closed."""

    closed: list[str]

    def connect_store(self, service: Service, bus: Bus, machine: Machine, wake: Wake) -> Store:
        store: Any = Closing(super().connect_store(service, bus, machine, wake), service.name, self.closed)
        return store  # type: ignore[no-any-return]  # the rest of the port is the real store's


async def test_a_database_that_cannot_be_closed_leaves_no_other_open(tmp_path: Path) -> None:
    """An open file keeps its lock, and its write-ahead log is never merged."""
    app = Unclosable(Service("one", namespace="closing.one"), Service("two", namespace="closing.two"))
    app.settings = Settings(data=tmp_path)
    app.closed = []

    def around(bus: Bus, _: Wake) -> Any:
        return Closing(bus, "bus", app.closed)

    app.around_bus = around
    with pytest.raises(OSError, match="is not closed"):
        async with app.running():
            assert not app.closed

    assert app.closed == ["one", "two", "bus"]

"""The registry that a bus brings, as the suite of registries opens it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from partita.bus.connect import connect_bus
from partita.machine.system import this_machine
from partita.schemas.registry import Registry
from partita.testing.conformance.registry import OpenRegistry


def beside_the_bus(where: str | Path) -> OpenRegistry:
    """Each opening is like that of another process."""

    @asynccontextmanager
    async def open_registry() -> AsyncIterator[Registry]:
        machine = this_machine()
        wake = machine.wake(where.parent / "wake") if isinstance(where, Path) else None
        bus, registry = connect_bus(where, machine, wake)
        await bus.open()
        try:
            yield registry
        finally:
            await bus.close()
            if wake is not None:
                wake.close()

    return open_registry

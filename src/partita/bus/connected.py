"""`Connected`: a bus with its registry."""

from __future__ import annotations

from typing import NamedTuple

from partita.bus.port import Bus
from partita.schemas.registry import Registry


class Connected(NamedTuple):
    """A bus, and the registry of its records' schemas: it is in the same place, and works while the bus is open."""

    bus: Bus
    registry: Registry

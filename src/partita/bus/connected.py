"""`Connected`: a bus with the registry that it brings."""

from __future__ import annotations

from typing import NamedTuple

from partita.bus.port import Bus
from partita.schemas.registry import Registry


class Connected(NamedTuple):
    """A bus, and the registry of the schemas of its records: it is in the same place, and works while the bus is open."""

    bus: Bus
    registry: Registry

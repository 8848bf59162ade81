"""A case of the bus's suite with the features that it needs, and the plan of a suite for one bus."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from partita.bus.features import Feature, named
from partita.testing.conformance.topics import OpenBus


@dataclass(frozen=True, slots=True)
class Case:
    """`await case(open_bus)` runs it."""

    needs: Feature
    body: Callable[[OpenBus], Awaitable[None]]

    @property
    def name(self) -> str:
        """A sentence about the behaviour that it shows."""
        return getattr(self.body, "__name__", "")

    async def __call__(self, open_bus: OpenBus) -> None:
        """Raises AssertionError, or an error of the bus, if the bus behaves differently."""
        await self.body(open_bus)


@dataclass(frozen=True, slots=True)
class Plan:
    """The cases to run for a bus, and those left out: by name, the features that the bus lacks for it."""

    run: Sequence[Case]
    left_out: Mapping[str, str]


def planned(cases: Sequence[Case], features: Feature) -> Plan:
    """The plan for a bus that declares these features. No case of a declared feature is left out."""
    missing = {case.name: named(case.needs & ~features) for case in cases if case.needs & ~features}
    return Plan([case for case in cases if case.name not in missing], missing)

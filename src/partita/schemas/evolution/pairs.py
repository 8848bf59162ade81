"""The pairs of a comparison: which were compared, what was found, and when it is too much."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace

from partita.schemas.evolution.finding import Finding
from partita.schemas.evolution.json_text import refused

COMPARED_MAX = 50_000
"""Pairs of types that one comparison looks at."""
FINDINGS_MAX = 100
"""Findings of one pair. A type that is used at many places is found at each of them."""


class Pairs:
    """The pairs of one comparison. A pair that is met again within itself is taken to fit, as a list of its own kind does."""

    def __init__(self, depth_max: int) -> None:
        self._depth_max = depth_max
        self._known: dict[Hashable, tuple[str, tuple[Finding, ...]]] = {}
        self._fitting: list[Hashable] = []
        self._compared = 0
        self._depth = 0

    def findings(self, key: Hashable, path: str, compare: Callable[[], Iterable[Finding]]) -> tuple[Finding, ...]:
        """The findings of the pair `key` at `path`, by `compare` when it is met for the first time.

        Raises:
            UnknownSchema: the comparison goes beyond its limits.
        """
        known = self._known.get(key)
        if known is not None:
            return self._moved(path, *known)
        self.count(1, path)
        self._depth += 1
        before = len(self._fitting)
        self._known[key] = (path, ())
        found = tuple(dict.fromkeys(compare()))[:FINDINGS_MAX]
        self._known[key] = (path, found)
        self._depth -= 1
        if not found:
            self._fitting.append(key)
        # Pairs within a pair that does not fit were compared while it was taken to fit: they are compared again.
        while found and len(self._fitting) > before:
            del self._known[self._fitting.pop()]
        return found

    def _moved(self, path: str, first: str, found: tuple[Finding, ...]) -> tuple[Finding, ...]:
        """Findings of a pair that was compared at `first`, at another path."""
        self.count(len(found), path)
        return tuple(replace(f, path=path + f.path[len(first) :]) for f in found) if path != first else found

    def count(self, work: int, path: str) -> None:
        """Note work that was done at `path`.

        Raises:
            UnknownSchema: it is too much.
        """
        self._compared += work
        if self._compared > COMPARED_MAX or self._depth > self._depth_max:
            raise refused(f"The schemas are too deep or too large to be compared, at {path[:200]}.")

"""The place of each box and lane along its layer: near its neighbours above and below, in order, and apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SWEEPS = 80
STRAIGHT = 25.0
"""The weight of a link between two lanes: a line that passes several layers is straight before boxes are centred."""


@dataclass(frozen=True, slots=True)
class Row:
    """A layer: its nodes in order, their widths, the gaps between them, and which of them are lanes."""

    nodes: tuple[int, ...]
    widths: tuple[float, ...]
    gaps: tuple[float, ...]
    lanes: tuple[bool, ...]

    @property
    def offsets(self) -> list[float]:
        """The centre of each node where the row is packed to the left."""
        centre, found = 0.0, []
        for position, width in enumerate(self.widths):
            if position:
                centre += self.widths[position - 1] / 2 + self.gaps[position - 1] + width / 2
            found.append(centre)
        return found


def straightened(rows: Sequence[Row], links: Sequence[tuple[int, int]], width: float) -> dict[int, float]:
    """The centre of each node. Each sweep gives a row the places that are nearest to its neighbours' in the sense of least
    squares, with the order and the gaps kept (isotonic regression by pooling adjacent violators)."""
    lanes = {node: lane for row in rows for node, lane in zip(row.nodes, row.lanes, strict=True)}
    above: dict[int, list[tuple[int, float]]] = {}
    below: dict[int, list[tuple[int, float]]] = {}
    for upper, lower in links:
        weight = STRAIGHT if lanes[upper] and lanes[lower] else 2.0 if lanes[upper] or lanes[lower] else 1.0
        above.setdefault(lower, []).append((upper, weight))
        below.setdefault(upper, []).append((lower, weight))
    x: dict[int, float] = {}
    for row in rows:
        packed = row.offsets
        start = (width - (packed[-1] if packed else 0.0)) / 2
        x.update(zip(row.nodes, (start + offset for offset in packed), strict=True))
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else list(rows)[::-1]:
            _settle(row, above, below, x, width, down=down, both=sweep >= SWEEPS // 2)
    return x


def _settle(
    row: Row,
    above: dict[int, list[tuple[int, float]]],
    below: dict[int, list[tuple[int, float]]],
    x: dict[int, float],
    width: float,
    *,
    down: bool,
    both: bool,
) -> None:
    wanted, weights = [], []
    for node in row.nodes:
        near = above.get(node, []) if down else below.get(node, [])
        if both:
            near = [*above.get(node, []), *below.get(node, [])]
        weight = sum(each for _, each in near)
        wanted.append(sum(x[other] * each for other, each in near) / weight if near else x[node])
        weights.append(weight or 0.1)
    offsets = row.offsets
    flat = _isotonic([place - offset for place, offset in zip(wanted, offsets, strict=True)], weights)
    least = row.widths[0] / 2
    most = max(least, width - offsets[-1] - row.widths[-1] / 2)
    for node, place, offset in zip(row.nodes, flat, offsets, strict=True):
        x[node] = min(max(place, least), most) + offset


def _isotonic(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The values that never fall and are nearest to the given ones."""
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(values, weights, strict=True):
        pools.append((value, weight, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (one, first, many), (other, second, more) = pools[-2:]
            pools[-2:] = [((one * first + other * second) / (first + second), first + second, many + more)]
    return [value for value, _, many in pools for _ in range(many)]

"""A layered layout of a graph: layers from top to bottom, few crossings, straight lines, within a width.

K. Sugiyama, S. Tagawa, M. Toda, Methods for visual understanding of hierarchical system structures (1981). A layer takes no more
boxes than its width has room for (E. Coffman, R. Graham, 1972), so that a large map grows downwards, as a page does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from partita.flow.crossings import untangled
from partita.flow.straightening import Row, straightened

GAP = 26.0
"""Between two boxes of a layer."""
LANE = 12.0
"""The room of a line that passes a layer."""
LAYER_GAP = 78.0
PORT_PITCH = 26.0
"""Between two lines at one side of a box."""
SHARE = 0.86
"""The part of the width that boxes may take; lines that pass them need the rest."""
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """A box to place."""

    id: str
    width: float
    height: float


@dataclass(slots=True)
class Layout:
    """The centre of each box; of each line its bends, from its origin to its end, and whether it runs upwards."""

    centres: dict[str, Point] = field(default_factory=dict)
    lines: list[list[Point]] = field(default_factory=list)
    upwards: list[bool] = field(default_factory=list)
    width: float = 0.0
    height: float = 0.0


def laid_out(boxes: Sequence[Box], lines: Sequence[tuple[str, str, str]], width: float) -> Layout:
    """The layout of boxes and the lines between them, each with its trunk: lines of one trunk and one upper box share their lanes
    until they part. The order of boxes and lines decides where there is a choice, and nothing else."""
    number = {box.id: position for position, box in enumerate(boxes)}
    edges = [(number[origin], number[to]) for origin, to, _ in lines]
    upwards = _upwards(len(boxes), edges)
    down = [(to, origin) if up else (origin, to) for (origin, to), up in zip(edges, upwards, strict=True)]
    layer = _layers(boxes, down, width * SHARE)
    trunks = [f"{trunk} {up}" if trunk else "" for (_, _, trunk), up in zip(lines, upwards, strict=True)]
    grid = _Grid(boxes, down, layer, trunks)
    order = untangled(grid.rows, grid.links)
    centres = straightened([_row(grid, row) for row in order], grid.links, width)
    return _drawn(grid, order, centres, upwards)


def _upwards(count: int, edges: Sequence[tuple[int, int]]) -> list[bool]:
    """The edges that close a circle, found by a depth-first walk in the order of the boxes; without them there is none."""
    following: list[list[int]] = [[] for _ in range(count)]
    for index, (origin, _) in enumerate(edges):
        following[origin].append(index)
    state, found = [0] * count, [origin == to for origin, to in edges]
    for root in range(count):
        work = [(root, 0)] if state[root] == 0 else []
        while work:
            node, position = work.pop()
            state[node] = 1
            for at in range(position, len(following[node])):
                to = edges[following[node][at]][1]
                if state[to] == 1 and to != node:
                    found[following[node][at]] = True
                elif state[to] == 0:
                    work += [(node, at + 1), (to, 0)]
                    break
            else:
                state[node] = 2
    return found


def _layers(boxes: Sequence[Box], edges: Sequence[tuple[int, int]], room: float) -> list[int]:
    """The layer of each box: below all that lead to it, where there is room; a box without any moves down to its first use."""
    count = len(boxes)
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for origin, to in edges:
        if origin != to:
            before[to].append(origin)
            after[origin].append(to)
    layer, used = [0] * count, dict[int, float]()
    for node in _topological(before, after):
        least = max((layer[each] + 1 for each in before[node]), default=0)
        need = boxes[node].width + GAP
        taken = (at for at in range(least, least + count + 1) if not used.get(at) or used[at] + need <= room)
        layer[node] = next(taken)
        used[layer[node]] = used.get(layer[node], 0.0) + need
    for node in sorted(range(count), key=lambda each: -layer[each]):
        latest = min((layer[each] for each in after[node]), default=layer[node] + 1) - 1
        if len(before[node]) < len(after[node]):
            need = boxes[node].width + GAP
            for at in range(latest, layer[node], -1):
                if used.get(at, 0.0) + need <= room:
                    used[layer[node]] -= need
                    used[at] = used.get(at, 0.0) + need
                    layer[node] = at
                    break
    kept = {at: position for position, at in enumerate(sorted(dict.fromkeys(layer)))}
    return [kept[at] for at in layer]


def _topological(before: Sequence[Sequence[int]], after: Sequence[Sequence[int]]) -> list[int]:
    missing = [len(each) for each in before]
    ready = [node for node, count in enumerate(missing) if count == 0]
    for node in ready:
        for to in after[node]:
            missing[to] -= 1
            if missing[to] == 0:
                ready.append(to)
    return ready


class _Grid:
    """The boxes by layer, and a lane in each layer that a line passes. Boxes are numbered first, lanes after them."""

    def __init__(
        self, boxes: Sequence[Box], edges: Sequence[tuple[int, int]], layer: Sequence[int], trunks: Sequence[str]
    ) -> None:
        self.boxes = boxes
        self.layer = list(layer)
        self.rows: list[list[int]] = [[] for _ in range(max(layer, default=-1) + 1)]
        for node in range(len(boxes)):
            self.rows[layer[node]].append(node)
        self.chains: list[list[int]] = []
        lanes: dict[tuple[str, int, int], int] = {}
        for (origin, to), trunk in zip(edges, trunks, strict=True):
            chain = [origin]
            for at in range(layer[origin] + 1, layer[to]):
                lane = lanes.get((trunk, origin, at)) if trunk else None
                if lane is None:
                    lane = lanes[trunk, origin, at] = len(self.layer)
                    self.layer.append(at)
                    self.rows[at].append(lane)
                chain.append(lane)
            if to != origin:
                chain.append(to)
            self.chains.append(chain)
        pairs = (pair for chain in self.chains for pair in zip(chain, chain[1:], strict=False))
        self.links: list[tuple[int, int]] = list(dict.fromkeys(pairs))

    def is_lane(self, node: int) -> bool:
        return node >= len(self.boxes)

    def width(self, node: int) -> float:
        return LANE if self.is_lane(node) else self.boxes[node].width

    def height(self, row: Sequence[int]) -> float:
        return max((self.boxes[node].height for node in row if not self.is_lane(node)), default=0.0)


def _row(grid: _Grid, row: Sequence[int]) -> Row:
    widths = tuple(grid.width(node) for node in row)
    gaps = tuple(
        LANE if grid.is_lane(left) and grid.is_lane(right) else GAP for left, right in zip(row, row[1:], strict=False)
    )
    return Row(tuple(row), widths, gaps, tuple(grid.is_lane(node) for node in row))


def _drawn(grid: _Grid, order: Sequence[Sequence[int]], x: dict[int, float], upwards: Sequence[bool]) -> Layout:
    layout = Layout(upwards=list(upwards))
    tops, bottoms, y = [], [], 0.0
    for row in order:
        tops.append(y)
        bottoms.append(y + grid.height(row))
        y = bottoms[-1] + LAYER_GAP
    for node, box in enumerate(grid.boxes):
        at = grid.layer[node]
        layout.centres[box.id] = (x[node], (tops[at] + bottoms[at]) / 2)
    leaving, arriving = _ports(grid, x)
    for index, chain in enumerate(grid.chains):
        points: list[Point] = []
        for position, node in enumerate(chain):
            at = grid.layer[node]
            if grid.is_lane(node):
                points += [(x[node], tops[at]), (x[node], bottoms[at])]
                continue
            half = grid.boxes[node].height / 2
            middle = (tops[at] + bottoms[at]) / 2
            if position == 0:
                points += [(leaving[index], middle + half), (leaving[index], bottoms[at])]
            if position == len(chain) - 1:
                points += [(arriving[index], tops[at]), (arriving[index], middle - half)]
        layout.lines.append(points[::-1] if upwards[index] else points)
    every = [(x[node], grid.width(node) / 2) for row in order for node in row]
    left = min((at - half for at, half in every), default=0.0)
    layout.width = max((at + half for at, half in every), default=0.0) - left
    layout.height = y - LAYER_GAP if order else 0.0
    layout.centres = {name: (at - left, high) for name, (at, high) in layout.centres.items()}
    layout.lines = [[(at - left, high) for at, high in points] for points in layout.lines]
    return layout


def _ports(grid: _Grid, x: dict[int, float]) -> tuple[dict[int, float], dict[int, float]]:
    """The place of each line at the bottom of its upper box and at the top of its lower one, in the order of its next bend. Lines
    of one trunk have one place."""
    below: dict[int, dict[tuple[float, int], list[int]]] = {}
    above: dict[int, dict[tuple[float, int], list[int]]] = {}
    for index, chain in enumerate(grid.chains):
        first, last = (chain[1], chain[-2]) if len(chain) > 1 else (chain[0], chain[0])
        own = index if not grid.is_lane(first) else first
        below.setdefault(chain[0], {}).setdefault((x[first], own), []).append(index)
        above.setdefault(chain[-1], {}).setdefault((x[last], index), []).append(index)
    return _spread(grid, below, x), _spread(grid, above, x)


def _spread(grid: _Grid, sides: dict[int, dict[tuple[float, int], list[int]]], x: dict[int, float]) -> dict[int, float]:
    found: dict[int, float] = {}
    for node, wanted in sides.items():
        pitch = min(PORT_PITCH, (grid.boxes[node].width - 24) / max(1, len(wanted) - 1))
        first = x[node] - pitch * (len(wanted) - 1) / 2
        for position, place in enumerate(sorted(wanted)):
            found.update(dict.fromkeys(wanted[place], first + pitch * position))
    return found

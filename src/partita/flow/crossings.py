"""The order of the boxes and lanes in each layer, with few crossings of the lines between them."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence

SWEEPS = 24
EXCHANGES = 8

Links = Sequence[tuple[int, int]]


def untangled(rows: Sequence[Sequence[int]], links: Links) -> list[list[int]]:
    """The rows in an order with few crossings: by the mean place of the neighbours, down and up by turns, then by exchanging
    neighbours as long as that helps. The best order seen is kept, and the first of equal ones."""
    above, below = _neighbours(links)
    best = [list(row) for row in rows]
    fewest = crossings(best, above)
    order = [list(row) for row in best]
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        places = range(1, len(order)) if down else range(len(order) - 2, -1, -1)
        for at in places:
            _by_mean(order[at], order[at - 1 if down else at + 1], above if down else below, flip=sweep % 4 > 1)
        for _ in range(EXCHANGES):
            if not _exchange(order, above, below):
                break
        count = crossings(order, above)
        if count < fewest:
            best, fewest = [list(row) for row in order], count
        if fewest == 0:
            break
    return best


def crossings(rows: Sequence[Sequence[int]], above: dict[int, list[int]]) -> int:
    """The number of crossings between all neighbouring rows."""
    total = 0
    for upper, lower in zip(rows, rows[1:], strict=False):
        place = {node: position for position, node in enumerate(upper)}
        seen: list[int] = []
        for node in lower:
            ends = sorted(place[each] for each in above.get(node, ()))
            total += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return total


def _neighbours(links: Links) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    above: dict[int, list[int]] = {}
    below: dict[int, list[int]] = {}
    for upper, lower in links:
        above.setdefault(lower, []).append(upper)
        below.setdefault(upper, []).append(lower)
    return above, below


def _by_mean(row: list[int], fixed: Sequence[int], neighbours: dict[int, list[int]], *, flip: bool) -> None:
    """Sort a row by the mean place of its neighbours; a node without any keeps its place. Nodes of one mean change places
    by turns, since neither of their orders is the better one yet."""
    place = {node: position for position, node in enumerate(fixed)}
    mean = {
        node: sum(place[each] for each in neighbours[node]) / len(neighbours[node])
        for node in row
        if neighbours.get(node)
    }
    moving = iter(sorted((node for node in (reversed(row) if flip else row) if node in mean), key=mean.__getitem__))
    row[:] = [next(moving) if node in mean else node for node in row]


def _exchange(rows: list[list[int]], above: dict[int, list[int]], below: dict[int, list[int]]) -> bool:
    """Exchange neighbours in a row where that has fewer crossings; whether there were any."""
    exchanged = False
    for at, row in enumerate(rows):
        upper = {node: position for position, node in enumerate(rows[at - 1])} if at else {}
        lower = {node: position for position, node in enumerate(rows[at + 1])} if at + 1 < len(rows) else {}
        for left in range(len(row) - 1):
            one, other = row[left], row[left + 1]
            kept = _between(one, other, above, upper) + _between(one, other, below, lower)
            changed = _between(other, one, above, upper) + _between(other, one, below, lower)
            if changed < kept:
                row[left], row[left + 1] = other, one
                exchanged = True
    return exchanged


def _between(left: int, right: int, neighbours: dict[int, list[int]], place: dict[int, int]) -> int:
    """The crossings between the lines of two nodes, the first to the left of the second."""
    ends = [place[each] for each in neighbours.get(right, ()) if each in place]
    return sum(place[each] > end for each in neighbours.get(left, ()) if each in place for end in ends)

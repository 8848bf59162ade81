"""Circles in a graph of names: the knots of names that reach one another, and the shortest way around through one of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

Graph = Mapping[str, Sequence[str]]


def knots(graph: Graph) -> list[tuple[str, ...]]:
    """The sets of two or more names that reach one another, and the names that reach themselves; each sorted, in order.

    R. Tarjan, Depth-first search and linear graph algorithms (1972), with a stack in place of recursion.
    """
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    path: list[str] = []
    on_path: dict[str, bool] = {}
    found: list[tuple[str, ...]] = []
    for root in sorted(graph):
        if root in number:
            continue
        work = [(root, iter(sorted(graph[root])))]
        number[root] = low[root] = len(number)
        path.append(root)
        on_path[root] = True
        while work:
            name, others = work[-1]
            other = next((each for each in others if each in graph), None)
            if other is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == number[name]:
                    knot = path[path.index(name) :]
                    del path[path.index(name) :]
                    on_path.update(dict.fromkeys(knot, False))
                    if len(knot) > 1 or name in graph[name]:
                        found.append(tuple(sorted(knot)))
            elif other not in number:
                number[other] = low[other] = len(number)
                path.append(other)
                on_path[other] = True
                work.append((other, iter(sorted(graph[other]))))
            elif on_path[other]:
                low[name] = min(low[name], number[other])
    return sorted(found)


def circle_in(graph: Graph, knot: Sequence[str], through: str) -> tuple[str, ...]:
    """The shortest circle through a name of a knot, from that name on; empty where the knot is."""
    inside = dict.fromkeys(knot)
    before: dict[str, str] = {}
    waiting = deque([through] if through in inside else [])
    while waiting:
        name = waiting.popleft()
        for other in sorted(each for each in graph[name] if each in inside):
            if other == through:
                path = [name]
                while path[-1] != through:
                    path.append(before[path[-1]])
                return tuple(reversed(path))
            if other not in before:
                before[other] = name
                waiting.append(other)
    return ()

"""Knots are found in every graph, and the circle that is shown is one."""

from __future__ import annotations

import random

from partita.flow.circles import circle_in, knots


def test_a_knot_is_a_set_of_names_that_reach_one_another() -> None:
    graph = {"a": ["b"], "b": ["c"], "c": ["a", "d"], "d": [], "e": ["e"], "f": ["a"]}
    assert knots(graph) == [("a", "b", "c"), ("e",)]
    assert circle_in(graph, ("a", "b", "c"), through="b") == ("b", "c", "a")
    assert circle_in(graph, ("e",), through="e") == ("e",)
    assert circle_in(graph, ("e",), through="a") == ()


def test_knots_of_random_graphs_are_those_of_plain_reachability() -> None:
    """The same answer by trying every pair of names."""
    dice = random.Random(7)
    for _ in range(200):
        names = [f"n{number}" for number in range(dice.randint(1, 9))]
        graph = {name: [other for other in names if dice.random() < 0.2] for name in names}
        reached = {name: _reach(graph, name) for name in names}
        expected = {
            tuple(sorted(other for other in names if other in reached[name] and name in reached[other]))
            for name in names
            if name in reached[name]
        }
        assert knots(graph) == sorted(expected)
        for knot in knots(graph):
            path = circle_in(graph, knot, through=knot[0])
            assert all(to in graph[name] for name, to in zip(path, (*path[1:], path[0]), strict=True))


def test_a_long_chain_needs_no_deep_stack() -> None:
    graph = {str(number): [str(number + 1)] for number in range(20_000)} | {"20000": ["0"]}
    assert len(knots(graph)[0]) == 20_001


def _reach(graph: dict[str, list[str]], name: str) -> set[str]:
    found: set[str] = set()
    waiting = list(graph[name])
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting += graph[each]
    return found

"""A layout of any map is readable: no box lies on another, no line runs through a box, and every line has its ends."""

from __future__ import annotations

import itertools
import random

import pytest
from tests.unit.flow.cafe import cafe
from tests.unit.flow.city import city

from partita import App
from partita.examples.rides.app import app as rides
from partita.examples.shop.app import app as shop
from partita.flow.crossings import crossings, untangled
from partita.flow.drawing import WIDTH, trunks
from partita.flow.flow_map import flow_map
from partita.flow.layered import Box, Layout, laid_out
from partita.flow.picture import Picture, picture_of
from partita.flow.straightening import Row, straightened

APPS = {
    "shop": lambda: shop,
    "rides": lambda: rides,
    "cafe": cafe,
    "one": lambda: city(1, 1, 0),
    "ten": lambda: city(10, 2, 2),
    "thirty": lambda: city(30, 3, 5),
    "thirty others": lambda: city(30, 4, 3),
}


@pytest.fixture(scope="module", params=APPS)
def drawn(request: pytest.FixtureRequest) -> tuple[Picture, Layout]:
    return layout_of(APPS[request.param]())  # type: ignore[no-untyped-call]


def layout_of(app: App) -> tuple[Picture, Layout]:
    picture = picture_of(flow_map(app.catalog))
    return picture, laid_out([card.box for card in picture.cards], trunks(picture), WIDTH)


def test_no_box_lies_on_another_one_or_outside(drawn: tuple[Picture, Layout]) -> None:
    picture, layout = drawn
    sides = {card.box.id: _sides(card.box, layout) for card in picture.cards}
    for one, other in itertools.combinations(sides.values(), 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart, (one, other)
    for left, top, right, bottom in sides.values():
        assert left >= -0.01 and top >= -0.01 and right <= layout.width + 0.01 and bottom <= layout.height + 0.01


def test_a_line_leads_from_its_box_to_its_box_and_through_no_other(drawn: tuple[Picture, Layout]) -> None:
    picture, layout = drawn
    sides = {card.box.id: _sides(card.box, layout) for card in picture.cards}
    for line, points in zip(picture.lines, layout.lines, strict=True):
        for end, point in ((line.origin, points[0]), (line.to, points[-1])):
            left, top, right, bottom = sides[end]
            assert left < point[0] < right and min(abs(point[1] - top), abs(point[1] - bottom)) < 0.01
        others = [box for name, box in sides.items() if name not in (line.origin, line.to)]
        for position, (start, end) in enumerate(itertools.pairwise(points)):
            low, high = sorted((start[1], end[1]))
            for left, top, right, bottom in others:
                if position % 2 == 0:  # upright, within a layer
                    assert not (left < start[0] < right and low < bottom and high > top), (line, start, end)
                else:  # a curve, between two layers, where no box is
                    assert bottom <= low + 0.01 or top >= high - 0.01, (line, start, end)


def test_the_shop_fits_a_readme() -> None:
    _, layout = layout_of(shop)
    assert layout.width <= WIDTH


def test_a_large_map_grows_downwards() -> None:
    """Boxes keep to the width; only lines that pass many layers may need more."""
    picture, layout = layout_of(city(30, 3, 5))
    rows: dict[float, float] = {}
    for card in picture.cards:
        middle = round(layout.centres[card.box.id][1], 1)
        rows[middle] = rows.get(middle, 0.0) + card.box.width
    assert max(rows.values()) <= WIDTH and layout.width < 1.4 * WIDTH < layout.height


def test_a_line_against_the_flow_runs_upwards() -> None:
    boxes = [Box(name, 80, 30) for name in "abc"]
    layout = laid_out(boxes, [("a", "b", ""), ("b", "c", ""), ("c", "a", "")], WIDTH)
    assert layout.upwards == [False, False, True]
    assert layout.lines[2][0][1] > layout.lines[2][-1][1]


def test_the_order_of_rows_has_few_crossings_and_none_where_none_is_needed() -> None:
    """Compared with every order of the upper row, the lower one sorted by its means: at most half as many more in all."""
    links = [(0, 5), (1, 4), (2, 3)]
    rows = untangled([[0, 1, 2], [3, 4, 5]], links)
    assert crossings(rows, {5: [0], 4: [1], 3: [2]}) == 0
    dice = random.Random(5)
    found, fewest = 0, 0
    for _ in range(50):
        upper, lower = list(range(5)), list(range(5, 10))
        links = sorted({(dice.choice(upper), dice.choice(lower)) for _ in range(8)})
        above: dict[int, list[int]] = {}
        for one, other in links:
            above.setdefault(other, []).append(one)
        before = crossings([upper, lower], above)
        after = crossings(untangled([upper, lower], links), above)
        least = min(
            crossings([list(one), list(other)], above)
            for one in itertools.permutations(upper)
            for other in [tuple(sorted(lower, key=lambda node: _mean(above.get(node, []), one)))]
        )
        assert after <= before
        found, fewest = found + after, fewest + least
    assert found <= 1.5 * fewest


def test_crossings_are_counted_as_pairs_of_lines_that_cross() -> None:
    dice = random.Random(9)
    for _ in range(50):
        links = sorted({(dice.randrange(5), dice.randrange(5, 10)) for _ in range(9)})
        above: dict[int, list[int]] = {}
        for one, other in links:
            above.setdefault(other, []).append(one)
        pairs = itertools.combinations(links, 2)
        expected = sum((a - c) * (b - d) < 0 for (a, b), (c, d) in pairs)
        assert crossings([list(range(5)), list(range(5, 10))], above) == expected


def test_places_along_a_row_keep_order_gaps_and_width() -> None:
    row = Row((0, 1, 2), (40.0, 60.0, 40.0), (10.0, 10.0), (False, False, False))
    wide = Row((3, 4, 5), (20.0, 20.0, 20.0), (5.0, 5.0), (False, False, False))
    x = straightened([row, wide], [(0, 5), (1, 4), (2, 3)], 300.0)
    assert x[1] - x[0] >= 60 - 0.01 and x[2] - x[1] >= 60 - 0.01
    assert x[0] >= 20 - 0.01 and x[2] <= 280 + 0.01


def test_a_line_that_passes_layers_alone_is_straight() -> None:
    boxes = [Box(name, 80, 30) for name in "abcd"]
    layout = laid_out(boxes, [("a", "b", ""), ("b", "c", ""), ("c", "d", ""), ("a", "d", "")], WIDTH)
    upright = {round(x, 1) for x, _ in layout.lines[3][2:-2]}
    assert len(upright) == 1


def _mean(neighbours: list[int], order: tuple[int, ...]) -> float:
    return sum(order.index(each) for each in neighbours) / len(neighbours) if neighbours else 0.0


def _sides(box: Box, layout: Layout) -> tuple[float, float, float, float]:
    x, y = layout.centres[box.id]
    return x - box.width / 2, y - box.height / 2, x + box.width / 2, y + box.height / 2

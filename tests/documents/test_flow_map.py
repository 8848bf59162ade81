"""The drawings of flow maps are true, and a real browser shows each text within its box."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.documents.browser import Browser, chromium
from tests.documents.wheelhouse import ROOT
from tests.unit.flow.city import city

from partita.examples.claims.app import app as claims
from partita.examples.rides.app import app as rides
from partita.examples.shop.app import app as shop
from partita.flow.drawing import svg
from partita.flow.flow_map import flow_map

DRAWING = ROOT / "docs/diagrams/flow-of-the-shop.svg"
COMMAND = 'partita flow --app partita.examples.shop.app:app --format svg --title "The flows of the shop"'
APPS = {"shop": lambda: shop, "rides": lambda: rides, "claims": lambda: claims, "thirty": lambda: city(30, 3, 5)}
# Texts that are wider than the box of their group, and texts that lie on one another, each with its content.
OUTSIDE = """
[...document.querySelectorAll('g > text')].filter(text => {
  const shape = text.parentNode.querySelector('rect, path.pf-command');
  if (text.parentNode.hasAttribute('transform')) return false;
  const inner = text.getBBox(), outer = shape.getBBox();
  return inner.x < outer.x || inner.x + inner.width > outer.x + outer.width
      || inner.y < outer.y - 1 || inner.y + inner.height > outer.y + outer.height + 1;
}).map(text => text.textContent)
"""
OVERLAPPING = """
(() => {
  const boxes = [...document.querySelectorAll('text')].map(text => [text.textContent, text.getBoundingClientRect()]);
  return boxes.flatMap(([one, a], at) => boxes.slice(at + 1).filter(([_, b]) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3
  ).map(([other]) => one + ' / ' + other));
})()
"""


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with chromium(tmp_path / "profile") as found:
        yield found


def test_the_drawing_of_the_shop_is_the_shop() -> None:
    """A map that was true last year sends its reader to a handler that is gone."""
    drawn = svg(flow_map(shop.catalog), "The flows of the shop")
    same = DRAWING.read_text(encoding="utf-8") == drawn
    assert same, f"The declarations of the shop have changed: {COMMAND} > docs/diagrams/{DRAWING.name}"


@pytest.mark.slow
@pytest.mark.parametrize("name", APPS)
def test_each_text_is_in_its_box_and_on_no_other_text(name: str, browser: Browser, tmp_path: Path) -> None:
    """The width of a text is estimated before it is drawn; a browser knows it."""
    drawing = tmp_path / "flow.svg"
    drawing.write_text(svg(flow_map(APPS[name]().catalog), name), encoding="utf-8")  # type: ignore[no-untyped-call]
    browser.open(drawing.as_uri())
    assert browser.evaluate("document.querySelectorAll('text').length") > 20
    assert browser.evaluate(OUTSIDE) == []
    assert browser.evaluate(OVERLAPPING) == []


@pytest.mark.slow
def test_a_text_outside_of_its_box_is_found(browser: Browser, tmp_path: Path) -> None:
    """A check that was never red proves nothing."""
    drawing = tmp_path / "flow.svg"
    text = svg(flow_map(shop.catalog), "x")
    drawing.write_text(text.replace(">order-service<", f">{'order-service' * 4}<", 1), encoding="utf-8")
    browser.open(drawing.as_uri())
    assert len(browser.evaluate(OUTSIDE)) == 1

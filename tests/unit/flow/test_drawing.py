"""The drawing of a flow map is well-formed, says in words what it shows, and treats each name as data."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest
from tests.unit.flow.cafe import cafe

from partita import App, Event, Key, Service
from partita.examples.shop.app import app as shop
from partita.flow.drawing import DARK, LIGHT, STYLE, svg
from partita.flow.flow_map import flow_map
from partita.flow.picture import picture_of
from partita.flow.text_width import ELLIPSIS, shortened, text_width

SVG = "{http://www.w3.org/2000/svg}"


def test_each_name_is_in_the_picture() -> None:
    drawn = ElementTree.fromstring(svg(flow_map(cafe().catalog), "A cafe"))
    texts = [each.text for each in drawn.iter(f"{SVG}text")]
    for name in (
        "till",
        "kitchen",
        "board",
        "TeaOrdered",
        "TeaServed",
        "TeaCancelled",
        "OrderTea",
        "ServeOrder",
        "BrewTea",
    ):
        assert texts.count(name) == 1, name
    assert "undo PourAway" in texts
    assert not any(text and text.startswith("Fault") for text in texts)


def test_it_says_in_words_what_it_shows() -> None:
    """For a reader who listens to it."""
    drawn = ElementTree.fromstring(svg(flow_map(cafe().catalog), "A cafe"))
    assert drawn.get("role") == "img" and drawn.findtext(f"{SVG}title") == "A cafe"
    said = drawn.findtext(f"{SVG}desc") or ""
    assert said == (
        "OrderTea starts the saga ServeOrder, which directs kitchen and till. TeaServed is heard by board. "
        "TeaCancelled is heard by board."
    )


def test_a_name_is_data() -> None:
    """A description or a title may hold marks of XML, and characters that no XML document has."""
    one, two = Service("one", namespace="t.one"), Service("two", namespace="t.two")

    class Said(Event, of=one):
        id: Key[str]

    Said.__doc__ = 'a < b & "c" </title><script>alert(1)</script>\x00\ud800\uffff'

    @two.on
    async def hear(event: Said) -> None: ...

    text = svg(flow_map(App(one, two).catalog), "</title><script>x</script> \x1b & ü")

    assert "<script" not in text
    drawn = ElementTree.fromstring(text)
    assert drawn.findtext(f"{SVG}title") == "</title><script>x</script> \ufffd & ü"
    titles = [each.text or "" for each in drawn.iter(f"{SVG}title")]
    assert any("a < b" in title and "\ufffd" in title for title in titles)


def test_a_page_takes_the_drawing_without_its_styles() -> None:
    """A page whose policy allows no style in it serves the same text as a file."""
    text = svg(flow_map(cafe().catalog), "A cafe", styled=False)
    assert "<style" not in text and " style=" not in text
    used = set(re.findall(r'class="([^"]*)"', text))
    names = {name for each in used for name in each.split()}
    assert all(f".{name}" in STYLE for name in names), names


def test_the_kinds_of_lines_differ_without_colour() -> None:
    styles = dict(re.findall(r"^\.(pf-choreography|pf-orchestration)\{(.*)\}$", STYLE, re.MULTILINE))
    assert "dasharray" in styles["pf-choreography"] and "dasharray" not in styles["pf-orchestration"]


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_lines_are_seen_on_their_ground(theme: str) -> None:
    """4.5 to 1 for text, 3 to 1 for lines (WCAG 2.2, 1.4.3 and 1.4.11)."""
    colours = dict(re.findall(r"--pf-([\w-]+):(#\w+)", theme))
    for ground in ("paper", "service", "saga", "event", "command"):
        assert _contrast(colours["ink"], colours[ground]) >= 4.5, ground
        assert _contrast(colours["soft"], colours[ground]) >= 4.5, ground
    for line in ("thin", "thick", "service-edge", "event-edge", "command-edge"):
        assert _contrast(colours[line], colours["paper"]) >= 3, line


def test_both_themes_name_the_same_colours() -> None:
    names = [re.findall(r"--pf-([\w-]+):", theme) for theme in (LIGHT, DARK)]
    assert names[0] == names[1] and all(f"var(--pf-{name})" in STYLE for name in names[0])


def test_the_answer_of_a_step_has_no_box_and_its_outcome_has_one() -> None:
    names = [card.box.id for card in picture_of(flow_map(shop.catalog)).cards]
    assert "OrderConfirmed" in names and "StockReserved" not in names and "ReserveStock" not in names


def test_a_long_name_loses_its_middle_and_keeps_its_ends() -> None:
    long = "CustomerNotificationPreferencesUpdated"
    short = shortened(long, 13, 190)
    assert short != long and ELLIPSIS in short and text_width(short, 13) <= 190
    assert long.startswith(short.split(ELLIPSIS)[0]) and long.endswith(short.split(ELLIPSIS)[1])
    assert shortened("Short", 13, 190) == "Short"
    assert text_width("日本", 10) == 20 and text_width("e\u0301", 10) == text_width("e", 10)


def test_a_long_name_is_whole_in_its_title() -> None:
    one, two = Service("one", namespace="t.one"), Service("two", namespace="t.two")

    class CustomerNotificationPreferencesUpdated(Event, of=one):
        id: Key[str]

    @two.on
    async def hear(event: CustomerNotificationPreferencesUpdated) -> None: ...

    drawn = ElementTree.fromstring(svg(flow_map(App(one, two).catalog), "x"))
    assert "CustomerNotificationPreferencesUpdated" in [each.text for each in drawn.iter(f"{SVG}title")]


def test_an_empty_app_is_drawn() -> None:
    one = Service("one", namespace="t.one")
    assert "one" in [
        each.text for each in ElementTree.fromstring(svg(flow_map(App(one).catalog), "x")).iter(f"{SVG}text")
    ]


def _contrast(one: str, other: str) -> float:
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

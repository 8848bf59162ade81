"""Tests lie where a reader looks for them: in a folder of the same path as the source that they test."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.tidy.rooms import complaints

ROOT = Path(__file__).resolve().parents[2]
HOUSE = (
    "src/partita/app.py",
    "src/partita/bus/port.py",
    "src/partita/bus/kafka/bus.py",
    "tests/unit/test_app.py",
    "tests/unit/bus/kafka/test_bus.py",
    "tests/integration/bus/test_relay.py",
    "tests/unit/servers/test_kafka.py",
    "tests/tidy/test_rooms.py",
)
PLANTED = {
    "an area without tests": ("src/partita/outbox/relay.py", "src/partita/outbox: no test in tests/unit/outbox"),
    "a test in no room": ("tests/test_relay.py", "tests/test_relay.py: in no room"),
    "an integration test in no room": (
        "tests/integration/test_relay.py",
        "tests/integration/test_relay.py: in no room",
    ),
    "a test of no module": ("tests/unit/test_relay.py", "tests/unit/test_relay.py: named after no module"),
    "a room of no area": ("tests/unit/shop/test_orders.py", "tests/unit/shop: there is no src/partita/shop"),
    "a room of no part": (
        "tests/integration/bus/log/test_bus.py",
        "tests/integration/bus/log: there is no src/partita",
    ),
}


def test_each_area_has_its_tests_and_no_test_lies_elsewhere() -> None:
    """A test that a reader does not find is written a second time, or is not run before a change."""
    found = complaints(ROOT)
    assert not found, "\n" + "\n".join(found)


def test_a_house_in_order_brings_no_complaint(tmp_path: Path) -> None:
    """A rule that cries wolf is switched off."""
    assert complaints(built(tmp_path)) == []


@pytest.mark.parametrize("case", PLANTED)
def test_a_planted_file_is_the_one_complaint(case: str, tmp_path: Path) -> None:
    """A check that was never red proves nothing."""
    where, expected = PLANTED[case]
    (found,) = complaints(built(tmp_path, where))
    assert found.startswith(expected)


def built(root: Path, *more: str) -> Path:
    """A tree with these files."""
    for where in (*HOUSE, *more):
        (root / where).parent.mkdir(parents=True, exist_ok=True)
        (root / where).touch()
    return root

"""Money is found in a message wherever a field of it holds money, and nowhere else."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from partita import Event, Key, Service
from partita.catalog.contract import contract_of
from partita.flow.money import money_in
from partita.schemas import Money


class Line(msgspec.Struct, frozen=True):
    """A record within a message."""

    sku: str
    price_cents: int


class Tree(msgspec.Struct, frozen=True):
    """A record that holds itself."""

    children: list[Tree] = []
    name: str = ""


@pytest.mark.parametrize(
    ("annotation", "where"),
    [
        (Money, "Paid.field"),
        (Money | None, "Paid.field"),
        (Annotated[Money, Meta(description="the price")], "Paid.field"),
        (list[Money], "Paid.field"),
        (dict[str, Money], "Paid.field"),
        (list[Line], "Paid.field.price_cents"),
        (Tree, ""),
        (int, ""),
        (str, ""),
    ],
    ids=str,
)
def test_money_is_found_where_a_field_holds_it(annotation: Any, where: str) -> None:
    service = Service("one", namespace="t.one")
    paid: Any = type(Event)("Paid", (Event,), {"__annotations__": {"id": Key[str], "field": annotation}}, of=service)
    assert money_in(contract_of(paid)) == where


@pytest.mark.parametrize(
    ("name", "found"), [("total_cents", True), ("cents", True), ("percent", False), ("cents_of", False)]
)
def test_a_name_that_ends_in_a_minor_unit_is_money(name: str, found: bool) -> None:
    service = Service("one", namespace="t.one")
    paid: Any = type(Event)("Paid", (Event,), {"__annotations__": {"id": Key[str], name: int}}, of=service)
    assert bool(money_in(contract_of(paid))) == found

"""An example is a value that the message's class reads, the same on each run, whatever types the class has."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, NewType

import msgspec
import pytest

from partita import Event, Key, Service
from partita.catalog.contract import contract_of
from partita.examples.claims.app import app as claims
from partita.examples.rides.app import app as rides
from partita.examples.shop.app import app as shop
from partita.observability.catalog.example import example_of
from partita.schemas import Money
from partita.testing.generators.declarations import message_class
from partita.testing.generators.values import ModestDice

Iban = NewType("Iban", str)
CLASSES = 300


def example(cls: type[Any]) -> dict[str, Any] | None:
    found = example_of(contract_of(cls).shape)
    if found is not None:
        msgspec.json.decode(json.dumps(found), type=contract_of(cls).shape.struct)
    return found


@pytest.mark.parametrize("app", [shop, rides, claims], ids=["shop", "rides", "claims"])
def test_each_message_of_an_app_has_one(app: Any) -> None:
    found = [example_of(contract.shape) for contract in app.catalog.contracts.values()]
    assert None not in found and found == [example_of(c.shape) for c in app.catalog.contracts.values()]


def test_each_generated_message_has_one_that_its_class_reads() -> None:
    """Records within themselves end, unions take a member, bounds are kept."""
    for seed in range(CLASSES):
        cls: Any = message_class(Service("gen", namespace="gen", codec="json"), ModestDice(seed), "Made")
        assert example(cls) is not None, seed


svc = Service("examples", namespace="examples")


class Within(msgspec.Struct):
    to: Within | None = None
    others: list[Within] = []


class Paid(Event, of=svc):
    id: Key[str]
    amount: Money
    iban: Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}[0-9]{20}$", examples=["DE12345678901234567890"])]
    named: Annotated[Iban, msgspec.Meta(description="the receiver's", examples=["AT61"])]
    short: Annotated[str, msgspec.Meta(max_length=4)]
    long: Annotated[str, msgspec.Meta(min_length=30)]
    few: Annotated[list[int], msgspec.Meta(min_length=3)]
    large: Annotated[int, msgspec.Meta(gt=99, multiple_of=7)]
    between: Annotated[float, msgspec.Meta(gt=0, lt=1)]
    small: Annotated[int, msgspec.Meta(lt=-5)]
    state: Literal["open", "closed"]
    within: Within
    other_accounts: dict[str, int] = {}


def test_declared_examples_go_first_and_bounds_are_kept() -> None:
    found = example(Paid)
    assert found is not None
    assert found["iban"] == "DE12345678901234567890" and found["named"] == "AT61"
    assert found["amount"] == {"minorUnits": 1, "currency": "EUR"}
    assert len(found["short"]) == 4 and len(found["long"]) == 30 and len(found["few"]) == 3
    assert found["large"] == 105 and 0 < found["between"] < 1 and found["small"] == -6
    assert found["state"] == "open" and found["otherAccounts"] == {"key-1": 1}


class Coded(Event, of=svc):
    id: Key[str]
    code: Annotated[str, msgspec.Meta(pattern="^[A-Z]{9}$")]


class Wrong(Event, of=svc):
    id: Key[str]
    code: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$", examples=["eur"])]


def test_there_is_none_where_a_pattern_needs_a_declared_one_or_the_declared_one_is_wrong() -> None:
    """A made-up text that its own class refuses would teach a reader something false."""
    assert example(Coded) is None and example(Wrong) is None

"""Upcasters are refused at import or when the app is made, with the line to write, where an old message could not be handled."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from partita import App, Command, Event, Fault, Key, Rejection, Saga, Service, minutes, step
from partita.catalog.catalog import Catalog
from partita.catalog.contract import contract_of, version_in
from partita.cli.main import cli
from partita.errors import DeclarationError
from partita.flow.flow_map import flow_map


@pytest.fixture
def shop() -> Service:
    """A service with no message yet."""
    return Service("shop-service", namespace="cast.shop")


class Versions:
    """A message in three versions."""

    def __init__(self, shop: Service) -> None:
        class SoldV1(Event, of=shop, name="Sold"):
            number: Key[str]

        class SoldV2(Event, of=shop, name="Sold", version=2):
            number: Key[str]
            cents: int

        class Sold(Event, of=shop, version=3):
            number: Key[str]
            cents: int
            currency: str

        self.V1, self.V2, self.V3 = SoldV1, SoldV2, Sold

    def upcaster(self, old: type[Any], new: type[Any]) -> Callable[[Any], Any]:
        def sold(old: Any) -> Any: ...

        sold.__annotations__ = {"old": old, "return": new}
        return sold


def refused(saying: str, hint: str = "") -> Any:
    """The refusal of a declaration: what it says, and the line to write."""
    return pytest.raises(DeclarationError, match=f"(?s){re.escape(saying)}.*{re.escape(hint)}")


def test_a_chain_leads_each_old_shape_to_the_newest(shop: Service) -> None:
    """The order of the declarations does not matter."""
    found = Versions(shop)
    shop.upcast(found.upcaster(found.V2, found.V3))
    shop.upcast(found.upcaster(found.V1, found.V2))
    assert contract_of(found.V1).newest is contract_of(found.V3)
    Catalog([shop]).check()


def test_all_versions_are_one_message_to_handlers_topics_and_the_map(shop: Service) -> None:
    """A handler names the newest class and gets the messages of every version, also their faults."""
    found = Versions(shop)
    shop.upcast(found.upcaster(found.V1, found.V2))
    shop.upcast(found.upcaster(found.V2, found.V3))
    ears = Service("ears", namespace="cast.ears")
    Newest: Any = found.V3

    @ears.on
    async def hear(event: Newest) -> None: ...

    @ears.on
    async def mourn(fault: Fault[Newest]) -> None: ...

    app = App(shop, ears)
    interests = app.catalog.interests(ears)
    types = [f"cast.shop.v{n}.Sold{end}" for n in (1, 2, 3) for end in ("", ".Fault")]
    assert sorted(interests) == sorted(types)
    assert {interest.contract.full_name for interest in interests.values()} == {types[4], types[5]}
    assert [interests[f"cast.shop.v{n}.Sold"].written.cls for n in (1, 2, 3)] == [found.V1, found.V2, found.V3]
    assert app.catalog.topics_of(ears) == ("cast.shop.events", "cast.shop.faults")
    assert [node.id for node in flow_map(app.catalog).nodes if node.kind == "event"] == ["Fault[Sold]", "Sold"]


def test_a_new_class_of_the_same_name_and_version_is_refused(shop: Service) -> None:
    """Bytes say their name and version alone."""

    class Sold(Event, of=shop):
        number: Key[str]

    with refused("SoldAgain is cast.shop.v1.Sold on the wire, as is Sold", "version=2"):

        class SoldAgain(Event, of=shop, name="Sold"):
            number: Key[str]


def test_an_old_version_that_leads_nowhere_is_refused(shop: Service) -> None:
    """Its messages may be in a topic, an outbox, a dead letter; nothing in this app could handle them."""
    Versions(shop)
    with refused(
        "SoldV1 is version 1 of Sold, no handler and no saga uses it, and nothing leads from it to version 3",
        "@shop.upcast above def sold_v3(old: SoldV1) -> Sold: ...",
    ):
        App(shop)


def test_a_chain_that_ends_before_the_newest_version_is_refused(shop: Service) -> None:
    """The handlers of version 3 would get messages of version 2."""
    found = Versions(shop)
    shop.upcast(found.upcaster(found.V1, found.V2))
    with refused("messages of SoldV1 become SoldV2, version 2 of Sold", "def sold_v3(old: SoldV2) -> Sold"):
        App(shop)
    ears = Service("ears", namespace="cast.ears")
    Middle: Any = found.V2

    @ears.on
    async def hear(event: Middle) -> None: ...

    App(shop, ears)  # version 2 is in use beside version 3, and gets the messages of version 1


def test_two_versions_that_are_both_handled_stand_side_by_side(shop: Service) -> None:
    """A producer that publishes both for a while needs no upcaster."""

    class SoldV1(Event, of=shop, name="Sold"):
        number: Key[str]

    class Sold(Event, of=shop, version=2):
        number: Key[str]

    @shop.on(name="old")
    async def hear_old(event: SoldV1) -> None: ...

    @shop.on
    async def hear(event: Sold) -> None: ...

    App(shop)


@pytest.mark.parametrize(
    ("old", "new", "saying"),
    [
        ("V2", "V1", "leads from version 2 of Sold to version 1: upcasters in both directions would be a circle"),
        ("V2", "V2", "leads from version 2 of Sold to version 2"),
    ],
)
def test_an_upcaster_backwards_or_in_place_is_refused(shop: Service, old: str, new: str, saying: str) -> None:
    """With each step to a newer version no chain can be a circle."""
    found = Versions(shop)
    with refused(saying, "its parameter is the older class"):
        shop.upcast(found.upcaster(getattr(found, old), getattr(found, new)))


def test_a_second_upcaster_from_one_version_is_refused(shop: Service) -> None:
    """Which of them runs would be a matter of chance."""
    found = Versions(shop)
    shop.upcast(found.upcaster(found.V1, found.V2))
    with refused("SoldV1 has an upcaster already, sold at", "Delete one of the two"):
        shop.upcast(found.upcaster(found.V1, found.V3))


def test_an_upcaster_to_another_message_is_refused(shop: Service) -> None:
    """A rename keeps the name on the wire; another name is another message."""
    found = Versions(shop)

    class Sent(Event, of=shop, version=4):
        number: Key[str]

    with refused("leads from Sold to Sent, which is another message", 'class SoldV1(..., name="Sent", version=1)'):
        shop.upcast(found.upcaster(found.V1, Sent))


def test_an_upcaster_is_declared_by_the_owner(shop: Service) -> None:
    """Another service's view of an old event would differ from its owner's."""
    found = Versions(shop)
    other = Service("other", namespace="cast.other")
    with refused("SoldV1 belongs to shop-service, not to other", "@shop.upcast"):
        other.upcast(found.upcaster(found.V1, found.V2))


@pytest.mark.parametrize("kind", ["async", "generator", "two parameters", "no annotation", "a class", "no message"])
def test_an_upcaster_is_a_plain_function_from_message_to_message(shop: Service, kind: str) -> None:
    """It must be pure: it runs wherever an old message is read, also twice."""
    found = Versions(shop)
    V1: Any = found.V1
    V2: Any = found.V2

    async def asynchronous(old: V1) -> V2: ...

    def generator(old: V1) -> V2:
        yield old

    def two(old: V1, more: int) -> V2: ...

    def bare(old): ...  # type: ignore[no-untyped-def]
    def text(old: V1) -> str: ...  # type: ignore[empty-body]

    given: dict[str, tuple[Any, str]] = {
        "async": (asynchronous, "no plain function"),
        "generator": (generator, "no plain function"),
        "two parameters": (two, "takes 2 parameters"),
        "no annotation": (bare, "name no two versions"),
        "a class": (V1, "is no upcaster"),
        "no message": (text, "str is not a declared message"),
    }
    function, saying = given[kind]
    with refused(saying):
        shop.upcast(function)


def test_a_handler_or_a_saga_names_the_newest_class(shop: Service) -> None:
    """It gets the messages of all versions; an old class would never come."""
    found = Versions(shop)
    shop.upcast(found.upcaster(found.V1, found.V2))
    shop.upcast(found.upcaster(found.V2, found.V3))
    V1: Any = found.V1
    ears = Service("ears", namespace="cast.ears")

    @ears.on
    async def hear(event: V1) -> None: ...

    with refused("hear takes SoldV1, an old shape: its messages become Sold", "Name Sold"):
        App(shop, ears)

    mouth = Service("mouth", namespace="cast.mouth")

    class Said(Event, of=mouth):
        number: Key[str]

    class Say(Command[Said], of=mouth):
        number: Key[str]

    class Hush(Command[Said], of=mouth):
        number: Key[str]

    class Process(Saga, start=V1, deadline=minutes(1), of=mouth, undone=Said):
        say = step(Say, no_effect=True)

    @mouth.handles(Say)
    async def say(cmd: Say) -> Said:
        return Said(number=cmd.number)

    @mouth.handles(Hush)
    async def hush(cmd: Hush) -> Said:
        return Said(number=cmd.number)

    with refused("Process takes SoldV1, an old shape"):
        App(shop, mouth)


def test_a_refusal_keeps_the_version_of_the_oldest_command_it_refuses(shop: Service) -> None:
    """Declared before its old shape, the newer command would have renamed the refusal on the wire."""

    class Sold(Event, of=shop):
        number: Key[str]

    class SoldOut(Rejection):
        number: str

    class Sell(Command[Sold, SoldOut], of=shop, version=2):
        number: Key[str]

    assert contract_of(SoldOut).full_name == "cast.shop.v2.SoldOut"

    class SellV1(Command[Sold, SoldOut], of=shop, name="Sell", version=1):
        number: Key[str]

    assert contract_of(SoldOut).full_name == "cast.shop.v1.SoldOut"
    assert "cast.shop.v2.SoldOut" not in shop.contracts


@pytest.mark.parametrize(
    ("type_name", "found"),
    [
        ("shop.order.v1.OrderPlaced", ("shop.order.OrderPlaced", 1)),
        ("shop.v2.order.v13.OrderPlaced", ("shop.v2.order.OrderPlaced", 13)),
        ("shop.order.v1.OrderPlaced.Fault", ("shop.order.OrderPlaced.Fault", 1)),
        ("com.example.object.created", ("com.example.object.created", 0)),
        ("", ("", 0)),
    ],
)
def test_a_type_says_its_message_and_its_version(type_name: str, found: tuple[str, int]) -> None:
    """A foreign type has no version, and is no other message's."""
    assert version_in(type_name) == found


def test_describe_shows_both_versions_as_one_message(shop: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader of the description learns the newest class, and that old messages arrive there."""
    found = Versions(shop)
    shop.upcast(found.upcaster(found.V1, found.V3))
    shop.upcast(found.upcaster(found.V2, found.V3))
    monkeypatch.setitem(sys.modules, "cast_shop", SimpleNamespace(app=App(shop)))

    def said(*words: str) -> str:
        result = CliRunner().invoke(cli, ["describe", *words, "--app", "cast_shop:app"], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    assert "also reads   messages of SoldV1, SoldV2" in said("event", "Sold")
    assert "old shape    its messages become Sold" in said("event", "SoldV1")
    assert "SoldV1" not in said("service", "shop-service")
    assert '"old_shapes": ["SoldV1", "SoldV2"]' in said("event", "Sold", "-o", "json")

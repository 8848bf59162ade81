"""A message keeps its name on the wire when its class is renamed: other programs use `name=`, our code uses the
class."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, Literal

import msgspec
import pytest
from click.testing import CliRunner

from partita import (
    App,
    Command,
    DeclarationError,
    Event,
    Fault,
    Key,
    Rejection,
    Saga,
    Service,
    minutes,
    seconds,
    step,
)
from partita.catalog.catalog import Catalog
from partita.catalog.contract import Contract, contract_of
from partita.catalog.fault import contract_in
from partita.catalog.rejection import from_struct, to_struct
from partita.cli.main import cli
from partita.codec.avro import AvroCodec

before = Service("before-the-deploy", namespace="named.shop")
after = Service("after-the-deploy", namespace="named.shop")


class Line(Event, of=before):
    sku: str


class OrderPlaced(Event, of=before):
    id: Key[str]
    lines: list[Line]
    earlier: OrderPlaced | None = None
    channel: Literal["web", "shop"] = "web"


class OutOfStock(Rejection):
    sku: str


class PlaceOrder(Command[OrderPlaced, OutOfStock], of=before, version=2):
    id: Key[str]


class OrderLine(Event, of=after, name="Line"):
    sku: str


class OrderAccepted(Event, of=after, name="OrderPlaced"):
    id: Key[str]
    lines: list[OrderLine]
    earlier: OrderAccepted | None = None
    channel: Literal["web", "shop"] = "web"


class SoldOut(Rejection, name="OutOfStock"):
    sku: str


class AcceptOrder(Command[OrderAccepted, SoldOut], of=after, version=2, name="PlaceOrder"):
    id: Key[str]


RENAMED = [(Line, OrderLine), (OrderPlaced, OrderAccepted), (OutOfStock, SoldOut), (PlaceOrder, AcceptOrder)]


@pytest.fixture
def shop() -> Service:
    """A service with no message yet."""
    return Service("named", namespace="named.own")


@pytest.mark.parametrize(("old", "new"), RENAMED)
def test_a_renamed_class_is_on_the_wire_what_it_was(old: type[Any], new: type[Any]) -> None:
    """Type, topic, key, schema and fingerprint: other services, kept messages and running sagas identify the message
    by them."""

    def seen(contract: Contract) -> tuple[Any, ...]:
        codec = AvroCodec()
        fingerprint = codec.learn(contract.shape)
        return contract.full_name, contract.topic, contract.key_field, fingerprint, codec.schema_text(fingerprint)

    assert seen(contract_of(old)) == seen(contract_of(new))
    assert contract_of(new).name == new.__name__ != old.__name__ == contract_of(new).wire_name


def test_what_the_old_class_wrote_is_read_as_the_renamed_one() -> None:
    """Also where the message holds other messages, and itself."""
    writer, reader = AvroCodec(), AvroCodec()
    first = OrderPlaced(id="1", lines=[])
    written = writer.encode(contract_of(OrderPlaced).shape, OrderPlaced(id="2", lines=[Line(sku="a")], earlier=first))
    reader.learn(contract_of(OrderAccepted).shape)

    read = reader.decode(contract_of(OrderAccepted).shape, *written)

    assert read == OrderAccepted(id="2", lines=[OrderLine(sku="a")], earlier=OrderAccepted(id="1", lines=[]))


def test_the_old_class_reads_what_the_renamed_one_wrote() -> None:
    """A deploy restarts one process after the other, so both versions run for a while."""
    writer, reader = AvroCodec(), AvroCodec()
    written = writer.encode(contract_of(AcceptOrder).shape, AcceptOrder(id="1"))
    reader.learn(contract_of(PlaceOrder).shape)
    assert reader.decode(contract_of(PlaceOrder).shape, *written) == PlaceOrder(id="1")


def test_a_refusal_travels_under_its_name() -> None:
    """Its record has the name of the refusal, although another class carries the fields."""
    writer, reader = AvroCodec(), AvroCodec()
    written = writer.encode(contract_of(OutOfStock).shape, to_struct(OutOfStock(sku="a")))
    reader.learn(contract_of(SoldOut).shape)
    read = from_struct(SoldOut, reader.decode(contract_of(SoldOut).shape, *written))
    assert isinstance(read, SoldOut) and read.sku == "a"  # type: ignore[attr-defined]


def test_the_faults_of_a_renamed_class_keep_their_type() -> None:
    """A service that handles dead letters of the old class also handles those of the new one."""
    fault = contract_in(Fault[OrderAccepted])
    assert fault.full_name == "named.shop.v1.OrderPlaced.Fault"
    assert fault.name == "Fault[OrderAccepted]"


def test_an_old_shape_stands_beside_the_new_one_under_its_name(shop: Service) -> None:
    """Two versions of a message are two classes, and a module has one class of a name."""

    class PaidV1(Event, of=shop, name="Paid"):
        id: Key[str]

    class Paid(Event, of=shop, version=2):
        id: Key[str]
        cents: int

    assert [*shop.messages.items()] == [("named.own.v1.Paid", PaidV1), ("named.own.v2.Paid", Paid)]


def test_the_name_is_not_handed_down_to_a_subclass(shop: Service) -> None:
    """A subclass is another message, and its name is its own."""

    class First(Event, of=shop, name="One"):
        id: Key[str]

    class Second(First, of=shop):
        pass

    class No(Rejection, name="Nein"):
        pass

    class Never(No):
        pass

    class Do(Command[First, No | Never], of=shop):
        id: Key[str]

    assert list(shop.messages) == [f"named.own.v1.{name}" for name in ("One", "Second", "Nein", "Never", "Do")]


# --- clashes


def two_events(of: Service) -> None:
    class Paid(Event, of=of):
        id: Key[str]

    class Charged(Event, of=of, name="Paid"):
        id: Key[str]


def a_name_that_a_later_class_has(of: Service) -> None:
    class Charged(Event, of=of, name="Paid"):
        id: Key[str]

    class Paid(Event, of=of):
        id: Key[str]


def an_event_and_a_command(of: Service) -> None:
    class Paid(Event, of=of):
        id: Key[str]

    class Charged(Command[Paid], of=of, name="Paid"):
        id: Key[str]


def two_refusals_of_one_command(of: Service) -> None:
    class Done(Event, of=of):
        id: Key[str]

    class Paid(Rejection):
        pass

    class Charged(Rejection, name="Paid"):
        pass

    class Do(Command[Done, Paid | Charged], of=of):
        id: Key[str]


@pytest.mark.parametrize(
    "declare", [two_events, a_name_that_a_later_class_has, an_event_and_a_command, two_refusals_of_one_command]
)
def test_two_classes_of_one_name_on_the_wire_are_refused_with_both_places(
    declare: Callable[[Service], None], shop: Service
) -> None:
    """A reader could not know which one is meant: the second declaration is refused, with its place."""
    with pytest.raises(DeclarationError) as caught:
        declare(shop)

    said, first = str(caught.value), declare.__code__.co_firstlineno
    lines = [int(line) for line in re.findall(rf"{re.escape(__file__)}:(\d+)", said)]
    assert len(lines) == 2 and lines[0] > lines[1] > first, said
    assert {"Paid", "Charged", "named.own.v1.Paid"} <= set(re.findall(r"[\w.]+", said)), said
    assert "name=" in (caught.value.hint or "")


@pytest.mark.parametrize("name", ["", "order-placed", "shop.Placed", "1st", "Größe", "a\n", "x" * 101, 7, Line])
def test_what_no_record_may_be_called_is_refused(name: Any, shop: Service) -> None:
    """The name is that of an Avro record and the end of a CloudEvents type."""
    with pytest.raises(DeclarationError, match=rf"^{re.escape(__file__)}:\d+: .* is not valid as a message's name"):

        class Placed(Event, of=shop, name=name):
            id: Key[str]

    with pytest.raises(DeclarationError, match=rf"^{re.escape(__file__)}:\d+: .* is not valid as a message's name"):

        class No(Rejection, name=name):
            pass

    assert not shop.messages


def test_a_name_without_an_owner_is_refused() -> None:
    """A class that is only a base is never sent: the name would be silently lost."""
    with pytest.raises(DeclarationError, match=r"Placed has name='X' and no owner") as caught:

        class Placed(Event, name="X"):
            id: Key[str]

    assert caught.value.hint == "class Placed(Event, of=service, name=...)"


# --- where people read it


def test_an_error_names_the_class_and_its_hint_can_be_pasted(shop: Service) -> None:
    """The line to write has the name that the code has."""

    class Started(Event, of=shop):
        id: Key[str]

    class Did(Event, of=shop):
        id: Key[str]

    class DoIt(Command[Did], of=shop, name="OldDo"):
        id: Key[str]

    class Doing(Saga, start=Started, deadline=minutes(5), undone=Did, of=shop):
        do = step(DoIt, no_effect=True, timeout=seconds(30))

    with pytest.raises(DeclarationError) as caught:
        Catalog([shop]).check()
    assert "sends DoIt" in str(caught.value) and "@named.handles(DoIt)" in (caught.value.hint or "")


@pytest.mark.parametrize("called", ["OrderAccepted", "OrderPlaced", "named.shop.v1.OrderPlaced"])
def test_describe_and_schema_find_it_by_each_of_its_names(called: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead letter shows the type, the code the class: people know a message by either."""
    module = ModuleType("named_on_the_wire")
    module.app = App(after)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "named_on_the_wire", module)
    of = ["--app", "named_on_the_wire:app"]

    described = CliRunner().invoke(cli, ["describe", "event", called, *of])
    as_json = CliRunner().invoke(cli, ["describe", "event", called, "-o", "json", *of])
    schema = CliRunner().invoke(cli, ["schema", "show", called, "-o", "json", *of])
    service = CliRunner().invoke(cli, ["describe", "service", after.name, *of])

    assert "named.shop.v1.OrderPlaced" in described.output and "declared as OrderAccepted at" in described.output
    told = msgspec.json.decode(as_json.output)
    assert (told["type"], told["class"]) == ("named.shop.v1.OrderPlaced", "OrderAccepted")
    assert msgspec.json.decode(schema.output)["name"] == "OrderPlaced"
    assert "OrderAccepted (OrderPlaced)" in service.output

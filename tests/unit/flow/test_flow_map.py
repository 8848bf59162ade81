"""The flow map is complete and true: each hop that the declarations imply is in it with its style, and no other."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from tests.unit.flow.cafe import cafe

from partita import App, Command, Event, Key, Saga, Service, minutes, retriable
from partita.examples.shop.app import app as shop
from partita.flow.flow import flows_of
from partita.flow.flow_map import FlowMap, Hop, flow_map


def test_each_declared_hop_is_in_the_map_with_its_style() -> None:
    """An arrow too few hides a consumer, and one too many makes a reader distrust all of them."""
    found = flow_map(cafe().catalog)

    assert _arrows(found, "choreography") == {
        "OrderTea -> till",
        "till -> TeaOrdered",
        "TeaServed -> board",
        "TeaCancelled -> board",
        "kitchen -> Fault[BrewTea]",
        "Fault[BrewTea] -> board",
    }
    assert _arrows(found, "orchestration") == {
        "TeaOrdered -> ServeOrder",
        "ServeOrder -> BrewTea",
        "BrewTea -> kitchen",
        "kitchen -> TeaBrewed",
        "TeaBrewed -> ServeOrder",
        "kitchen -> ServeOrder",  # OutOfTea
        "ServeOrder -> PourAway",
        "PourAway -> kitchen",
        "kitchen -> TeaPouredAway",
        "TeaPouredAway -> ServeOrder",
        "ServeOrder -> ServeTea",
        "ServeTea -> till",
        "till -> TeaServed",
        "TeaServed -> ServeOrder",
        "ServeOrder -> TeaCancelled",
    }
    assert Hop("kitchen", "ServeOrder", "OutOfTea", "orchestration") in found.hops


def test_the_nodes_are_the_services_sagas_and_messages() -> None:
    found = flow_map(cafe().catalog)
    kinds = {kind: {node.id for node in found.nodes if node.kind == kind} for kind in ("service", "saga", "command")}
    assert kinds["service"] == {"till", "kitchen", "board"}
    assert kinds["saga"] == {"ServeOrder"}
    assert kinds["command"] == {"OrderTea", "ServeTea", "BrewTea", "PourAway"}
    assert {hop.origin for hop in found.hops} | {hop.to for hop in found.hops} == {node.id for node in found.nodes}


def test_the_hops_of_the_shop_agree_with_its_catalog() -> None:
    """Two ways to one fact: the map, and the questions that the catalog answers for each message."""
    found = flow_map(shop.catalog)
    for contract in shop.catalog.contracts.values():
        if contract.kind != "event":
            continue
        from_services = {hop.origin for hop in found.hops if hop.to == contract.name}
        expected = {p.name if p.kind == "saga" else p.service for p in shop.catalog.publishers(contract)}
        assert from_services == expected, contract.name
        hearing = {each.service for each in found.hearers(contract.name)}
        handlers = {
            s.name for s in shop.services for b in s.declared.bindings if b.kind == "on" and contract in b.contracts
        }
        assert hearing == handlers, contract.name


def test_an_event_beside_an_answer_is_no_part_of_the_sagas_conversation() -> None:
    """The saga asked for the answer. The other event is the service's own decision."""
    one, two = Service("one", namespace="a.one"), Service("two", namespace="a.two")

    class Began(Event, of=one):
        id: Key[str]

    class Done(Event, of=two):
        id: Key[str]

    class Noticed(Event, of=two):
        id: Key[str]

    class Do(Command[Done], of=two):
        id: Key[str]

    class Run(Saga, start=Began, deadline=minutes(1), of=one):
        only = retriable(Do)

    @two.handles(Do, emits=Noticed)
    async def do(cmd: Do) -> Done:
        return Done(id=cmd.id)

    found = flow_map(App(one, two).catalog)

    assert "two -> Noticed" in _arrows(found, "choreography")
    assert "two -> Done" in _arrows(found, "orchestration")
    assert "two -> Noticed" not in _arrows(found, "orchestration")


def test_an_id_is_unique_where_two_things_share_a_name() -> None:
    """Version 2 of an event may have a class of the same name in another module, and a saga the name of a service."""
    one, two = Service("one", namespace="a.one"), Service("Twin", namespace="a.two")

    def declared(service: Service) -> type[Event]:
        class Done(Event, of=service):
            id: Key[str]

        return Done

    first, second = declared(one), declared(two)

    class Do(Command[first], of=one):  # type: ignore[valid-type]
        id: Key[str]

    class Twin(Saga, start=second, deadline=minutes(1), of=two):
        only = retriable(Do)

    @one.handles(Do)
    async def do(cmd: Do) -> first:  # type: ignore[valid-type]
        return first(id=cmd.id)

    ids = [node.id for node in flow_map(App(one, two).catalog).nodes]

    assert len(ids) == len(set(ids))
    assert set(ids) == {"one", "service Twin", "saga Twin of Twin", "Do", "a.one.v1.Done", "a.two.v1.Done"}


def test_a_service_of_another_app_is_in_the_map() -> None:
    """A map that ends at the edge of one repository hides the service that answers the saga."""
    here, there = Service("here", namespace="a.here"), Service("there", namespace="a.there")

    class Began(Event, of=there):
        id: Key[str]

    class Done(Event, of=there):
        id: Key[str]

    class Do(Command[Done], of=there):
        id: Key[str]

    class Run(Saga, start=Began, deadline=minutes(1), of=here):
        only = retriable(Do)

    found = flow_map(App(here).catalog)

    assert _arrows(found, "choreography") == {"there -> Began"}
    assert {"Run -> Do", "Do -> there", "there -> Done", "Done -> Run"} < _arrows(found, "orchestration")
    assert [flow.entry for flow in flows_of(found)] == ["Began"]


def test_a_flow_begins_where_nothing_of_the_app_causes_it() -> None:
    flows = flows_of(flow_map(shop.catalog))
    assert [flow.entry for flow in flows] == ["PlaceOrder", "RequestReturn", "PaymentDisputed"]
    assert [[saga.id for saga in flow.sagas] for flow in flows] == [["Checkout"], ["ReturnItems"], []]
    assert "OrderCancelled" in flows[0].messages and "OrderCancelled" not in flows[1].messages


def test_a_circle_that_nothing_leads_to_is_a_flow_all_the_same() -> None:
    one = Service("one", namespace="a.one")

    class Ping(Event, of=one):
        id: Key[str]

    class Pong(Event, of=one):
        id: Key[str]

    @one.on
    async def ping(event: Ping) -> Pong:
        return Pong(id=event.id)

    @one.on
    async def pong(event: Pong) -> Ping:
        return Ping(id=event.id)

    (flow,) = flows_of(flow_map(App(one).catalog))
    assert flow.circle and set(flow.messages) == {"Ping", "Pong"}


@pytest.mark.parametrize(
    "words", [["-o", "json"], ["--format", "text"], ["--format", "mermaid"], ["--format", "svg"]], ids=lambda w: w[-1]
)
def test_the_output_is_the_same_in_every_process(words: list[str]) -> None:
    """The order of a set of names differs from process to process; a map that is committed must not."""
    assert len({_printed(words, seed) for seed in ("1", "2", "3")}) == 1


def _printed(words: list[str], seed: str) -> bytes:
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PARTITA_APP": "partita.examples.shop.app:app"}
    program = "from partita.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "flow", *words], env=environment, capture_output=True, timeout=60, check=True
    )
    assert len(done.stdout) > 500
    return done.stdout


def _arrows(found: FlowMap, style: str) -> set[str]:
    return {f"{hop.origin} -> {hop.to}" for hop in found.hops if hop.style == style}

"""The story of a flow map names every consequence once, in the order in which it happens."""

from __future__ import annotations

import pytest
from tests.processes.itemized import app as itemized
from tests.unit.flow.cafe import cafe

from partita import App, Event, Key, Service
from partita.flow.flow_map import flow_map
from partita.flow.mermaid import mermaid
from partita.flow.story import duration, listed, story

CAFE = """\
3 services, 1 saga, 4 commands and 6 events.

OrderTea is sent from outside
  "Take an order."
  till handles it (order) and publishes TeaOrdered
    the saga ServeOrder of till begins and directs kitchen and till, 5 min at most:
      1. brew   BrewTea to kitchen  refused by OutOfTea; undone by PourAway
      2. serve  ServeTea to till    sent until it is done
      all done: TeaServed
        board hears it (show)
      undone: TeaCancelled
        board hears it (show)

When a message becomes a dead letter:
  board hears Fault[BrewTea] (show_fault)"""


def test_a_newcomer_reads_what_happens_in_which_order() -> None:
    assert "\n".join(story(flow_map(cafe().catalog))) == CAFE


def test_a_circle_ends_in_the_story() -> None:
    """A story that follows a circle would never end."""
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

    assert "\n".join(story(flow_map(App(one).catalog))).count("and so on, as above") == 1


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.5, "0.5 s"), (30, "30 s"), (90, "1.5 min"), (900, "15 min"), (43_200, "12 h")]
)
def test_a_duration_is_said_in_its_unit(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_names_are_listed_as_a_sentence_does() -> None:
    assert [listed([]), listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]


def test_mermaid_has_every_node_and_each_hop_between_two_of_them() -> None:
    found = flow_map(cafe().catalog)
    lines = mermaid(found).splitlines()
    faults = [hop for hop in found.hops if hop.message.startswith("Fault[")]
    assert lines[0] == "flowchart LR"
    assert sum("-->" in line or "==>" in line for line in lines) == len(found.hops) - len(faults)
    assert '  n0["board"]' in lines and any(line.endswith('{{"ServeOrder"}}') for line in lines)
    assert any('|"OutOfTea"|' in line for line in lines)


def test_a_client_is_no_service_of_the_map() -> None:
    """It has an outbox and nothing else; the commands that it posts are sent from outside."""
    shop = Service("shop", namespace="test.client.shop")

    class Sold(Event, of=shop):
        id: Key[str]

    @shop.on
    async def hear(event: Sold) -> None: ...

    lines = story(flow_map(App(shop, client="web").catalog))
    assert lines[0] == "1 service, 0 sagas, 0 commands and 1 event."


def test_a_step_for_each_item_names_its_list() -> None:
    lines = story(flow_map(itemized.catalog))
    (hold,) = (line for line in lines if "Hold to stock" in line)
    assert hold.endswith("for each of lines; refused by Gone; undone by Free")

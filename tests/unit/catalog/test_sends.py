"""A handler that declares the commands that it sends keeps to them, and is in the flow map as their sender."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.flow.test_checking import rules

from partita import App, Command, DeclarationError, Event, Key, PartitaError, Service, Tx
from partita.catalog.contract import contract_of
from partita.catalog.sends import check_sent
from partita.flow.flow import flows_of
from partita.flow.flow_map import Hop, flow_map
from partita.flow.story import story


def world(*, declared: str, how: str = "plain", circle: bool = False) -> App:
    """A service that hears an event and sends a command to another one."""
    one, two = Service("one", namespace="t.one"), Service("two", namespace="t.two")

    class Did(Event, of=one):
        id: Key[str]

    class Do(Command[Did], of=one):
        id: Key[str]

    class Packed(Event, of=two):
        id: Key[str]

    class Pack(Command[Packed], of=two):
        id: Key[str]

    class Other(Command[Packed], of=two):
        id: Key[str]

    @one.handles(Do)
    async def do(cmd: Do) -> Did:
        return Did(id=cmd.id)

    sends: Any = {"it": Pack, "another": Other, "none": (), "nothing said": None}[declared]

    @one.on(sends=sends, concurrency=2 if how == "outside" else 1)
    async def react(event: Did, tx: Tx) -> None:
        tx.send(Pack(id=event.id))

    @two.handles(Pack)
    async def pack(cmd: Pack) -> Packed:
        return Packed(id=cmd.id)

    @two.handles(Other)
    async def other(cmd: Other) -> Packed:
        return Packed(id=cmd.id)

    if circle:

        @two.on(sends=Do)
        async def again(event: Packed, tx: Tx) -> None:
            tx.send(Do(id=event.id))

    app = App(one, two)
    app.Do, app.Pack, app.Other = Do, Pack, Other  # type: ignore[attr-defined]
    return app


def test_the_sender_is_in_the_map() -> None:
    found = flow_map(world(declared="it").catalog)
    assert Hop("one", "Pack", "Pack", "choreography") in found.hops
    assert [flow.entry for flow in flows_of(found)] == ["Do", "Other"]
    assert "    one hears it (react) and sends Pack" in story(found)


def test_an_undeclared_command_counts_as_sent_from_outside() -> None:
    assert "Pack" in [flow.entry for flow in flows_of(flow_map(world(declared="nothing said").catalog))]


def test_a_circle_through_a_command_is_found() -> None:
    assert rules(world(declared="it", circle=True)) == ["endless-circle"]


@pytest.mark.parametrize("how", ["plain", "outside"])
@pytest.mark.parametrize("declared", ["it", "nothing said", "another", "none"])
async def test_a_handler_sends_no_other_command_than_those_it_declares(declared: str, how: str) -> None:
    app: Any = world(declared=declared, how=how)
    async with app.testing() as scenario:
        await scenario.send(app.Do(id="1"))
        await scenario.quiet()
        sent = len(scenario.sent(app.Pack))
    assert sent == (1 if declared in ("it", "nothing said") else 0)


def test_the_error_has_the_line_to_write() -> None:
    app: Any = world(declared="another")
    (binding,) = (each for each in app.services[0].declared.bindings if each.name == "react")
    with pytest.raises(PartitaError, match="react sends Pack, which it does not declare") as raised:
        check_sent(binding, contract_of(app.Pack))
    assert raised.value.hint == "sends=(Other, Pack)"
    check_sent(binding, contract_of(app.Other))


@pytest.mark.parametrize("wrong", ["an event", "a text", "no owner"])
def test_only_commands_are_declared_as_sent(wrong: str) -> None:
    one = Service("one", namespace="t.one")

    class Did(Event, of=one):
        id: Key[str]

    sends: Any = {"an event": Did, "a text": "Do", "no owner": (Command,)}[wrong]
    with pytest.raises(DeclarationError, match="is no command"):

        @one.on(sends=sends)
        async def react(event: Did, tx: Tx) -> None: ...

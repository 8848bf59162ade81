"""Generated values on their way: the receiver, the first answer and the answer to a repeat have what was sent."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

from partita import App, Command, Key, Meta, Service, Settings
from partita.testing.generators.declarations import message_class
from partita.testing.generators.values import same, struct_of

KINDS = 40


def _declare(source: Service, sink: Service, number: int, received: dict[str, Any]) -> tuple[Any, Any]:
    """A command, and the value of a generated class that it is answered with."""
    dice = Random(1_000 + number)
    cls: Any = message_class(source, dice, f"Made{number}")
    value = struct_of(cls, dice)
    space = {"__annotations__": {"id": Key[str]}, "__orig_bases__": (Command[cls],)}
    command: Any = type(Command)(f"Make{number}", (Command,), space, of=source)

    async def make(cmd: Any) -> Any:
        return value

    async def take(event: cls, meta: Meta) -> None:
        received[f"Made{number}"] = event, meta.key

    make.__name__, take.__name__ = f"make{number}", f"take{number}"
    source.handles(command)(make)
    sink.on(take)
    return command(id="k"), value


async def test_a_receiver_and_a_repeated_request_have_the_value_that_was_sent(tmp_path: Path) -> None:
    """A kept reply is the reply, to the microsecond, and what another service reads is equal to both."""
    received: dict[str, Any] = {}
    source, sink = Service("source", namespace="travel.source"), Service("sink", namespace="travel.sink")
    sent = [_declare(source, sink, number, received) for number in range(KINDS)]
    app = App(source, sink, settings=Settings(data=tmp_path))
    async with app.running():
        for command, value in sent:
            first = await app.send(command, idempotency_key="once")
            again = await app.send(command, idempotency_key="once")
            assert first is value and again is not value and same(again, value)
        await app.settled()
    for _, value in sent:
        event, key = received[type(value).__name__]
        assert same(event, value) and key == value.id

"""Bombs on the bus: each is a dead letter at once, and the messages around it are handled."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from partita import App, Command, Event, Key, Retry, Service, Settings
from partita.bus.port import Outgoing
from partita.message import Envelope, envelope_to_bytes
from partita.store.dead_letters import LetterFilter

HEADERS = Envelope(id="x", source="foreign", type="bomb.source.v1.Sold", time_us=1, correlation_id="x")
DOUBLING = "".join(
    [
        *(f'{{"type":"record","name":"R{n}","fields":[{{"name":"a","type":' for n in range(24)),
        '"long"',
        *(
            f'}},{{"name":"b","type":{json.dumps(f"R{n + 1}") if n < 23 else json.dumps("long")}}}]}}'
            for n in reversed(range(24))
        ),
    ]
)
NESTED = (
    "".join(f'{{"type":"record","name":"R{n}","fields":[{{"name":"a","type":' for n in range(30_000))
    + '"long"'
    + "}]}" * 30_000
)


class Fussy(msgspec.Struct, frozen=True):
    """A class that refuses in a way of its own."""

    n: int = 0

    def __post_init__(self) -> None:
        if self.n == 13:
            raise LookupError("no thirteen")


def headers(schema: str, message_id: str) -> bytes:
    """The headers of a bomb."""
    return envelope_to_bytes(msgspec.structs.replace(HEADERS, id=message_id, schema=schema))


async def test_each_bomb_is_a_dead_letter_and_nothing_stands_still(tmp_path: Path) -> None:
    """Schemas, headers and values that took seconds, gigabytes or for ever; the message after them is handled."""
    source, sink = (
        Service("source", namespace="bomb.source"),
        Service("sink", namespace="bomb.sink", retry=Retry(delays=())),
    )
    seen: list[str] = []

    class Sold(Event, of=source):
        sku: Key[str]
        fussy: Fussy = Fussy()

    class Sell(Command[Sold], of=source):
        sku: Key[str]

    @source.handles(Sell)
    async def sell(cmd: Sell) -> Sold:
        return Sold(sku=cmd.sku)

    @sink.on
    async def count(event: Sold) -> None:
        seen.append(event.sku)

    app = App(source, sink, settings=Settings(data=tmp_path))
    async with app.running() as system:
        ours = system.codec.learn(Sold.__partita__.shape)  # type: ignore[attr-defined]  # of a declared class
        plain = headers(ours, "deep")
        await app.system.registry.publish("doubling", DOUBLING)
        await app.system.registry.publish("nested", NESTED)
        bombs = {
            "doubling": (headers("doubling", "doubling"), b"\x02" * 100),
            "nested": (headers("nested", "nested"), b"\x02"),
            "headers": (
                bytes([plain[0] + 1]) + plain[1:] + b"\x91" * 5_000 + b"\x00",
                b"",
            ),
            "own class": (headers(ours, "own class"), b"\x02a\x1a"),
        }
        await app.bus.append([Outgoing(source.events_topic, None, *bomb, name) for name, bomb in bombs.items()])
        await app.send(Sell(sku="after"))
        await app.settled(dead_letters=True)
        async with app.store("sink").reading() as session:
            letters = await session.dead_letters.find("sink", 10, LetterFilter())
    assert sorted(letter.cause_type for letter in letters) == ["Malformed"] * len(bombs)
    assert seen == ["after"]

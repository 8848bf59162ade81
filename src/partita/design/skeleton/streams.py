"""`streams.py` of a project: bounded channels for events that may be lost, which no outbox carries."""

from __future__ import annotations

import math

from partita.design.document.shown import WrittenTest
from partita.design.skeleton.blueprint import Blueprint, Stream
from partita.design.skeleton.code import imported, number
from partita.design.skeleton.file import WholeFile
from partita.exports.declaring.python_text import comment, variable_name

BATCH = 500
TESTS = "tests/test_streams.py"

_HEAD = '''"""Events that may be lost: {names}. They come faster than a database takes them, so no outbox carries them.

The receiver of a device's messages calls `offer`. The channel keeps the latest one of each key. When it is full it
takes no new key; an event that is lost is counted. Only the latest of each key goes on, many in one message.
"""'''
_CHANNEL = '''
M = TypeVar("M")


@dataclass(slots=True)
class Channel(Generic[M]):
    """The latest value of each key, for a bounded number of keys. offered = replaced + dropped + taken + waiting."""

    keys_max: int
    offered: int = 0
    replaced: int = 0
    dropped: int = 0
    taken: int = 0
    _latest: dict[str | int, M] = field(default_factory=dict)

    def offer(self, key: str | int, value: M) -> bool:
        """Keep the value in place of the earlier one of its key. False = the channel is full: it is dropped."""
        self.offered += 1
        if key in self._latest:
            self.replaced += 1
        elif len(self._latest) >= self.keys_max:
            self.dropped += 1
            return False
        self._latest[key] = value
        return True

    def take(self, most: int) -> list[M]:
        """Take the values that have waited longest, `most` of them at most."""
        keys = list(itertools.islice(self._latest, most))
        self.taken += len(keys)
        return [self._latest.pop(key) for key in keys]

    @property
    def waiting(self) -> int:
        """The number of keys that wait."""
        return len(self._latest)


class Sender(Protocol):
    """An app, or a test of one."""

    async def send(self, command: Command[ReplyT, Any], /) -> ReplyT:
        """Send a command, and return its answer."""
        ...
'''


def streams_file(blue: Blueprint) -> WholeFile | None:
    """The channels of all lossy events; None = the design has none."""
    streams = {stream.event.name: stream for stream in blue.streams}
    if not streams:
        return None
    commands = [stream.sends.name for stream in blue.streams]
    lines = [
        _HEAD.format(names=", ".join(streams)),
        "",
        "import asyncio",
        "import itertools",
        "from dataclasses import dataclass, field",
        "from typing import Any, Generic, Protocol, TypeVar",
        "",
        "from partita import Command",
        "",
        imported(f"{blue.package}.messages", [*streams, *commands]),
        "",
        'ReplyT = TypeVar("ReplyT")',
        _CHANNEL.strip(),
        "",
        *(line for name in streams for line in _channel(blue, name)),
        "",
        *(line for name in streams for line in _forward(blue, name)),
        "",
        "",
        "async def pump(app: Sender) -> None:",
        '    """Send on for ever, in the process that runs the readers: `async with app.running(): await pump(app)`."""',
        "    while True:",
        *(f"        await forward_{variable_name(name)}(app)" for name in streams),
        f"        await asyncio.sleep({number(min(stream.every_s for stream in streams.values()))})",
    ]
    return WholeFile(f"{blue.package}/streams.py", "\n".join(lines) + "\n")


def _channel(blue: Blueprint, name: str) -> list[str]:
    stream = next(each for each in blue.streams if each.event.name == name)
    variable = variable_name(name)
    return [
        "",
        comment(f"{stream.why}. {arithmetic(stream)}"),
        f"{variable}: Channel[{name}] = Channel(keys_max={stream.keys_max:_})",
        f"{variable.upper()}_BATCH = {BATCH}",
    ]


def arithmetic(stream: Stream) -> str:
    """The load that goes on, with its arithmetic."""
    messages = math.ceil(stream.keys_max / BATCH)
    return (
        f"At most {stream.keys_max:,} keys / {BATCH} in a message / {stream.every_s:g} s = "
        f"{messages / stream.every_s:,.0f} messages a second go on"
    )


def _forward(blue: Blueprint, name: str) -> list[str]:
    variable = variable_name(name)
    sends = [stream.sends.name for stream in blue.streams if stream.event.name == name]
    return [
        "",
        f"async def forward_{variable}(app: Sender) -> int:",
        f'    """Send the waiting {name} on, and return their number. Those that come meanwhile wait for the next round."""',
        f"    rounds = -(-{variable}.waiting // {variable.upper()}_BATCH)",
        "    sent = 0",
        "    for shard in range(rounds):",
        f"        latest = {variable}.take({variable.upper()}_BATCH)",
        *(f"        await app.send({command}(shard=shard, latest=latest))" for command in sends),
        "        sent += len(latest)",
        "    return sent",
    ]


def streams_test(blue: Blueprint) -> WholeFile | None:
    """The test of the channels: bounded, counted, and of each key the latest."""
    streams = {stream.event.name: stream for stream in blue.streams}
    if not streams:
        return None
    lines = [
        '"""Events that may be lost: the channel is bounded, each loss is counted, and the latest of each key goes on."""',
        "",
        *(["import datetime as dt"] if any("dt." in _value(blue, name) for name in streams) else []),
        "from unittest import IsolatedAsyncioTestCase",
        "",
        f"from {blue.package} import streams",
        f"from {blue.package}.app import app",
        imported(
            f"{blue.package}.messages",
            {word for name in streams for word in _names(blue, name)} | {stream.sends.reply for stream in blue.streams},
        ),
        "",
        "",
        "class StreamTest(IsolatedAsyncioTestCase):",
        '    """The channels alone, then one round of each."""',
    ]
    for test, (name, stream) in zip(stream_tests(blue), streams.items(), strict=True):
        variable = variable_name(name)
        lines += [
            "",
            f"    async def {test.name}(self) -> None:",
            f"        channel: streams.Channel[{name}] = streams.Channel(keys_max=2)",
            f"        value = {_value(blue, name)}",
            '        kept = [channel.offer(key, value) for key in ("a", "b", "a", "c")]',
            "        assert kept == [True, True, True, False]",
            "        assert len(channel.take(1)) == 1",
            "        counted = channel.replaced + channel.dropped + channel.taken + channel.waiting",
            "        assert channel.offered == counted == 4",
            "        async with app.testing() as t:",
            f"            streams.{variable}.take(streams.{variable}.keys_max)",
            f"            for number in range(streams.{variable.upper()}_BATCH + 1):",
            f"                streams.{variable}.offer(number, value)",
            f"            assert await streams.forward_{variable}(t) == streams.{variable.upper()}_BATCH + 1",
            "            await t.settled()",
            f"            assert len(t.published({stream.sends.reply})) == 2",
        ]
    return WholeFile(TESTS, "\n".join(lines) + "\n")


def stream_tests(blue: Blueprint) -> list[WrittenTest]:
    """A test for each lossy event."""
    return [
        WrittenTest(
            TESTS,
            "StreamTest",
            f"test_{variable_name(name)}_is_bounded_and_the_latest_goes_on",
            "scenario",
            f"more {name} than its channel holds",
            (),
        )
        for name in dict.fromkeys(stream.event.name for stream in blue.streams)
    ]


def _value(blue: Blueprint, name: str) -> str:
    fields = (f"{each.name}={blue.words.value(each)}" for each in blue.messages[name].fields if not each.default)
    return f"{name}({', '.join(fields)})"


def _names(blue: Blueprint, name: str) -> set[str]:
    types = [*blue.words.names.values(), *(record for record, _ in blue.words.records.values()), "Geo"]
    return {name, *(kind for kind in types if f"{kind}(" in _value(blue, name))}

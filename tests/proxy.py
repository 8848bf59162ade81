"""A TCP proxy that makes failures: it is between a client and a server, on a thread and a loop of its own.

Down, reset, black hole, latency, and the one that matters most: a reply that is cut. In that case the request was
forwarded and answered, so its effect has happened, and the client only sees its connection reset: outcome unknown.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

T = TypeVar("T")
Seen = Callable[[bytes], bool]
CHUNK = 65_536
CALL_WITHIN_S = 10.0
BEGIN = re.compile(b"BEGIN")


class Cut:
    """Which replies are cut: those to requests that `seen` says yes to, one in `every`, at most `times`; and only where
    the client has said `within` since what it last `began`."""

    def __init__(self, seen: Seen, times: int, every: int, within: bytes, began: re.Pattern[bytes]) -> None:
        self.began = began
        self._seen = seen
        self._within = within
        self._times = times
        self._every = every
        self._asked = 0
        self.done = 0

    def wants(self, data: bytes, transaction: bytes) -> bool:
        """Whether the reply to this is to be cut; it counts."""
        if self.done >= self._times or not self._seen(data) or self._within not in transaction:
            return False
        self._asked += 1
        if self._asked % self._every:
            return False
        self.done += 1
        return True


class Connection:
    """One client's connection and the one behind it."""

    def __init__(
        self,
        proxy: Proxy,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._proxy = proxy
        self._client, self._server = client, server
        self._open = asyncio.Event()
        self._open.set()
        self._cutting = False
        self._transaction = b""
        self.said = b""

    async def run(self) -> None:
        """Forward both ways until one ends."""
        ways = [
            asyncio.create_task(self._forward(self._client[0], self._server[1], self._heard_client)),
            asyncio.create_task(self._forward(self._server[0], self._client[1], self._heard_server)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for writer in (self._client[1], self._server[1]):
                writer.close()

    def reset(self) -> None:
        """RST to the client; the server sees an ordinary end."""
        raw: socket.socket = self._client[1].get_extra_info("socket")
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._client[1].transport.abort()

    def hold(self) -> None:
        """From now on no byte passes, either way, and neither side gets an error."""
        self._open.clear()

    def free(self) -> None:
        """Held bytes go on."""
        self._open.set()

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Callable[[bytes], bool]
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                if self._proxy.latency_s:
                    await asyncio.sleep(self._proxy.latency_s)
                if not heard(data):
                    return
                await self._open.wait()
                writer.write(data)
                await writer.drain()

    def _heard_client(self, data: bytes) -> bool:
        self.said = (self.said + data)[-CHUNK:]
        stall, self._proxy.stalled = self._proxy.stalled, None
        if stall is not None and stall in data:
            self.hold()
            self._proxy.stalls += 1
        elif stall is not None:
            self._proxy.stalled = stall
        cut = self._proxy.cut
        begun = [found.start() for found in (cut.began if cut is not None else BEGIN).finditer(data)]
        self._transaction = data[begun[-1] :] if begun else (self._transaction + data)[-CHUNK:]
        if cut is not None and cut.wants(data, self._transaction):
            self._cutting = True
        return True

    def _heard_server(self, _: bytes) -> bool:
        if self._cutting:
            # The answer is here, so that the request was carried out; the client must not hear of it.
            self.reset()
        return not self._cutting


class Proxy:
    """A proxy on a free port of loopback, in front of another port there."""

    def __init__(self, behind: int) -> None:
        self._behind = behind
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.latency_s = 0.0
        self.cut: Cut | None = None
        self.stalled: bytes | None = None
        self.stalls = 0
        self.port = 0

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        self._call(self._listen())

    def stop(self) -> None:
        """End the proxy and all connections."""
        self.down()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_WITHIN_S)
        self._loop.close()

    def down(self) -> None:
        """Stop listening, and reset every connection."""
        self._call(self._close())

    def up(self) -> None:
        """Listen again, on the same port."""
        self._call(self._listen())

    def reset(self) -> int:
        """Reset every connection; how many there were."""
        return self._call(self._reset())

    def cut_reply(
        self,
        pattern: bytes | Seen,
        *,
        times: int = 1,
        every: int = 1,
        within: bytes = b"",
        began: re.Pattern[bytes] = BEGIN,
    ) -> Cut:
        """Forward each request that contains these bytes, wait for its answer, and reset the connection instead of
        answering. For SQL `within` is a part of the transaction's text; a client sends that text again only without
        prepared statements."""
        seen = pattern if callable(pattern) else lambda data: pattern in data
        self.cut = Cut(seen, times, every, within, began)
        return self.cut

    def stall(self, pattern: bytes) -> None:
        """The next request that has this in it, and all behind it on its connection, waits until `heal`."""
        self.stalled = pattern

    def black_hole(self, pattern: bytes = b"") -> int:
        """Connections whose client has said this (all where nothing is named) carry nothing any more; how many."""
        return self._call(self._hold(pattern))

    def heal(self) -> None:
        """Cut and delay nothing more; what was held goes on."""
        self.cut, self.latency_s = None, 0.0
        self._call(self._free())

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_WITHIN_S)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            server = await asyncio.open_connection("127.0.0.1", self._behind)
        except OSError:
            writer.close()
            return
        connection = Connection(self, (reader, writer), server)
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)
            self._tasks.discard(task)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._reset()
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=CALL_WITHIN_S / 2)

    async def _reset(self) -> int:
        found = list(self._connections)
        for connection in found:
            connection.free()
            connection.reset()
        return len(found)

    async def _hold(self, pattern: bytes) -> int:
        found = [connection for connection in self._connections if pattern in connection.said]
        for connection in found:
            connection.hold()
        return len(found)

    async def _free(self) -> None:
        for connection in self._connections:
            connection.free()


@contextlib.contextmanager
def proxy_to(port: int) -> Iterator[Proxy]:
    """A proxy in front of a port of loopback, while the block runs."""
    proxy = Proxy(port)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()


def asks_kafka(api: int) -> Seen:
    """Whether a chunk begins with a Kafka request of that kind (0 = produce): four bytes of size, two of the kind."""
    return lambda data: len(data) >= 6 and int.from_bytes(data[4:6], "big") == api

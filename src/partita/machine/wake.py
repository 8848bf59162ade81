"""Wake-ups between processes on one machine: a datagram on loopback, registered as a file beside the data.

A wake-up only saves waiting: every listener also looks by itself within a bounded time, so a lost
datagram costs latency, never a message.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterable
from pathlib import Path


class SocketWake:
    """See `partita.machine.port.Wake`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._listeners: list[tuple[socket.socket, Path]] = []
        self._local: dict[str, list[Callable[[], None]]] = {}
        self._sender: socket.socket | None = None
        self._known: dict[str, list[tuple[int, Path]]] = {}
        self._known_mtime = -1

    def listen(self, channels: Iterable[str], callback: Callable[[], None]) -> Callable[[], None]:
        """Call back whenever one of the channels is signalled, by this process or another; returns how to stop."""
        self._folder.mkdir(parents=True, exist_ok=True)
        door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        door.setblocking(False)
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]

        def drain() -> None:
            with contextlib.suppress(BlockingIOError, ConnectionError):
                for _ in range(1000):
                    door.recv(16)
            callback()

        asyncio.get_running_loop().add_reader(door, drain)
        named = list(channels)
        mine = [(door, self._folder / f"{channel}@{port}") for channel in named]
        for channel, (_, path) in zip(named, mine, strict=True):
            path.touch()
            self._local.setdefault(channel, []).append(callback)
        self._listeners += mine

        def stop() -> None:
            for channel in named:
                if callback in self._local.get(channel, ()):
                    self._local[channel].remove(callback)
            _end(mine)
            self._listeners = [each for each in self._listeners if each not in mine]

        return stop

    def signal(self, channels: Iterable[str]) -> None:
        """Wake the listeners of these channels."""
        self._refresh()
        ports: dict[int, Path] = {}
        for channel in channels:
            for callback in self._local.get(channel, ()):
                callback()
            for port, path in self._known.get(channel, ()):
                ports[port] = path
        if ports and self._sender is None:
            self._sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._sender.setblocking(False)
        for port in ports:
            with contextlib.suppress(OSError):
                if self._sender is not None:
                    self._sender.sendto(b"!", ("127.0.0.1", port))

    def close(self) -> None:
        """Stop listening."""
        _end(self._listeners)
        self._listeners = []
        self._local.clear()
        if self._sender is not None:
            self._sender.close()
            self._sender = None

    def _refresh(self) -> None:
        """Read the folder again only when it changed: a signal must cost microseconds."""
        try:
            mtime = os.stat(self._folder).st_mtime_ns
        except FileNotFoundError:
            return
        if mtime == self._known_mtime:
            return
        mine = {path for _, path in self._listeners}
        known: dict[str, list[tuple[int, Path]]] = {}
        for path in self._folder.iterdir():
            channel, _, port = path.name.rpartition("@")
            if path not in mine and port.isdigit():
                known.setdefault(channel, []).append((int(port), path))
        self._known, self._known_mtime = known, mtime


def _end(listeners: Iterable[tuple[socket.socket, Path]]) -> None:
    for door, path in listeners:
        if door.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(door)
            door.close()
        path.unlink(missing_ok=True)

"""An application as a process: behind an HTTP server, until it is stopped.

uvicorn reads HTTP: its parser meets hostile input everywhere, and one of our own would have to earn that. Only this file imports
it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack

import uvicorn

from partita.asgi.interface import Application
from partita.errors import SettingsError

STOP_S = 10
"""For the requests in work when the process is stopped."""


class _Server(uvicorn.Server):
    """Leaves signals to the process, which closes its databases behind the last request."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    application: Application,
    host: str,
    port: int,
    ready: Callable[[str], None],
    opened: AbstractAsyncContextManager[object],
) -> None:
    """Serve within `opened`, until SIGTERM or SIGINT: then no request is accepted, those in work are answered, and it is
    closed. `ready` is called with the URL when the first request would be answered.

    Raises:
        SettingsError: the address cannot be used. Each error of `opened` too.
    """
    listening = _listening(host, port)
    async with AsyncExitStack() as stack:
        stack.callback(listening.close)
        await stack.enter_async_context(opened)
        server = _Server(
            uvicorn.Config(
                application,
                log_level="warning",
                lifespan="off",
                http="h11",
                ws="none",
                server_header=False,
                access_log=False,
                timeout_graceful_shutdown=STOP_S,
            )
        )
        loop = asyncio.get_running_loop()

        def stop() -> None:
            # At the second signal requests in work are cut: committed work is safe.
            server.force_exit = server.should_exit
            server.should_exit = True

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        bound = listening.getsockname()[1]
        ready(f"http://{f'[{host}]' if ':' in host else host}:{bound}")
        await server.serve(sockets=[listening])


def _listening(host: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        # Clients that read the ready line connect at once, and wait in the queue until the server takes them.
        made.listen(128)
    except (OSError, TypeError, UnicodeError) as error:  # a text that no name server could be asked for is a TypeError
        made.close()
        if not isinstance(error, OSError) or isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            why = error.strerror if isinstance(error, OSError) else "it is no name"
            raise SettingsError(
                f"--host {host}: cannot be used ({why}).",
                hint="Name an address of this machine: 127.0.0.1 for clients here alone, 0.0.0.0 for all.",
            ) from error
        raise SettingsError(
            f"--port {port}: cannot be used on {host} ({error.strerror}).",
            hint="Choose another one; 0 takes a free one.",
        ) from error
    made.set_inheritable(True)
    return made

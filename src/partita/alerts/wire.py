"""One connection to another program's server, which may answer anything or nothing: it is cut after a total limit."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import ssl
from collections.abc import Callable

from partita.errors import SettingsError

WAIT_S = 5.0
"""The limit for one answer."""
WHOLE_S = 10.0
"""The limit for all answers: a server that sends single bytes, or answer after answer, would never end a wait."""


class Wire:
    """The connection of one message. It keeps a second handle on the socket, which no TLS layer takes over."""

    def __init__(self) -> None:
        self._twin: socket.socket | None = None
        self._is_over = False

    def connect(self, address: tuple[str, int], *_: object) -> socket.socket:
        """A socket in the form that the protocols' libraries want."""
        made = socket.create_connection(address, WAIT_S)
        self._twin = made.dup()
        if self._is_over:
            self.cut()
        return made

    def cut(self) -> None:
        """Close the connection now, also while another thread reads from it."""
        self._is_over = True
        if self._twin is not None:
            with contextlib.suppress(OSError):
                self._twin.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Release the second handle."""
        if self._twin is not None:
            self._twin.close()


async def wired(work: Callable[[Wire], None], whole_s: float = WHOLE_S) -> None:
    """Work on a connection in a thread of its own.

    Raises:
        OSError: it failed, also if the protocol's library cannot make sense of the server's answer.
    """
    wire = Wire()
    limit = asyncio.get_running_loop().call_later(whole_s, wire.cut)
    try:
        await asyncio.to_thread(_done, work, wire)
    finally:
        limit.cancel()
        wire.cut()


def trust(ca: str) -> ssl.SSLContext:
    """The trusted certificates: those of the system's authorities, and those in the file `ca`.

    Raises:
        SettingsError: the file holds no certificate.
    """
    context = ssl.create_default_context()
    if ca:
        try:
            context.load_verify_locations(ca)
        except OSError as error:
            raise SettingsError(
                f"PARTITA_ALERT_CA={ca}: no certificates can be read from it ({error.strerror or 'no PEM file'}).",
                hint="A file with the certificate of your own authority, in PEM: -----BEGIN CERTIFICATE-----",
            ) from error
    return context


def _done(work: Callable[[Wire], None], wire: Wire) -> None:
    try:
        work(wire)
    except (http.client.HTTPException, ValueError) as error:
        if isinstance(error, OSError):
            raise
        # The error's text contains bytes of the server, or the address with its secrets.
        raise OSError(f"the answer makes no sense ({type(error).__name__})") from None
    finally:
        wire.close()

"""A headless Chromium, spoken to over two pipes. Its proxy is a port at which nothing listens, so that it reaches no host."""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.waiting import last_found

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-pipe",
    "--proxy-bypass-list=<-loopback>",
)  # fmt: skip
PATIENCE_S = 60


class PageLeft(Exception):
    """The page was left while it was asked, or was asked for what it does not have."""


class Browser:
    """One page of a browser that reaches no host."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands = commands
        self._answers = answers
        self._heard = b""
        self._number = 0
        self._session: str | None = None
        self.requested: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Network", "Page", "Runtime"):
            self._call(f"{domain}.enable")

    def open(self, address: str) -> None:
        """Open a page, and return when it is complete."""
        self._call("Page.navigate", url=address)
        self.wait_for(f"location.href === {json.dumps(address)} && document.readyState === 'complete'")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page."""
        done = self._call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def wait_for(self, expression: str) -> Any:
        """Its value, once it is true."""
        value = last_found(lambda: self._if_there(expression), PATIENCE_S, holds=bool)
        assert value, f"never true: {expression}; at {self.evaluate('location.href')}"
        return value

    def _if_there(self, expression: str) -> Any:
        try:
            return self.evaluate(expression)
        except PageLeft:
            return None

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self._call("Input.insertText", text=text)

    def asked_outside(self) -> list[str]:
        """The requests of the pages and their frames to any host so far."""
        return [url for url in self.requested if not url.startswith(("file:", "data:", "blob:", "about:"))]

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            heard = self._next()
            if heard.get("method") == "Network.requestWillBeSent":
                self.requested.append(heard["params"]["request"]["url"])
            if heard.get("id") == self._number:
                if "error" in heard:
                    raise PageLeft(f"{method}: {heard['error']}")
                found: dict[str, Any] = heard["result"]
                return found

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._heard:
            assert select.select([self._answers], [], [], PATIENCE_S)[0], "the browser does not answer"
            more = os.read(self._answers, 1 << 16)
            assert more, "the browser ended"
            self._heard += more
        first, _, self._heard = self._heard.partition(b"\0")
        found: dict[str, Any] = json.loads(first)
        return found


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """A browser with an empty profile, which ends with the block."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        assert not os.environ.get("CI"), "no Chromium here, and CI skips nothing"
        pytest.skip("no Chromium here; to have it: apt-get install chromium")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        ends: list[int] = []
        try:
            theirs_in, ours_out = _pipe(ends)
            ours_in, theirs_out = _pipe(ends)
            options = (*QUIET, f"--proxy-server=127.0.0.1:{nobody.getsockname()[1]}", f"--user-data-dir={profile}")
            running = subprocess.Popen(
                ["bash", "-c", f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}', "bash", program, *options],
                pass_fds=(theirs_in, theirs_out), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
            try:
                for end in (theirs_in, theirs_out):
                    os.close(end)
                    ends.remove(end)
                yield Browser(ours_out, ours_in)
            finally:
                running.terminate()
                try:
                    running.wait(20)
                finally:
                    running.kill()
                    running.wait()
        finally:
            for end in ends:
                os.close(end)


def _pipe(ends: list[int]) -> tuple[int, int]:
    """The two ends, above the numbers that the browser gives to others."""
    low = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for end in low)
    for end in low:
        os.close(end)
    ends += high
    return high[0], high[1]

"""The outside world of the shop: a payment provider and a mail sink, each a process with a durable ledger of its own.

They are the witnesses: *their* ledgers record what really happened to money and mail. Both take an
idempotency key; the same key again gets the same answer and does nothing. They know only keys: a second charge
or refund of an order under another key is a second charge or refund, as in the real world.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import signal
import sqlite3
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LEDGER = """
CREATE TABLE IF NOT EXISTS effect (
    key TEXT PRIMARY KEY, kind TEXT NOT NULL, order_id TEXT NOT NULL, asked INTEGER NOT NULL, detail TEXT NOT NULL,
    answer TEXT NOT NULL, cents INTEGER NOT NULL, at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS effect_order ON effect (order_id, kind);
CREATE TABLE IF NOT EXISTS call (seq INTEGER PRIMARY KEY, key TEXT NOT NULL, kind TEXT NOT NULL, at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS call_key ON call (key);
"""
KNOWN = "SELECT kind, order_id, asked, detail, answer FROM effect WHERE key = ?"
OF_ORDER = "SELECT kind, cents FROM effect WHERE order_id = ? AND answer = 'ok'"
KEEP = "INSERT INTO effect (key, kind, order_id, asked, detail, answer, cents, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
CALLED = "INSERT INTO call (key, kind, at) VALUES (?, ?, ?)"
CALLS = "SELECT count(*) FROM call WHERE key = ?"
LOST_TIMES = 2
SLOW_EVERY = 50
SLOW_AT = 7


@dataclass(slots=True)
class Ledger:
    """A witness's own durable record. Calls that wait for the disk share one commit."""

    path: Path
    decline: float = 0.0
    seed: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _turn: threading.Condition = field(default_factory=threading.Condition)
    _written: int = 0
    _synced: int = 0
    _syncing: bool = False
    _db: sqlite3.Connection = field(init=False)

    def __post_init__(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=10)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(LEDGER)

    def record(self, key: str, kind: str, order_id: str, cents: int, detail: str) -> tuple[int, str, int]:
        """Do an effect once. Returns (HTTP status, answer, number of calls of this key) when it is on disk."""
        if not key:
            return 422, "a call has a key", 1
        with self._lock:
            if not self._db.in_transaction:
                self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(CALLED, (key, kind, time.time()))
            calls = self._db.execute(CALLS, (key,)).fetchone()[0]
            known = self._db.execute(KNOWN, (key,)).fetchone()
            if known is not None and known[:4] != (kind, order_id, cents, detail):
                status, answer = 422, "this key was used for another request"
            elif known is not None:
                status, answer = 200, known[4]
            else:
                status = 200
                answer, moved = self._decide(kind, order_id, cents)
                self._db.execute(KEEP, (key, kind, order_id, cents, detail, answer, moved, time.time()))
            self._written += 1
            mine = self._written
        self._sync(mine)
        return status, answer, calls

    def _decide(self, kind: str, order_id: str, cents: int) -> tuple[str, int]:
        """The answer and the movement: a refund gives back the whole charge, even if parts of it were given back before."""
        before = self._db.execute(OF_ORDER, (order_id,)).fetchall()
        kinds = {row[0] for row in before}
        if kind == "refund":
            return "ok", -sum(row[1] for row in before if row[0] == "charge")
        if kind == "part":
            held = 0 if "refund" in kinds else sum(row[1] for row in before)
            if held < -cents:
                return f"of this order there are {held} cents to give back", cents
        if kind == "charge":
            if "refund" in kinds:
                return "refunded already: no charge after its refund", cents
            if _share(self.seed, order_id) < self.decline:
                return "card declined", cents
        return "ok", cents

    def _sync(self, mine: int) -> None:
        """One of the waiting writers commits for all of them."""
        with self._turn:
            while self._synced < mine:
                if not self._syncing:
                    self._syncing = True
                    break
                self._turn.wait()
            else:
                return
        with self._lock:
            upto = self._written
            self._db.execute("COMMIT")
        with self._turn:
            self._synced = upto
            self._syncing = False
            self._turn.notify_all()


def _share(*names: object) -> float:
    """A number in [0, 1), the same for the same names."""
    digest = hashlib.sha256("/".join(str(name) for name in names).encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


@dataclass(frozen=True, slots=True)
class Faults:
    """The faults of a witness: the share of keys whose first answers are lost after the effect is on disk, and
    the delay of the first answer to some charges."""

    loses: float = 0.0
    slow_s: float = 0.0

    def is_lost(self, key: str, calls: int) -> bool:
        """Whether the answer to this call is lost."""
        return calls <= LOST_TIMES and _share(key) < self.loses

    def wait_s(self, kind: str, order_id: str, calls: int) -> float:
        """The delay of this answer."""
        digits = order_id[len(order_id.rstrip("0123456789")) :]
        slow = kind == "charge" and calls == 1 and int(digits or 0) % SLOW_EVERY == SLOW_AT
        return self.slow_s if slow else 0.0


NO_FAULTS = Faults()


def serve(name: str, ledger: Ledger, data: Path, faults: Faults) -> None:
    """Answer on a free port of loopback, named in `<data>/<name>.addr`; it ends with its parent or by SIGTERM."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))) or b"{}")
            key, kind, order_id = str(body["key"]), self.path.strip("/"), str(body["order_id"])
            cents, detail = int(body.get("cents", 0)), str(body.get("detail", ""))
            status, answer, calls = ledger.record(key, kind, order_id, cents, detail)
            time.sleep(faults.wait_s(kind, order_id, calls))
            if faults.is_lost(key, calls):
                self.close_connection = True
                return
            data = json.dumps({"answer": answer}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that was killed is not an error of ours."""
            if not isinstance(sys.exception(), ConnectionError):
                super().handle_error(request, client_address)

    server = Server(("127.0.0.1", 0), Handler)
    temporary = data / f".{name}.addr.{os.getpid()}"
    temporary.write_text(f"127.0.0.1:{server.server_address[1]}")
    temporary.replace(data / f"{name}.addr")
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    server.serve_forever(poll_interval=5)


def _end_with_parent() -> None:
    """End with the parent: it holds the other end of our standard input, so the read returns when it dies."""
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    os._exit(0)


class Unreachable(ConnectionError):
    """The witness does not answer; the call may or may not have happened."""


@dataclass(slots=True)
class Client:
    """Calls a witness over one kept-alive connection per thread, found again when the witness restarts."""

    name: str
    data: Path
    _local: threading.local = field(default_factory=threading.local)
    _all: list[http.client.HTTPConnection] = field(default_factory=list)

    def hang_up(self) -> None:
        """Close the connections of every thread."""
        for connection in self._all:
            connection.close()
        self._all.clear()

    def call(self, kind: str, **fields: object) -> str:
        """The witness's answer.

        Raises:
            Unreachable: no answer. ValueError: the key was used for another request.
        """
        body = json.dumps(fields)
        for fresh in (False, True):
            connection = self._connection(fresh)
            try:
                connection.request("POST", f"/{kind}", body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                answer = str(json.loads(response.read())["answer"])
            except (OSError, http.client.HTTPException, ValueError) as error:
                connection.close()
                self._local.connection = None
                if fresh:
                    raise Unreachable(f"the {self.name} does not answer ({error})") from error
                continue
            if response.status != 200:
                raise ValueError(f"{self.name}: {answer}")
            return answer
        raise Unreachable(f"the {self.name} does not answer")

    def _connection(self, fresh: bool) -> http.client.HTTPConnection:
        held: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if held is None or fresh:
            try:
                host, _, port = (self.data / f"{self.name}.addr").read_text().partition(":")
            except FileNotFoundError as error:
                raise Unreachable(f"the {self.name} was never started in {self.data}") from error
            held = self._local.connection = http.client.HTTPConnection(host, int(port), timeout=5)
            self._all.append(held)
        return held


@dataclass(slots=True)
class PaymentProvider:
    """The payment provider as payment-service sees it."""

    client: Client

    def charge(self, key: str, order_id: str, cents: int) -> str | None:
        """Take money. Returns None, or the reason of the decline."""
        answer = self.client.call("charge", key=key, order_id=order_id, cents=cents)
        return None if answer == "ok" else answer

    def refund(self, key: str, order_id: str) -> None:
        """Give the money back, and take no money for this order from now on."""
        self.client.call("refund", key=key, order_id=order_id)

    def refund_part(self, key: str, order_id: str, cents: int) -> str | None:
        """Give a part of the money back. Returns None, or the reason of a refusal."""
        answer = self.client.call("part", key=key, order_id=order_id, cents=-cents)
        return None if answer == "ok" else answer


@dataclass(slots=True)
class MailSink:
    """The mail server as notification-service sees it."""

    client: Client

    def send(self, key: str, order_id: str, template: str) -> None:
        """Send a mail."""
        self.client.call("mail", key=key, order_id=order_id, detail=template)


_clients: dict[tuple[str, Path], Client] = {}


def _client(name: str) -> Client:
    data = Path(os.environ.get("PARTITA_DATA", ".partita"))
    return _clients.setdefault((name, data), Client(name, data))


def payment_provider() -> PaymentProvider:
    """The provider of this data folder."""
    return PaymentProvider(_client("psp"))


def mail_sink() -> MailSink:
    """The mail sink of this data folder."""
    return MailSink(_client("mail"))


def hang_up() -> None:
    """Close every connection of this process to a witness."""
    for client in _clients.values():
        client.hang_up()
    _clients.clear()


def main() -> None:
    """`python -m partita.examples.shop.witness psp|mail DATA DECLINE SEED LOSES SLOW_S`."""
    name, data, decline, seed, loses, slow_s = sys.argv[1:]
    ledger = Ledger(Path(data) / f"{name}.db", float(decline), int(seed))
    serve(name, ledger, Path(data), Faults(float(loses), float(slow_s)))


if __name__ == "__main__":
    main()

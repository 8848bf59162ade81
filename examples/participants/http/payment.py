"""A payment service that never heard of Partita and has no Kafka: it takes part in the shop's checkout saga over HTTP.

A webhook of the shop posts ChargePayment and RefundPayment here, as CloudEvents in binary mode with JSON. It posts its answers to
the shop's ingress in the same form. It needs nothing but Python.

    PORT=9100 INGRESS=http://127.0.0.1:8080/events PROVIDER=http://127.0.0.1:9000 JOURNAL=payment.db python payment.py
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

TYPES = "shop.payment.v1."
SOURCE = "/payment/http"  # with the id, the name of an event: one source for all processes of this service
NEEDS: dict[str, dict[str, type]] = {
    TYPES + "ChargePayment": {"orderId": str, "totalCents": int},
    TYPES + "RefundPayment": {"orderId": str},
}
TABLES = """
CREATE TABLE IF NOT EXISTS command (
    id TEXT PRIMARY KEY, type TEXT NOT NULL, key TEXT NOT NULL, correlation TEXT NOT NULL, body TEXT NOT NULL,
    answer TEXT, reason TEXT, is_sent INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS undone (key TEXT PRIMARY KEY);
"""
NEXT = "SELECT id, type, key, correlation, body, answer, reason FROM command WHERE is_sent = 0 ORDER BY rowid LIMIT 1"
# A command that comes again has its answer sent again: the first copy of the answer may be lost.
TAKE = """
INSERT INTO command (id, type, key, correlation, body) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET is_sent = 0
"""
work = threading.Event()


def connected() -> sqlite3.Connection:
    """The memory of this service; a commit is on the disk when it returns."""
    memory = sqlite3.connect(os.environ["JOURNAL"], timeout=30)
    memory.execute("PRAGMA synchronous = FULL")
    return memory


class Commands(BaseHTTPRequestHandler):
    """Takes commands. 202 means that the command is on the disk: the shop sends it no more."""

    def do_POST(self) -> None:
        """Take one command."""
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        names = ("ce-id", "ce-type", "ce-partitionkey", "ce-correlationid")
        told = [unquote(self.headers.get(name, "")) for name in names]
        if told[1] not in NEEDS:
            self._answer(422)  # a command that this program does not serve
        elif not all(told) or not has_fields(body, NEEDS[told[1]]):
            self._answer(400)
        else:
            memory = connected()
            with memory:
                memory.execute(TAKE, (*told, body.decode()))
            memory.close()
            self._answer(202)
            work.set()

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def has_fields(body: bytes, needed: dict[str, type]) -> bool:
    """Whether a command has the fields that this program needs; it may have more."""
    try:
        fields = json.loads(body)
    except ValueError:
        return False
    return isinstance(fields, dict) and all(type(fields.get(name)) is kind for name, kind in needed.items())


def work_forever() -> None:
    """Do the work of each command, and send its answer until the shop has it. A kill at any place makes the work go on here."""
    memory = connected()
    while True:
        row = memory.execute(NEXT).fetchone()
        if row is None:
            work.wait(1)
            work.clear()
            continue
        command_id, type_, key, correlation, body, answer, reason = row
        if answer is None:
            do = charge if type_.endswith("ChargePayment") else refund
            answer, reason = do(memory, command_id, key, json.loads(body))
            with memory:  # on the disk before it is sent: the answer after a kill is the same one
                memory.execute("UPDATE command SET answer = ?, reason = ? WHERE id = ?", (answer, reason, command_id))
        send(
            command_id,
            key,
            correlation,
            answer,
            {"reason": reason} if reason else {"orderId": json.loads(body)["orderId"]},
        )
        with memory:
            memory.execute("UPDATE command SET is_sent = 1 WHERE id = ?", (command_id,))


def charge(memory: sqlite3.Connection, command_id: str, key: str, command: dict[str, Any]) -> tuple[str, str]:
    """Take the money once. The provider's key is the command's id: a charge that was made before a kill is not made again."""
    if memory.execute("SELECT 1 FROM undone WHERE key = ?", (key,)).fetchone():
        return "PaymentDeclined", "undone before it was charged"
    said = ask("charge", {"key": command_id, "order_id": command["orderId"], "cents": command["totalCents"]})
    return ("PaymentCharged", "") if said == "ok" else ("PaymentDeclined", said)


def refund(memory: sqlite3.Connection, _: str, key: str, command: dict[str, Any]) -> tuple[str, str]:
    """Give the money back, and take none for this key from now on. Each resend of an undo has an id of its own, so the provider's
    key is made of the saga's key."""
    with memory:  # the tombstone
        memory.execute("INSERT INTO undone VALUES (?) ON CONFLICT DO NOTHING", (key,))
    ask("refund", {"key": f"refund/{key}", "order_id": command["orderId"]})
    return "PaymentRefunded", ""


def ask(what: str, body: dict[str, Any]) -> str:
    """The provider's answer; a lost one is asked for again under the same key."""
    return str(json.loads(retried(f"{os.environ['PROVIDER']}/{what}", {}, body))["answer"])


def send(command_id: str, key: str, correlation: str, name: str, value: dict[str, Any]) -> None:
    """Post an answer to the shop. It drops copies, by source and id."""
    headers = {
        "ce-specversion": "1.0",
        "ce-id": f"{command_id}-answer",  # the same for each copy of the command
        "ce-source": SOURCE,
        "ce-type": TYPES + name,
        "ce-correlationid": correlation,
        "ce-causationid": command_id,
        "ce-partitionkey": key,
        "content-type": "application/json",
    }
    retried(os.environ["INGRESS"], headers, value)


def retried(url: str, headers: dict[str, str], body: dict[str, Any]) -> bytes:
    """Post until there is an answer: a program that is away is no reason to lose a command."""
    while True:
        try:
            request = urllib.request.Request(url, json.dumps(body).encode(), headers)
            with urllib.request.urlopen(request, timeout=10) as answer:
                return bytes(answer.read())
        except (OSError, ValueError) as error:
            sys.stderr.write(f"{url}: {error}\n")
            threading.Event().wait(0.2)


def main() -> None:
    """Serve and work until it is killed."""
    memory = connected()
    memory.executescript(TABLES)
    memory.close()
    threading.Thread(target=work_forever, daemon=True).start()
    with ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Commands) as server:
        sys.stderr.write("ready\n")
        server.serve_forever()


if __name__ == "__main__":
    main()

"""The facts of the ledger: the services' databases, the log and the witnesses' ledgers, read once."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from partita.app import App
from partita.examples.proof.orders import Accepted
from partita.examples.proof.reading import Databases, Fetch, Log, envelope_of, is_copy, open_file, patiently
from partita.store.sagas import SagaEvent, entries_of

OUTBOX = "SELECT id, type, correlation_id, causation_id, aggregatetype, headers FROM outbox"
SPILLED = "SELECT saga, saga_id, entries FROM saga_history ORDER BY seq"
IN_ROWS = "SELECT saga, saga_id, history FROM saga"
VALUES = "SELECT id, type, aggregateid, payload FROM outbox ORDER BY seq"


class Return(NamedTuple):
    """A return as order-service knows it."""

    order_id: str
    sku: str
    quantity: int
    cents: int
    status: str


class Messages:
    """The messages of any app: those that were written, those on the log, and those that each group has handled."""

    def __init__(self, app: App, databases: Databases, fetch: Fetch, log: Log) -> None:
        self.app = app
        self.fetch = fetch
        names = [s.name for s in app.services]
        self.records = patiently(log.records)
        self.behind = patiently(log.behind)
        journeys = list({r.envelope.correlation_id: None for r in self.records if r.envelope is not None})
        # Where the log is in the services' database, a service's own records there are the rows of its outbox.
        self.in_log = {name: databases.in_log(name, journeys) for name in names}
        written = {name: [*fetch(name, OUTBOX), *(row[:6] for row in self.in_log[name])] for name in names}
        self.outbox = {
            row[0]: (name, row[1], row[2], row[3])
            for name, rows in written.items()
            for row in rows
            if not is_copy(row[4])
        }
        envelopes = [envelope_of(row[5]) for rows in written.values() for row in rows]
        # A command to itself that a service handled at once is not on the bus.
        self.stays = {e.id for e in envelopes if e is not None and e.at_once and e.kind == "command"}
        marks = {
            name: fetch(name, "SELECT message_id, outcome, consumer, causation_id FROM inbox ORDER BY seq")
            for name in names
        }
        # group -> (message id, outcome) in order
        self.handled = {name: [(r[0], r[1]) for r in rows if r[2] == name] for name, rows in marks.items()}
        self.roots = {r[0] for rows in marks.values() for r in rows if r[3] is None}

    def kept(self, service: str, *types: str) -> list[tuple[str, int, bytes]]:
        """The messages of these types (their short names) that a service has written: key, place in their order, and value."""
        rows = self.fetch(service, VALUES)
        there = {row[0] for row in rows}
        rows += [(row[0], row[1], row[6], row[7]) for row in self.in_log[service] if row[0] not in there]
        named = [
            (key, place, value) for place, (_, type_name, key, value) in enumerate(rows) if _short(type_name) in types
        ]
        return [(key, place, bytes(value)) for key, place, value in named]

    def histories(self, service: str) -> list[SagaEvent]:
        """The histories of a service's sagas; the entries of each instance are in their order."""
        rows = [*self.fetch(service, SPILLED), *self.fetch(service, IN_ROWS)]
        return [entry for row in rows for entry in entries_of(*row)]


def _short(type_name: str) -> str:
    return type_name.rpartition(".")[2]


class Facts(Messages):
    """All facts of the shop, from databases, log and witnesses."""

    def __init__(self, app: App, data: Path, seed: int, databases: Databases, fetch: Fetch, log: Log) -> None:
        self.seed = seed
        self.accepted = Accepted(data).read()
        self.accepted_returns = Accepted(data, returns=True).read()
        self.psp: sqlite3.Connection = open_file(data / "psp.db")
        self.mail: sqlite3.Connection = open_file(data / "mail.db")
        orders = fetch("order-service", "SELECT order_id, status, total_cents FROM orders")
        self.orders = {r[0]: (r[1], r[2]) for r in orders}
        self.returns = {
            row[0]: Return(*row[1:])
            for row in fetch(
                "order-service", "SELECT return_id, order_id, sku, quantity, refund_cents, status FROM item_return"
            )
        }
        super().__init__(app, databases, fetch, log)


@contextlib.contextmanager
def reading(app: App, data: Path, seed: int, databases: Databases, log: Log) -> Iterator[Facts]:
    """The facts, while their sources stay open."""
    with databases.snapshot() as fetch:
        facts = Facts(app, data, seed, databases, fetch, log)
        try:
            yield facts
        finally:
            facts.psp.close()
            facts.mail.close()

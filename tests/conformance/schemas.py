"""Stores in a server's database, each in a schema of its own."""

from __future__ import annotations

import itertools

from partita.machine.system import this_machine
from partita.store.connect import connect_store
from partita.store.port import Store
from partita.testing.conformance.rows import OpenStore

SERVICES = (f"service-{number}" for number in itertools.count(1))


def store_at(url: str, service: str | None = None, tables: str = "") -> OpenStore:
    """Each test has a service, so a schema, of its own."""
    name = service or next(SERVICES)

    async def open_store() -> Store:
        store = connect_store(url, this_machine(), service=name, tables=tables)
        await store.open()
        return store

    return open_store

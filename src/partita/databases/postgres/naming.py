"""A service's names in PostgreSQL: its schema, and the channel that wakes its relays."""

from __future__ import annotations

import hashlib
import uuid

IDENTIFIER_BYTES_MAX = 63


def schema_of(service: str) -> str:
    """The schema of a service: its name, as far as PostgreSQL takes it (it would silently cut a long one)."""
    name = f"partita_{service}" if service.startswith("pg_") else service
    if len(name.encode()) <= IDENTIFIER_BYTES_MAX:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{name.encode()[: IDENTIFIER_BYTES_MAX - 13].decode(errors='ignore')}_{digest}"


def quoted(name: str) -> str:
    """A name as an identifier in SQL."""
    return '"' + name.replace('"', '""') + '"'


def outbox_channel(schema: str) -> str:
    """The NOTIFY channel that wakes the relays of a schema when rows are queued."""
    return f"partita_outbox_{uuid.uuid5(uuid.NAMESPACE_OID, schema).hex}"

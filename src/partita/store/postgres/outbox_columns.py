"""The columns of the outbox on PostgreSQL, as its ledger and the transactions of other programs write them."""

from __future__ import annotations

NOW_US = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
OUTSIDE = "outbox_slot"
"""The record in `partita_meta` of the slot by which another program reads the outbox."""
KINDS = {
    "id": "text",
    "aggregatetype": "text",
    "aggregateid": "text",
    "type": "text",
    "payload": "bytea",
    "headers": "bytea",
    "correlation_id": "text",
    "causation_id": "text",
    "slot": "bigint",
    "at_us": "bigint",
}
COLUMNS = ", ".join(KINDS)

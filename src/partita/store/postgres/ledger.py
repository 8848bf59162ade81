"""A ledger of a transaction on PostgreSQL: it runs its statements on the link of its session."""

from __future__ import annotations

from partita.databases.postgres.asking import Link


class PostgresLedger:
    """One table, or some that belong together, with their rules; made with each session."""

    def __init__(self, link: Link) -> None:
        self._link = link

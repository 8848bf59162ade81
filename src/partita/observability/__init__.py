"""Observability: what happened, asked of the ledgers that keep the promises anyway."""

"""Observability: the state and history of a system, read from the ledgers that keep its promises."""

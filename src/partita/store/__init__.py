"""The store: one database per service, seen through small ledgers; a port and its adapters."""

"""The outbox: what leaves is written in the transaction that caused it, and relayed to the bus afterwards."""

"""The outbox: messages are written in the transaction that causes them, and relayed to the bus afterwards."""

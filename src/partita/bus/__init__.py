"""The bus: one port, and the logs and brokers that fit it."""

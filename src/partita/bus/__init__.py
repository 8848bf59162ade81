"""The bus: one port, and its adapters for logs and brokers."""

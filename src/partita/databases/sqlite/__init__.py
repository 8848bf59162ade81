"""A SQLite file: its thread, its transactions, its migrations."""

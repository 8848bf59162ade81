"""A schema in PostgreSQL: its connections, its transactions, its migrations."""

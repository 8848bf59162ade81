"""A schema in a PostgreSQL database: connections, transactions, migrations, leases; the store and the log stand on it."""

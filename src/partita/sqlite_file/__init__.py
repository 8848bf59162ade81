"""One SQLite file shared by several processes: connection, write lock, liveness, leases, wake-ups."""

"""The SQLite store: one file per service, shared by the processes of one machine; one ledger per file."""

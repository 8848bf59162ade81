"""The PostgreSQL store: one schema per service, so that several may share a database; one ledger per file."""

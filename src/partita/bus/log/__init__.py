"""The embedded log, in a SQLite file."""

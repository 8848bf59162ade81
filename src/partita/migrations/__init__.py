"""Migrations: numbered changes of a schema, ours and those of a service's own tables."""

"""Who a service's schema is: what it remembers of itself, the source of its messages, the place it lies at."""

from __future__ import annotations

from collections.abc import Mapping

META = "SELECT name, value FROM partita_meta"
# What a database that was put back from a backup does not have in common with the one it was taken of.
PLACE = """
SELECT system_identifier || '/' || timeline_id || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())
       || '/' || to_regclass($1::text)::oid::text
FROM pg_control_system(), pg_control_checkpoint()
"""
MAY_ASK_PLACE = """
SELECT has_function_privilege('pg_control_system()', 'EXECUTE')
   AND has_function_privilege('pg_control_checkpoint()', 'EXECUTE')
"""


def source_of(meta: Mapping[str, str]) -> str:
    """The source of the messages of a database with this `partita_meta`."""
    return f"{meta['service']}/{meta['id']}.{meta['incarnation']}"

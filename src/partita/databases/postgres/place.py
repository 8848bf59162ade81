"""Where a table lies: what a database that was restored from a backup does not have in common with the former one."""

from __future__ import annotations

# NULL where none can be told: on a standby, or while the tables are not there. The timeline is that of the next write: the
# one of the last checkpoint stays the former one for minutes after a promotion.
PLACE = """
SELECT CASE WHEN NOT pg_is_in_recovery() THEN
           system_identifier || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) || '/'
           || (SELECT oid FROM pg_database WHERE datname = current_database()) || '/' || to_regclass($1::text)::oid::text
       END
FROM pg_control_system()
"""
MAY_ASK_PLACE = "SELECT has_function_privilege('pg_control_system()', 'EXECUTE')"

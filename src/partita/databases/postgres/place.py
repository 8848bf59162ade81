"""The place of a table: values in which a database restored from a backup differs from the former one."""

from __future__ import annotations

# NULL where it is unknown: on a standby, or without the tables. The timeline is that of the next write, since the one of
# the last checkpoint is outdated for minutes after a promotion.
PLACE = """
SELECT CASE WHEN NOT pg_is_in_recovery() THEN
           system_identifier || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) || '/'
           || (SELECT oid FROM pg_database WHERE datname = current_database()) || '/' || to_regclass($1::text)::oid::text
       END
FROM pg_control_system()
"""
MAY_ASK_PLACE = "SELECT has_function_privilege('pg_control_system()', 'EXECUTE')"

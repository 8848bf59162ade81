"""A handler's plain `INSERT ... VALUES`, made into one statement for all rows of a wave.

Only where no user sees the difference: the statement has nothing but parameters and literals, and the table has nothing
that looks at other rows while one is written. An UPDATE or an upsert is never made into a set: of two rows that hit one
target, a set applies one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from partita.databases.postgres.naming import quoted

NAME = r'(?:[A-Za-z_]\w*|"(?:[^"]|"")+")'
# A backslash would end a text elsewhere under another setting of the server.
VALUE = r"(?:\$\d+|'(?:[^'\\]|'')*'|[+-]?\d+(?:\.\d+)?|NULL|TRUE|FALSE)"
PLAIN = re.compile(
    rf"\s*INSERT\s+INTO\s+(?P<table>{NAME}(?:\.{NAME})?)\s*(?P<columns>\(\s*{NAME}(?:\s*,\s*{NAME})*\s*\))?"
    rf"\s*VALUES\s*\(\s*(?P<values>{VALUE}(?:\s*,\s*{VALUE})*)\s*\)\s*",
    re.IGNORECASE | re.ASCII,
)
ONE_VALUE = re.compile(VALUE, re.IGNORECASE | re.ASCII)
KINDS = frozenset(
    {
        "text",
        "varchar",
        "bpchar",
        "bool",
        "int2",
        "int4",
        "int8",
        "float4",
        "float8",
        "numeric",
        "bytea",
        "json",
        "jsonb",
    }
    | {"uuid", "date", "time", "timetz", "timestamp", "timestamptz", "interval"}
)
# A trigger, a rule or a policy may look at the other rows, and so may a function of the user's in a default, a constraint, an
# index or a domain. A row that names another one of its table (a foreign key to itself) would be checked after all.
KEEPS_ROWS_APART = """
SELECT c.relkind = 'r' AND NOT c.relhasrules AND NOT c.relrowsecurity
   AND NOT EXISTS (SELECT 1 FROM pg_trigger AS t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal)
   AND NOT EXISTS (SELECT 1 FROM pg_constraint AS k WHERE k.conrelid = c.oid AND k.confrelid = c.oid)
   AND NOT EXISTS (
       SELECT 1 FROM pg_attribute AS a
       WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid >= 10000)
   AND NOT EXISTS (
       SELECT 1 FROM pg_depend AS d
       WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_opclass'::regclass)
         AND ((d.classid = 'pg_attrdef'::regclass AND d.objid IN (SELECT f.oid FROM pg_attrdef AS f WHERE f.adrelid = c.oid))
           OR (d.classid = 'pg_constraint'::regclass
               AND d.objid IN (SELECT k.oid FROM pg_constraint AS k WHERE k.conrelid = c.oid))
           OR (d.classid = 'pg_class'::regclass
               AND d.objid IN (SELECT i.indexrelid FROM pg_index AS i WHERE i.indrelid = c.oid))))
FROM pg_class AS c WHERE c.oid = to_regclass($1)
"""


async def set_of(connection: Any, sql: str, kinds: Sequence[Any]) -> str | None:
    """The statement that writes a row for each element of its arrays, in their order; None where it may differ from one
    statement for each row. `kinds` are the types of the parameters as the server has described them.

    The table is asked about once, so a trigger that is added later counts from the next start of the process.
    """
    found = PLAIN.fullmatch(sql)
    if found is None:
        return None
    values = ONE_VALUE.findall(found["values"])
    used = {int(value[1:]) for value in values if value[0] == "$"}
    if used != set(range(1, len(kinds) + 1)) or not used:
        return None
    if any(kind.schema != "pg_catalog" or kind.kind != "scalar" or kind.name not in KINDS for kind in kinds):
        return None
    if not await connection.fetchval(KEEPS_ROWS_APART, found["table"]):
        return None
    chosen = ", ".join(f"r.p{value[1:]}" if value[0] == "$" else value for value in values)
    arrays = ", ".join(f"${number}::pg_catalog.{quoted(kind.name)}[]" for number, kind in enumerate(kinds, 1))
    names = ", ".join(f"p{number}" for number in range(1, len(kinds) + 1))
    return (
        f"INSERT INTO {found['table']} {found['columns'] or ''} SELECT {chosen} "
        f"FROM unnest({arrays}) WITH ORDINALITY AS r({names}, ord) ORDER BY r.ord"
    )

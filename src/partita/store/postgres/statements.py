"""A user's SQL on PostgreSQL: `:name` parameters become numbered ones, values get the types the server expects.

One text serves SQLite and PostgreSQL. SQLite takes any value anywhere; PostgreSQL decides the type of a parameter
from its place, and the driver accepts no other type. So the server is asked once per text.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, NamedTuple

from partita.databases.postgres.asking import ERRORS, Link, changed
from partita.errors import PartitaError
from partita.store.postgres.plain_insert import set_of
from partita.texts.users_sql import check_of_handler

Row = dict[str, Any]
TEXTS_MAX = 1_024
BUILT_IN_OID_MAX = 10_000

TOKEN = re.compile(
    r"""
    (?P<passed> [eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*" | ::
      | (?P<dollar>\$(?:[A-Za-z_]\w*)?\$) .*? (?P=dollar) | \w+ )
  | (?P<comment> --[^\n]* | /\*.*?\*/ )
  | :(?P<name>[A-Za-z_]\w*)
  | (?P<end>;)
    """,
    re.VERBOSE | re.DOTALL,
)
# These may be inside a WITH: many rows then go in one round trip, and each answers with one row about itself.
OF_A_WAVE = re.compile(r"(INSERT|UPDATE|DELETE|SELECT)\b", re.IGNORECASE)


class Translated(NamedTuple):
    """A statement with `$1`; `names` are its parameters in that order, `wave` = it may be inside a WITH."""

    sql: str
    names: tuple[str, ...]
    wave: bool


class Described(NamedTuple):
    """A statement as the server sees it: how parameters are converted, and the columns it returns.

    `packable` = each of its rows can be returned in one value, since the driver knows all of their types. `kinds` are the
    types of its parameters.
    """

    sql: str
    names: tuple[str, ...]
    wave: bool
    converted: tuple[tuple[int, Callable[[Any], Any]], ...]
    columns: tuple[str, ...]
    packable: bool
    kinds: tuple[Any, ...]

    def arguments(self, params: Mapping[str, Any]) -> list[Any]:
        """The values in order, in the types that the server expects."""
        try:
            values = [params[name] for name in self.names]
        except KeyError as error:
            raise PartitaError(
                f"The statement has no value for :{error.args[0]}: {self.sql.strip()[:80]}",
                hint="Pass it: db.execute(sql, name=value).",
            ) from error
        for place, convert in self.converted:
            if values[place] is not None:
                values[place] = convert(values[place])
        return values


@functools.lru_cache(maxsize=TEXTS_MAX)
def translated(sql: str) -> Translated:
    """A user's statement for PostgreSQL, unless it would end the transaction that Partita's own rows are in.

    Raises:
        PartitaError: it would end it.
    """
    check_of_handler(sql)
    names: dict[str, int] = {}
    parts, end = [], 0
    code = ""  # without comments, to see the first word
    for token in TOKEN.finditer(sql):
        between = sql[end : token.start()]
        parts.append(between)
        code += between
        end = token.end()
        if token["name"] is not None:
            parts.append(f"${names.setdefault(token['name'], len(names) + 1)}")
        elif token["comment"] is not None:
            parts.append(" ")
        elif token["end"] is None or sql[end:].strip():
            parts.append(token[0])
        code += token[0] if token["passed"] else " "
    text = "".join([*parts, sql[end:]])
    return Translated(text, tuple(names), OF_A_WAVE.match(code.lstrip()) is not None)


class Statements:
    """The server's descriptions of one store's statements; dropped when they become too many."""

    def __init__(self) -> None:
        self._described: dict[str, Described] = {}
        self._sets: dict[str, str | None] = {}

    async def execute(self, link: Link, sql: str, params: Mapping[str, Any]) -> int:
        """Run a statement; returns how many rows it changed."""
        try:
            statement = await self._describe(link, sql)
            return changed(await link.connection.execute(statement.sql, *statement.arguments(params)))
        except ERRORS as error:
            raise link.meant(error, of_a_user=True) from error

    async def fetch(self, link: Link, sql: str, params: Mapping[str, Any]) -> list[Row]:
        """Run a statement; returns its rows."""
        try:
            statement = await self._describe(link, sql)
            return [dict(row) for row in await link.connection.fetch(statement.sql, *statement.arguments(params))]
        except ERRORS as error:
            raise link.meant(error, of_a_user=True) from error

    async def execute_many(self, link: Link, sql: str, rows: Sequence[Mapping[str, Any]]) -> list[int]:
        """Run a statement for each row of arguments, in order; returns the number of rows that each changed."""
        if len(rows) < 2:
            return [await self.execute(link, sql, row) for row in rows]
        try:
            statement = await self._describe(link, sql)
            if not statement.wave or statement.sql.lstrip()[:6].upper() == "SELECT":
                return [await self.execute(link, sql, row) for row in rows]
            if sql not in self._sets:
                self._sets[sql] = await set_of(link.connection, statement.sql, statement.kinds)
            of_all = self._sets[sql]
            if of_all is not None:
                columns = zip(*[statement.arguments(row) for row in rows], strict=True)
                count = changed(await link.connection.execute(of_all, *map(list, columns)))
                assert count == len(rows), f"{count} rows of {len(rows)}"
                return [1] * count
            returning = "" if statement.columns else "\nRETURNING 1"
            wave = f"WITH partita_wave AS (\n{statement.sql}{returning}\n) SELECT count(*) FROM partita_wave"
            found = await link.connection.fetchmany(wave, [statement.arguments(row) for row in rows])
            return [row[0] for row in found]
        except ERRORS as error:
            raise link.meant(error, of_a_user=True) from error

    async def fetch_many(self, link: Link, sql: str, rows: Sequence[Mapping[str, Any]]) -> list[list[Row]]:
        """Run a statement for each row of arguments, in order; returns the rows of each."""
        if len(rows) < 2:
            return [await self.fetch(link, sql, row) for row in rows]
        try:
            statement = await self._describe(link, sql)
            if not (statement.wave and statement.packable):
                return [await self.fetch(link, sql, row) for row in rows]
            wave = f"WITH partita_wave AS (\n{statement.sql}\n) SELECT array_agg(w) FROM partita_wave AS w"
            found = await link.connection.fetchmany(wave, [statement.arguments(row) for row in rows])
            names = statement.columns
            return [[dict(zip(names, each, strict=True)) for each in row[0] or ()] for row in found]
        except ERRORS as error:
            raise link.meant(error, of_a_user=True) from error

    async def _describe(self, link: Link, sql: str) -> Described:
        await link.flush()  # marks come before the handler's rows: they decide the winner
        known = self._described.get(sql)
        if known is not None:
            return known
        text, names, wave = translated(sql)
        # Unnamed, so no connection keeps it: a pooler would hand that connection to other clients.
        prepared = await link.connection.prepare(text, name="")
        kinds = tuple(prepared.get_parameters())
        converted = tuple((place, CONVERT[kind.name]) for place, kind in enumerate(kinds) if kind.name in CONVERT)
        attributes = prepared.get_attributes()
        columns = tuple(attribute.name for attribute in attributes)
        packable = bool(columns) and all(attribute.type.oid < BUILT_IN_OID_MAX for attribute in attributes)
        described = Described(text, names, wave, converted, columns, packable, kinds)
        if len(self._described) >= TEXTS_MAX:
            self._described.clear()
            self._sets.clear()
        self._described[sql] = described
        return described


def _numeric(value: Any) -> Any:
    if isinstance(value, bool):
        return Decimal(int(value))
    return Decimal(repr(value)) if isinstance(value, float) else value


def _bool(value: Any) -> Any:
    return bool(value) if isinstance(value, int) and value in (0, 1) else value


def _integer(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _iso(kind: type[datetime] | type[date] | type[time]) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        return kind.fromisoformat(value) if isinstance(value, str) else value

    return convert


CONVERT: dict[str, Callable[[Any], Any]] = {
    "int2": _integer,
    "int4": _integer,
    "int8": _integer,
    "numeric": _numeric,
    "bool": _bool,
    "timestamptz": _iso(datetime),
    "timestamp": _iso(datetime),
    "date": _iso(date),
    "time": _iso(time),
}
"""Types that SQLite accepts here and the driver does not."""

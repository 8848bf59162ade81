"""`tables.py` and the migrations of a project: plain tables for aggregates, read models and the work of steps.

Aggregates and read models are tables until Partita has rooms for them. Their columns name no field of a message, so a field that
is added to one changes no table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from partita.design.model.storage import AggregateDesign
from partita.design.skeleton.blueprint import Blueprint
from partita.design.skeleton.file import MigrationFile, WholeFile
from partita.design.skeleton.names import variable_of
from partita.exports.declaring.python_text import variable_name

TableKind = Literal["StepWork", "Reactions", "Rows", "Journal", "ReadModel"]

_SQL: dict[TableKind, str] = {
    "StepWork": "command TEXT NOT NULL, item TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (command, item)",
    "Reactions": "reaction TEXT NOT NULL, item TEXT NOT NULL, times BIGINT NOT NULL, PRIMARY KEY (reaction, item)",
    "Rows": "item TEXT PRIMARY KEY, last TEXT NOT NULL",
    "Journal": (
        "item TEXT NOT NULL, number BIGINT NOT NULL, type TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (item, number)"
    ),
    "ReadModel": "item TEXT NOT NULL, event TEXT NOT NULL, times BIGINT NOT NULL, PRIMARY KEY (item, event)",
}
_CLASSES: dict[TableKind, str] = {
    "StepWork": '''
class StepWork:
    """The work that steps of sagas did in a service. An undo takes back work that was done, and no other."""

    async def begin(self, tx: Tx, command: str, item: str | int) -> None:
        """The command does its work for this item."""
        await tx.execute(
            "INSERT INTO step_work (command, item, state) VALUES (:command, :item, 'done') "
            "ON CONFLICT (command, item) DO UPDATE SET state = 'done'",
            command=command,
            item=str(item),
        )

    async def is_done(self, tx: Tx, command: str, item: str | int) -> bool:
        """Whether the command has done its work for this item, and nothing took it back."""
        found = await tx.fetch_one(
            "SELECT state FROM step_work WHERE command = :command AND item = :item AND state = 'done'",
            command=command,
            item=str(item),
        )
        return found is not None

    async def take_back(self, tx: Tx, command: str, item: str | int) -> bool:
        """Whether the command had done its work for this item; from now on it has not."""
        changed = await tx.execute(
            "UPDATE step_work SET state = 'undone' WHERE command = :command AND item = :item AND state = 'done'",
            command=command,
            item=str(item),
        )
        return changed > 0
''',
    "Reactions": '''
class Reactions:
    """The reactions of a service, each with the number of times that it happened for an item."""

    async def note(self, tx: Tx, reaction: str, item: str | int) -> None:
        """The reaction happens once more."""
        await tx.execute(
            "INSERT INTO reaction_done (reaction, item, times) VALUES (:reaction, :item, 1) "
            "ON CONFLICT (reaction, item) DO UPDATE SET times = reaction_done.times + 1",
            reaction=reaction,
            item=str(item),
        )
''',
    "Rows": '''
class Rows:
    """An aggregate as a row: the last event of each item."""

    def __init__(self, table: str) -> None:
        self._keep = (
            f"INSERT INTO {table} (item, last) VALUES (:item, :last) "
            "ON CONFLICT (item) DO UPDATE SET last = excluded.last"
        )

    async def keep(self, tx: Tx, item: str | int, event: Event) -> None:
        """The event happens to this item."""
        await tx.execute(self._keep, item=str(item), last=type(event).__name__)
''',
    "Journal": '''
class Journal:
    """An aggregate as its events: each item has a stream of them, numbered from 1. No row is ever changed."""

    def __init__(self, table: str) -> None:
        self._keep = (
            f"INSERT INTO {table} (item, number, type, body) "
            f"SELECT :item, COALESCE(MAX(number), 0) + 1, :type, :body FROM {table} WHERE item = :item"
        )
        self._stream = f"SELECT type, body FROM {table} WHERE item = :item ORDER BY number"

    async def keep(self, tx: Tx, item: str | int, event: Event) -> None:
        """Append the event to the stream of this item."""
        body = msgspec.json.encode(event).decode()
        await tx.execute(self._keep, item=str(item), type=type(event).__name__, body=body)

    async def stream(self, tx: Tx, item: str | int) -> list[tuple[str, str]]:
        """The events of this item, each as its type and its JSON; the state of the aggregate follows from them."""
        return [(row["type"], row["body"]) for row in await tx.fetch_all(self._stream, item=str(item))]
''',
    "ReadModel": '''
class ReadModel:
    """A read model as the set of events that each item had: the same set in whatever order they come."""

    def __init__(self, table: str) -> None:
        self._note = (
            f"INSERT INTO {table} (item, event, times) VALUES (:item, :event, 1) "
            f"ON CONFLICT (item, event) DO UPDATE SET times = {table}.times + 1"
        )

    async def note(self, tx: Tx, item: str | int, event: str) -> None:
        """The item had this event once more."""
        await tx.execute(self._note, item=str(item), event=event)
''',
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a service; its name is also that of the variable in `tables.py`."""

    name: str
    kind: TableKind


def tables_of(blue: Blueprint, service: str) -> list[Table]:
    """The tables of a service, in the order in which they were thought of."""
    found = []
    if any(service == step.at for _, step in blue.design.steps):
        found.append(Table("step_work", "StepWork"))
    for aggregate in blue.design.aggregates:
        if aggregate.service == service:
            found.append(Table(table_of(aggregate), "Journal" if _is_sourced(aggregate) else "Rows"))
    for model in blue.design.read_models:
        if model.service == service:
            found.append(Table(f"{model.name}_view", "ReadModel"))
    if any(each.who == service and not each.projects for each in blue.design.reactions):
        found.append(Table("reaction_done", "Reactions"))
    return found


def table_of(aggregate: AggregateDesign) -> str:
    """The table of an aggregate."""
    return f"{variable_name(aggregate.name)}_{'event' if _is_sourced(aggregate) else 'row'}"


def _is_sourced(aggregate: AggregateDesign) -> bool:
    return aggregate.stored.value == "event-sourced"


def aggregate_of(blue: Blueprint, service: str, event: str) -> str:
    """The table of the aggregate that an event changes; empty = the service owns none."""
    owned = [each for each in blue.design.aggregates if each.service == service]
    named = [each for each in owned if event in each.events]
    return table_of((named or owned)[0]) if owned else ""


def tables_file(blue: Blueprint) -> WholeFile | None:
    """The module with a variable for each table; None = no service has one."""
    every = {table.name: table for service in blue.services for table in tables_of(blue, service.name)}
    if not every:
        return None
    used = {table.kind for table in every.values()}
    kinds: list[TableKind] = [kind for kind in _CLASSES if kind in used]
    is_event = "Rows" in kinds or "Journal" in kinds
    imports = ["import msgspec"] if "Journal" in kinds else []
    imports.append(f"from partita import {'Event, ' if is_event else ''}Tx")
    lines = [
        '"""The tables: each class is one kind of table. Their SQL runs in the transaction of the handler that calls it."""',
        "",
        *imports,
        "",
        *(f"\n{_CLASSES[kind].strip()}\n" for kind in kinds),
        "",
        *(_variable(table) for table in every.values()),
    ]
    return WholeFile(f"{blue.package}/tables.py", "\n".join(lines) + "\n")


def _variable(table: Table) -> str:
    argument = "" if table.kind in ("StepWork", "Reactions") else f'"{table.name}"'
    return f"{table.name} = {table.kind}({argument})"


def migration_files(blue: Blueprint) -> Iterator[MigrationFile]:
    """A migration for each table."""
    for service in blue.services:
        for table in tables_of(blue, service.name):
            folder = f"{blue.package}/migrations/{variable_of(service.name)}"
            yield MigrationFile(folder, table.name, f"CREATE TABLE {table.name} ({_SQL[table.kind]});\n")

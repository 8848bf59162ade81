"""The commands that wait for an answer from outside, as people see them: title, owner, fields, and the forms of the answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from partita.catalog.binding import Binding
from partita.catalog.catalog import Catalog
from partita.catalog.contract import Contract, contract_of
from partita.catalog.task import Task
from partita.catalog.type_text import type_text
from partita.codec.learning import FindSchema, learn_writer
from partita.codec.port import Codec
from partita.errors import NotFound, PartitaError
from partita.message import envelope_from_bytes
from partita.observability.reach import Stores
from partita.schemas.fields.plain_default import NATIVE
from partita.store.pending import PendingCommand

LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class FormField:
    """A field of an answer. `given` is what the command says under the same name; None = it says nothing."""

    name: str
    type: str
    required: bool
    given: Any = None  # Any: a value of the field's type


@dataclass(frozen=True, slots=True)
class Form:
    """An answer that a command may get: its reply, or a refusal."""

    contract: Contract
    fields: tuple[FormField, ...]

    @property
    def name(self) -> str:
        """The name of the answer's class."""
        return self.contract.name

    @property
    def line(self) -> str:
        """Its name with the fields to give, as `partita task do` takes them."""
        asked = (f"{each.name}={each.type}" for each in self.fields if each.given is None or not each.required)
        return " ".join([self.name, *asked])


@dataclass(frozen=True, slots=True)
class OpenTask:
    """A command that waits. `owner` is empty where no task is declared for it; `fields` are empty where it cannot be read;
    `saga` is the saga that carries it out, and then no person answers it."""

    service: str
    row: PendingCommand
    title: str
    owner: str
    fields: Mapping[str, Any]
    forms: tuple[Form, ...]
    saga: str = ""

    @property
    def short_id(self) -> str:
        """The end of its id, by which the command line finds it."""
        return self.row.reply_to[-12:]

    @property
    def how(self) -> str:
        """The commands that answer it."""
        return ", or ".join(f"partita task do {self.short_id} {form.line}" for form in self.forms)


def document(task: OpenTask) -> dict[str, Any]:
    """A task for machines."""
    row = task.row
    return {
        "id": row.reply_to,
        "service": task.service,
        "type": row.type,
        "owner": task.owner,
        "title": task.title,
        "saga": f"{row.saga} {row.saga_id} {row.step}" if row.saga else None,
        "fields": dict(task.fields),
        "answers": [
            {
                "name": form.name,
                "refusal": form.contract.kind == "refusal",
                "fields": [
                    {"name": each.name, "type": each.type, "required": each.required, "given": each.given}
                    for each in form.fields
                ],
            }
            for form in task.forms
        ],
    }


async def open_tasks(
    stores: Stores, catalog: Catalog, codec: Codec, find: FindSchema, owner: str | None = None
) -> list[OpenTask]:
    """The commands that wait, the oldest first; with `owner` the tasks of these people alone."""
    found: list[OpenTask] = []
    for service, store in stores.items():
        async with store.reading() as session:
            rows = await session.pending.find(limit=LIMIT)
        carried_out = catalog.service(service).carried_out  # a saga answers these, and no person
        for row in rows:
            if row.type not in carried_out:
                found.append(await task_of(service, row, catalog, codec, find))
    wanted = [task for task in found if owner is None or task.owner == owner]
    return sorted(wanted, key=lambda task: (task.row.at_us, task.row.reply_to))


async def the_task(
    stores: Stores, catalog: Catalog, codec: Codec, find: FindSchema, task_id: str, *, closed: bool = False
) -> OpenTask:
    """The one command that waits under this id, or under an id that ends so; with `closed` also one under this very id that was
    answered or undone already.

    Raises:
        NotFound: none does, or several.
    """
    for service, store in stores.items() if closed else ():
        async with store.reading() as session:
            row = await session.pending.hold(task_id)
        if row is not None and row.type not in catalog.service(service).carried_out:
            return await task_of(service, row, catalog, codec, find)
    tasks = await open_tasks(stores, catalog, codec, find)
    found = [task for task in tasks if task.row.reply_to == task_id]
    found = found or [task for task in tasks if task_id and task.row.reply_to.endswith(task_id)]
    if len(found) != 1:
        how_many = "Several commands wait" if found else "No command waits"
        raise NotFound(f"{how_many} under {task_id!r:.120}.", hint="partita task list")
    return found[0]


async def task_of(
    service: str, row: PendingCommand, catalog: Catalog, codec: Codec, find: FindSchema | None
) -> OpenTask:
    """A kept command as people see it, whatever its state."""
    contract = catalog.contracts.get(row.type)
    if contract is None:
        return OpenTask(service, row, row.type, "", {}, ())
    command = await _command(contract, row, codec, find)
    notes = _notes(catalog, contract)
    title = contract.name if notes is None or command is None else notes.titled(command)
    given = {} if command is None else {name: getattr(command, name, None) for name in contract.hints}
    fields = msgspec.to_builtins(given, builtin_types=NATIVE) if given else {}
    saga = catalog.service(service).carried_out.get(row.type, "")
    if saga:
        return OpenTask(service, row, title, "", fields, (), saga)
    reply, refusals = contract.newest.reply, contract.newest.refusals
    answers = (*(() if reply is None else (reply,)), *refusals)
    forms = tuple(_form(contract_of(each), given) for each in answers)
    return OpenTask(service, row, title, notes.owner if notes is not None else "", fields, forms)


async def _command(contract: Contract, row: PendingCommand, codec: Codec, find: FindSchema | None) -> Any:
    schema = envelope_from_bytes(row.headers).schema
    try:
        if codec.schema_text(schema) is None:
            codec.learn(contract.shape)  # a command line knows the declared schemas when it asks for them
        if codec.schema_text(schema) is None:
            await learn_writer(codec, find, schema)
        return codec.decode(contract.shape, schema, row.value)
    except PartitaError:
        return None  # it waits all the same, and its answer is known


def owner_of(catalog: Catalog, contract: Contract) -> str:
    """The people who answer a command; empty = no task is declared for it."""
    notes = _notes(catalog, contract)
    return notes.owner if notes is not None else ""


def _notes(catalog: Catalog, contract: Contract) -> Task | None:
    return next((each.task for each in _bindings(catalog, contract.newest) if each.task is not None), None)


def _bindings(catalog: Catalog, contract: Contract) -> list[Binding]:
    return [each for service in catalog.services for each in service.declared.bindings if contract in each.contracts]


def _form(contract: Contract, given: Mapping[str, Any]) -> Form:
    return Form(
        contract,
        tuple(
            FormField(each.name, type_text(each.type), each.required, given.get(each.name))
            for each in msgspec.structs.fields(contract.shape.struct)
        ),
    )

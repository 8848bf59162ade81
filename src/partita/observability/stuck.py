"""All that is stuck in an app: its groups, the keys held in them, its saga instances, and its commands that wait, each with the
reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from partita.bus.port import GroupLag
from partita.codec.port import Codec
from partita.observability.awaited import awaited_answers
from partita.observability.declarations import Declarations, sagas_of
from partita.observability.reach import Sight
from partita.observability.tasks import OpenTask, task_of
from partita.observability.why import since, why_key, why_saga
from partita.observability.why_waiting import why_waiting
from partita.observability.workers import why_service
from partita.sagas.definition import SagaDefinition
from partita.sagas.state import state_from_bytes
from partita.store.port import Session, Store
from partita.store.sagas import SagaRow

QUESTIONS = 20
"""The limit of all questions about one service, as a multiple of the limit of one."""
OPEN = ("needs_attention", "compensating", "running")
KEYS_MAX = 10_000
"""The parked keys among which one is looked for."""
Step = tuple[str, str, str]
Definitions = Mapping[tuple[str, int], SagaDefinition]


@dataclass(frozen=True, slots=True)
class Stuck:
    """A group, a key, a saga instance or a command that does not go on. `subject` is its name or key, `why` one sentence."""

    service: str
    kind: Literal["group", "key", "saga", "command"]
    subject: str
    why: str


async def stuck(app: Declarations, sight: Sight, key: str | None = None, limit: int = 50) -> list[Stuck]:
    """All that is stuck, or the part of one key: per service at most `limit` keys, `limit` instances of each status, and `limit`
    commands. `sight.unknown` names the sources that do not answer."""
    lags = await sight.lags()
    definitions = {(each.name, each.version): each for each in sagas_of(app)}
    instances: dict[str, list[SagaRow]] = {}
    found: list[Stuck] = []
    for store in sight.stores.values():
        asked = _in_service(store, definitions, lags, key, limit)
        held, instances[store.name] = await sight.ask(store.name, asked, times=QUESTIONS) or ([], [])
        found += held
    saga_ids = [row.saga_id for rows in instances.values() for row in rows]
    tasks: list[OpenTask] = []
    for store in sight.stores.values():
        waiting = _tasks(app, store, sight.codec, saga_ids, key, limit)
        tasks += await sight.ask(store.name, waiting, times=QUESTIONS) or []
    for store in sight.stores.values():
        telling = _why_instances(store, instances[store.name], definitions, tasks, sight)
        found += await sight.ask(store.name, telling, times=QUESTIONS) or []
    seen = {(row.saga, row.saga_id) for rows in instances.values() for row in rows}
    for store in sight.stores.values():
        alone = [each for each in tasks if each.service == store.name and (each.row.saga, each.row.saga_id) not in seen]
        found += await sight.ask(store.name, _why_alone(store, alone[:limit])) or []
    return [each for each in found if each.why]


async def _in_service(
    store: Store, definitions: Definitions, lags: Sequence[GroupLag] | None, key: str | None, limit: int
) -> tuple[list[Stuck], list[SagaRow]]:
    """The held groups and keys of a service, and its open saga instances."""
    name, now_us = store.name, await store.now_us()
    found: list[Stuck] = []
    if key is None:
        found += [Stuck(name, "group", name, text) for text in await why_service(store, lags, now_us)]
    async with store.reading() as session:
        for topic, parked_key in await session.parking.keys(name, limit if key is None else KEYS_MAX):
            if key in (None, parked_key):
                text = await why_key(session, name, topic, parked_key, now_us)
                found.append(Stuck(name, "key", parked_key, text))
        return found, await _open_instances(session, store.name, definitions, key, limit)


async def _open_instances(
    session: Session, service: str, definitions: Definitions, key: str | None, limit: int
) -> list[SagaRow]:
    rows: list[SagaRow] = []
    if key is None:
        for status in OPEN:
            rows += await session.sagas.find(status=status, limit=limit)
        return rows
    # By their names: an instance of this key may be older than each of those that a list shows.
    for name in dict.fromkeys(each.name for each in definitions.values() if each.service.name == service):
        rows += (await session.sagas.load(name, [key])).values()
    return [row for row in rows if row.status in OPEN]


async def _tasks(
    app: Declarations, store: Store, codec: Codec, saga_ids: Sequence[str], key: str | None, limit: int
) -> list[OpenTask]:
    """The commands that wait in a service: those of these sagas, and those that were sent otherwise."""
    async with store.reading() as session:
        rows = [*await session.pending.of_sagas(saga_ids), *await session.pending.find(key=key, limit=limit)]
    kept = {row.reply_to: row for row in rows}
    return [await task_of(store.name, row, app.catalog, codec, None) for row in kept.values()]


async def _why_instances(
    store: Store, rows: Sequence[SagaRow], definitions: Definitions, tasks: Sequence[OpenTask], sight: Sight
) -> list[Stuck]:
    of_step = {(task.row.saga, task.row.saga_id, task.row.step): task for task in tasks if task.row.saga}
    now_us = await store.now_us()
    found: list[Stuck] = []
    for row in rows:
        definition = definitions.get((row.saga, row.definition_version))
        for text in await _why_instance(row, definition, of_step, sight, now_us):
            found.append(Stuck(store.name, "saga", row.saga_id, text))
    return found


async def _why_instance(
    row: SagaRow, definition: SagaDefinition | None, of_step: Mapping[Step, OpenTask], sight: Sight, now_us: int
) -> list[str]:
    """A sentence for each answer that an instance waits for."""
    if definition is None:
        return [
            f"{row.saga} {row.saga_id} runs under version {row.definition_version}, which is not declared here: "
            "keep the old version declared until its instances have ended"
        ]
    try:
        state = state_from_bytes(row.data)
    except msgspec.MsgspecError as error:
        return [f"{row.saga} {row.saga_id}: its state cannot be read: {error}"]
    found: list[str] = []
    for answer in awaited_answers(definition, state):
        task = of_step.get((row.saga, row.saga_id, answer.step))
        if task is not None and answer.message_id == task.row.reply_to:
            found.append(why_waiting(task, now_us, row, answer))
            continue
        text = await why_saga(row, answer.reply, answer.message_id, sight.stores, now_us)
        found.append(text if task is None else f"{text}; {why_waiting(task, now_us)}")
    if not found and row.status == "needs_attention":  # it stopped before it sent anything that could be answered
        found.append(f"{row.saga} {row.saga_id} waits {since(now_us - row.updated_us)} for a person: {row.last_error}")
    return found


async def _why_alone(store: Store, tasks: Sequence[OpenTask]) -> list[Stuck]:
    """The commands of no saga that was asked about: sent by a process, or by a saga whose database is elsewhere."""
    now_us = await store.now_us()
    return [Stuck(store.name, "command", each.row.key or "", why_waiting(each, now_us)) for each in tasks]

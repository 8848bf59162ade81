"""All that is stuck in an app: its groups, the keys held in them, and its saga instances, each with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from partita.bus.port import GroupLag
from partita.observability.declarations import Declarations, sagas_of
from partita.observability.reach import Sight
from partita.observability.why import why_key, why_saga
from partita.observability.workers import why_service
from partita.sagas.definition import SagaDefinition
from partita.sagas.state import state_from_bytes
from partita.sagas.unfolding import definition_for
from partita.store.port import Store
from partita.store.sagas import SagaRow

QUESTIONS = 20
"""The limit of all questions about one service, as a multiple of the limit of one."""
OPEN = ("needs_attention", "compensating", "running")


@dataclass(frozen=True, slots=True)
class Stuck:
    """A group, a key or a saga instance that does not go on. `subject` is its name or key, `why` one sentence."""

    service: str
    kind: Literal["group", "key", "saga"]
    subject: str
    why: str


async def stuck(app: Declarations, sight: Sight, key: str | None = None, limit: int = 50) -> list[Stuck]:
    """All that is stuck, or the part of one key: per service at most `limit` keys, and `limit` instances of each status.
    `sight.unknown` names the sources that do not answer."""
    found: list[Stuck] = []
    lags = await sight.lags()
    definitions = {(each.name, each.version): each for each in sagas_of(app)}
    for store in sight.stores.values():
        asked = _in_service(store, sight, definitions, lags, key, limit)
        found += await sight.ask(store.name, asked, times=QUESTIONS) or []
    return found


async def _in_service(
    store: Store,
    sight: Sight,
    definitions: dict[tuple[str, int], SagaDefinition],
    lags: Sequence[GroupLag] | None,
    key: str | None,
    limit: int,
) -> list[Stuck]:
    name, now_us = store.name, await store.now_us()
    found: list[Stuck] = []
    if key is None:
        found += [Stuck(name, "group", name, text) for text in await why_service(store, lags, now_us)]
    async with store.reading() as session:
        for topic, parked_key in await session.parking.keys(name, limit):
            if key in (None, parked_key):
                text = await why_key(session, name, topic, parked_key, now_us)
                found.append(Stuck(name, "key", parked_key, text))
        rows: list[SagaRow] = []
        for status in OPEN:
            rows += await session.sagas.find(status=status, limit=limit)
    for row in rows:
        if key in (None, row.saga_id):
            text = await _why_instance(row, definitions.get((row.saga, row.definition_version)), sight, now_us)
            found.append(Stuck(name, "saga", row.saga_id, text))
    return [each for each in found if each.why]


async def _why_instance(row: SagaRow, definition: SagaDefinition | None, sight: Sight, now_us: int) -> str:
    if definition is None:
        return (
            f"{row.saga} {row.saga_id} runs under version {row.definition_version}, which is not declared here: "
            "keep the old version declared until its instances have ended"
        )
    try:
        state = state_from_bytes(row.data)
    except msgspec.MsgspecError as error:
        return f"{row.saga} {row.saga_id}: its state cannot be read: {error}"
    definition = definition_for(definition, state)
    number = definition.index_of.get(row.step, 0)
    spec, step = definition.steps[number], state.steps[number]
    command = spec.undo if step.phase == "undoing" and spec.undo is not None else spec.command
    waits_for = command.reply.__name__ if command.reply is not None else command.name
    return await why_saga(row, waits_for, step.message_id, sight.stores, now_us)

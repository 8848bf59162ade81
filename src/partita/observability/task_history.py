"""The history of a task: the reminders of its saga's step, the next one, the end of its time, and the reason of its undo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from partita.observability.awaited import AwaitedAnswer
from partita.observability.instances import awaited_by
from partita.observability.reach import Stores
from partita.sagas.definition import SagaDefinition
from partita.sagas.state import state_from_bytes
from partita.store.pending import PendingCommand
from partita.store.sagas import SagaEvent

SHOWN = {"reminded": "reminder sent", "resent": "asked again", "answered": "reminder delivered", "timeout": "time over"}
"""The entries of a saga's history that a person with the task looks for, in words."""


@dataclass(frozen=True, slots=True)
class TaskHistory:
    """Entries of the history, the oldest first, as (time, kind, note); the awaited answer, while it waits; the reason why the
    saga undoes its steps, if it does. `known` is false where no saga sent the command, or its database is not open here."""

    entries: tuple[tuple[int, str, str], ...] = ()
    answer: AwaitedAnswer | None = None
    reason: str = ""
    known: bool = False


async def task_history(stores: Stores, sagas: Sequence[SagaDefinition], command: PendingCommand) -> TaskHistory:
    """The history of the step that a command does."""
    for service in dict.fromkeys(each.service.name for each in sagas if each.name == command.saga):
        if service not in stores:
            continue
        async with stores[service].reading() as session:
            row = (await session.sagas.load(command.saga, [command.saga_id])).get(command.saga_id)
            if row is None:
                continue
            history = await session.sagas.history(command.saga, command.saga_id)
        awaited = (each for each in awaited_by(row, sagas) if each.step == command.step)
        try:
            reason = state_from_bytes(row.data).reason
        except msgspec.MsgspecError:
            reason = ""
        answer = next((each for each in awaited if each.message_id == command.reply_to), None)
        return TaskHistory(_entries(history, command), answer, reason, True)
    return TaskHistory()


def _entries(history: Sequence[SagaEvent], command: PendingCommand) -> tuple[tuple[int, str, str], ...]:
    return tuple(
        (each.at_us, SHOWN[each.kind], each.note)
        for each in history
        if each.step == command.step and each.kind in SHOWN
    )

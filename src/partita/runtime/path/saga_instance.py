"""One saga instance inside a transaction: as it was loaded, as it is now, and the row that is written of it."""

from __future__ import annotations

import msgspec

from partita.errors import PartitaError, StoreMismatch
from partita.sagas.state import SagaState, state_from_bytes, state_to_bytes
from partita.store.sagas import SagaEvent, SagaRow


class Instance(msgspec.Struct, eq=False):
    """One saga instance in the transaction: as loaded, as it is now, and its events. `broken` is the reason if its state
    cannot be read; no message moves it then."""

    row: SagaRow | None
    state: SagaState | None
    broken: str = ""
    notes: list[SagaEvent] = []
    changed: bool = False
    is_newer: bool = False  # a newer deployment moved it: this process must not touch it


def instance_of(row: SagaRow | None) -> Instance:
    """An instance as loaded; None = there is none so far."""
    if row is None:
        return Instance(None, None)
    try:
        return Instance(row, state_from_bytes(row.data))
    except (msgspec.MsgspecError, RecursionError) as error:
        return Instance(row, None, f"its state cannot be read ({error})")


def refuse_broken(instance: Instance) -> None:
    """Fail a message for a broken instance: it goes through the retry topics to a dead letter; others of the batch go on."""
    if instance.is_newer and instance.row is not None:
        raise StoreMismatch(
            f"Saga {instance.row.saga} {instance.row.saga_id}: {instance.broken}.",
            hint="A newer version of this service moved it: upgrade every process of the service.",
        )
    if instance.broken and instance.row is not None:
        raise PartitaError(
            f"Saga {instance.row.saga} {instance.row.saga_id}: {instance.broken}.",
            hint="Mend the upcaster or the command, or restore its row from a backup; then replay this.",
        )


def row_of(saga: str, saga_id: str, state: SagaState, before: SagaRow | None, now_us: int) -> SagaRow:
    """An instance in its stored form; `before` is its row as loaded."""
    return SagaRow(
        saga,
        saga_id,
        state.definition_version,
        state.status,
        state.step,
        state.epoch,
        state_to_bytes(state),
        state.due_us,
        state.last_error,
        state.correlation_id,
        state.started_us,
        now_us,
        before.version if before else 0,
    )

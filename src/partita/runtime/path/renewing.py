"""Renewing: the facts in the state of an instance become those of the newest messages, by the upcasters of the user."""

from __future__ import annotations

from partita.errors import UpcastFailed
from partita.runtime.path.users_code import ask
from partita.sagas.definition import SagaDefinition
from partita.sagas.older_facts import renew
from partita.sagas.state import SagaState
from partita.texts.cause import told_of


def renewed(definition: SagaDefinition, state: SagaState) -> str:
    """Renew a state in place. Returns why that is impossible, in words; empty = it is done, or there was nothing to do."""
    try:
        ask(renew, definition, state)
    except UpcastFailed as error:
        return f"its state cannot be upcast: {error.what}"
    except Exception as error:
        return f"its state cannot be upcast: {told_of(error)}"
    return ""

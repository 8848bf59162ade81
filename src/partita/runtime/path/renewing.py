"""Renewing: the facts in the state of an instance become those of the newest messages, by the upcasters of the user."""

from __future__ import annotations

from partita.errors import StoreMismatch, UpcastFailed
from partita.runtime.path.users_code import ask
from partita.sagas.definition import SagaDefinition
from partita.sagas.older_facts import renew
from partita.sagas.state import SagaState
from partita.sagas.unfolding import definition_for
from partita.texts.cause import told_of


def renewed(definition: SagaDefinition, state: SagaState) -> str:
    """Renew a state in place. Returns why that is impossible, in words; empty = it is done, or there was nothing to do."""
    return unfit(definition, state)[0]


def unfit(definition: SagaDefinition, state: SagaState) -> tuple[str, str]:
    """As `renewed`, with the line to write."""
    mend = "Mend the upcaster; or let the deployment of before finish its instances, then start this one."
    try:
        ask(renew, definition_for(definition, state), state)
    except StoreMismatch as error:
        return error.what, error.hint or mend
    except UpcastFailed as error:
        return f"its state cannot be upcast: {error.what}", mend
    except Exception as error:
        return f"its state cannot be upcast: {told_of(error)}", mend
    return "", ""

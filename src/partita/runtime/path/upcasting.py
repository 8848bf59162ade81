"""Upcasting: a message of an old version becomes one of the newest, by the upcasters that its owner declares."""

from __future__ import annotations

from typing import Any

from partita.catalog.contract import Contract, Upcaster
from partita.catalog.rejection import Rejection, to_struct
from partita.codec.port import Codec
from partita.errors import Malformed, MessageTooLarge, UpcastFailed
from partita.texts.cause import told_of

MEND = "The bytes of the old message are kept. Mend the upcaster, deploy, then partita dlq replay."


def upcast(contract: Contract, message: Any, codec: Codec) -> Any:
    """A message as the newest version of its class has it; unchanged where its class is no old shape.

    Raises:
        UpcastFailed: an upcaster raised, or its result is no valid message of the newest version, or has another key: the order
            of a key and a saga's instance hang on it.
    """
    old, key = contract, _key(contract, message)
    step = contract.upcaster
    while step is not None:
        message = _one(step, contract, message)
        contract, step = step.to, step.to.upcaster
    if contract is not old:
        _check(old, contract, message, codec)
        new_key = _key(contract, message)
        if None not in (key, new_key) and key != new_key:
            raise _failed(old, f"the key {key!r:.80} became {new_key!r:.80}")
    return message


def _one(step: Upcaster, contract: Contract, message: Any) -> Any:
    where = f"its upcaster {step.function.__name__} ({step.place})"
    try:
        result = step.function(message)
    except Exception as error:
        raise _failed(contract, f"{where} raised {told_of(error)}") from error
    if type(result) is not step.to.cls:
        raise _failed(contract, f"{where} returned {type(result).__name__}, and not {step.to.name}")
    return result


def _check(old: Contract, newest: Contract, message: Any, codec: Codec) -> None:
    """Check that the result is a message that could have been sent: a class checks no types when it is made."""
    try:
        codec.encode(newest.shape, to_struct(message) if isinstance(message, Rejection) else message)
    except (Malformed, MessageTooLarge) as error:
        raise _failed(old, f"its upcaster made no valid {newest.name}: {error.args[0]}") from error


def _key(contract: Contract, message: Any) -> str | None:
    return None if contract.kind == "refusal" else contract.key_of(message)


def _failed(contract: Contract, why: str) -> UpcastFailed:
    return UpcastFailed(f"{contract.full_name} cannot become {contract.newest.full_name}: {why}.", hint=MEND)

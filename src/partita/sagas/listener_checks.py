"""Checks of declared listeners: an event that could not find its instance, or that answers a step, is refused at import."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from partita.catalog.contract import Contract, contract_of
from partita.errors import DeclarationError
from partita.sagas.definition import StepSpec
from partita.sagas.filling import fits
from partita.sagas.listener import ListenerSpec


def check_listeners(
    listeners: Sequence[ListenerSpec], steps: Sequence[StepSpec], start: Contract, pivot_index: int
) -> None:
    """Refuse listeners that a saga could not keep.

    Raises:
        DeclarationError: with file, line and what to write.
    """
    answers = {contract_of(sent.reply): spec.name for spec in steps for sent in spec.sends if sent.reply is not None}
    for number, listener in enumerate(listeners):
        event = listener.event
        if event.kind != "event":
            _refuse(listener, f"{listener.name} hears {event.name}, which is not an event.", "on(SomeEvent)")
        if event is start:
            _refuse(listener, f"{listener.name} hears {event.name}, which starts the saga.", "Drop it.")
        if event in answers:
            _refuse(
                listener,
                f"{listener.name} hears {event.name}, which answers {answers[event]}.",
                f"@{answers[event]}.then above def _(self, reply: {event.name}) -> None: ...",
            )
        if any(event is other.event for other in listeners[:number]):
            _refuse(listener, f"{event.name} is heard twice.", "One on(...) with one hook.")
        assert start.key_field is not None
        key = event.hints[event.key_field] if event.key_field is not None else None
        if key is None or not fits(start.hints[start.key_field], key):
            _refuse(
                listener,
                f"The key of {event.name} is not that of {start.name}, so it names no instance.",
                f"{start.key_field}: Key[...] in {event.name}, of the same type.",
            )
        if not listener.cancels and listener.hook is None:
            _refuse(
                listener,
                f"{listener.name} hears {event.name} and does nothing.",
                f'on({event.name}, then="cancel"), or @{listener.name}.hook above def _(self, event: {event.name}): ...',
            )
        if listener.cancels and pivot_index < 0:
            _refuse(
                listener,
                f"{event.name} cancels the saga, and it is past its point of no return from the start.",
                f"on({event.name}) with a hook, or a step that can be undone.",
            )


def _refuse(listener: ListenerSpec, what: str, hint: str) -> NoReturn:
    raise DeclarationError(f"{listener.place}: {what}", hint=f"Write: {hint}")

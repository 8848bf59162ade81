"""The notes for the flow map are checked where they are declared: a misspelled rule would accept nothing."""

from __future__ import annotations

from typing import Any

import pytest

from partita import DeclarationError, Event, Key, Saga, Service, minutes, retriable
from partita.catalog.contract import contract_of
from partita.catalog.event import Command


@pytest.mark.parametrize(
    ("notes", "said"),
    [
        ({"concerns": "gold"}, "There is: money, human."),
        ({"concerns": ("money", "gold")}, "There is: money, human."),
        ({"accept": {"unheard": "a reason"}}, "unheard-event"),
        ({"accept": {"unheard-event": " "}}, "Write the reason"),
        ({"accept": {"unheard-event": None}}, "Write the reason"),
    ],
)
def test_a_note_that_means_nothing_is_refused(notes: dict[str, Any], said: str) -> None:
    service = Service("one", namespace="t.one")
    with pytest.raises(DeclarationError) as raised:

        class Done(Event, of=service, **notes):
            id: Key[str]

    assert __file__ in raised.value.what
    assert said in raised.value.hint


def test_the_notes_are_kept_beside_the_contract_and_not_on_the_wire() -> None:
    service = Service("one", namespace="t.one")

    class Done(Event, of=service, concerns="money", accept={"unheard-event": "read by\n a script"}):
        id: Key[str]

    contract = contract_of(Done)
    assert contract.notes.concerns == ("money",)
    assert contract.notes.accept == {"unheard-event": "read by a script"}
    assert list(contract.hints) == ["id"]


def test_an_empty_reason_of_a_handler_or_a_saga_is_refused() -> None:
    service = Service("one", namespace="t.one")

    class Began(Event, of=service):
        id: Key[str]

    class Done(Event, of=service):
        id: Key[str]

    class Do(Command[Done], of=service):
        id: Key[str]

    with pytest.raises(DeclarationError, match="why= of hear gives no reason"):

        @service.on(why="")
        async def hear(event: Began) -> None: ...

    with pytest.raises(DeclarationError, match="why= of Run gives no reason"):

        class Run(Saga, start=Began, deadline=minutes(1), of=service, why=" "):
            only = retriable(Do)

    assert service.declared.sagas == [] and service.declared.bindings == []

"""Declaring a saga: a class whose attributes are its steps, compiled and checked when the module is imported.

    class Checkout(Saga, start=OrderPlaced, deadline=minutes(15), undone=OrderCancelled, of=orders):
        reserve = step(ReserveStock, undo=ReleaseStock, timeout=seconds(30))
        charge = pivot(ChargePayment, undo=RefundPayment, timeout=seconds(60))
        confirm = retriable(ConfirmOrder)

Terms: C. Richardson, Microservices Patterns (compensatable, pivot and retriable transactions); H. Garcia-Molina,
K. Salem, Sagas (1987).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from partita.catalog.event import Command, Event
from partita.catalog.flow_notes import checked_reason
from partita.catalog.place import caller_place
from partita.catalog.rejection import Rejection
from partita.catalog.service import Service
from partita.sagas.compiling import compile_saga
from partita.sagas.definition import SagaDefinition


class Saga:
    """A process of steps that all happen, or are undone in reverse. Subclass it and assign its steps.

    Annotated attributes with defaults are the saga's own state. In hooks, `self.start` is the start event and
    `self.replies` the replies so far by step name.
    """

    __definition__: ClassVar[SagaDefinition]
    start: Any
    replies: dict[str, Any]

    def __init_subclass__(
        cls,
        *,
        start: type[Event] | type[Command[Any, Any]],
        of: Service,
        deadline: float,
        undone: type[Event] | type[Rejection] | None = None,
        version: int = 1,
        name: str = "",
        why: str | None = None,
    ) -> None:
        """Compile and check the saga.

        Args:
            start: the event that starts an instance; its key is the instance's id. Or a command of this service: the saga
                carries it out and answers it when it has ended, with the reply when it is complete and with a refusal when it
                is undone. Both are filled as commands are, or made by the methods `answer(self)` and `refusal(self, reason)`.
            of: the service whose database keeps the instances.
            deadline: seconds; when they pass before the point of no return, the saga is undone; after it an operator is
                alerted, and the saga continues.
            undone: the event published when everything is undone; a saga of retriables only needs none. Where a command starts
                the saga: the refusal that answers it, if it declares several.
            version: raise it when steps change while instances are in flight.
            name: of the saga, when an old version is kept under another class name.
            why: the reason why a saga directs the services, and they do not react by themselves; for the decision table of
                `partita flow decisions`.

        Raises:
            DeclarationError: with file, line and what to write.
        """
        place = caller_place(2)
        definition = compile_saga(
            cls,
            name=name or cls.__name__,
            start=start,
            service=of,
            deadline_s=deadline,
            undone=undone,
            version=version,
            place=place,
        )
        cls.__definition__ = (
            definition
            if why is None
            else replace(definition, why=checked_reason(why, f"why= of {definition.name}", place))
        )
        if definition.answers is not None:
            of.carried_out_by(definition.name, definition.start.cls, place)
        of.declared.sagas.append(cls.__definition__)

"""`Fault[T]`: the event that a message of type T became a dead letter; other services may react to it.

Published with the dead letter, in its transaction, on the topic `<namespace>.faults` of the service that owns T.
"""

from __future__ import annotations

import functools
from typing import Annotated, Any, Generic, TypeVar, get_args, get_origin

import msgspec

from partita.catalog.contract import KEY_MARK, Contract, contract_of
from partita.schemas.fields.shape import Shape

M = TypeVar("M")

CARRIED_BYTES_MAX = 262_144
"""A larger message is not carried in its fault: with its envelope the fault must fit where the message just fitted."""


class Failed(msgspec.Struct, frozen=True, kw_only=True, eq=False, rename="camel"):
    """The failure, its place and its reason: the fields that a fault shows and sends."""

    message_id: str
    type: str
    key: Annotated[str | None, KEY_MARK]
    group: str
    cause_type: str
    cause: str
    attempts: int
    letter_id: str
    at_us: int


class Fault(Failed, Generic[M], frozen=True, kw_only=True, eq=False):
    """A message that `group` could not handle. Subscribe by type: `async def undeliverable(fault: Fault[OrderPlaced])`.

    `message` is None if its bytes cannot be decoded, or are over 256 KiB; `letter_id` names the dead letter, which
    has the bytes, the stack and every try. `at_us` is microseconds since 1970 UTC. A fault is published again when a
    replayed letter fails again. A failure on a fault makes a dead letter and no further fault.
    """

    message: M | None


class FaultRecord(Failed, frozen=True, kw_only=True, rename="camel"):
    """A fault on the wire: the message's original bytes, with the schema that wrote them."""

    schema: str
    value: bytes | None


FAULT_SHAPE = Shape("Fault", "partita.v1", FaultRecord)


class FaultContract(Contract):
    """The contract of the faults of one message class; all of them share one record."""

    def __init__(self, of: Contract) -> None:
        super().__init__(Fault, FaultRecord, kind="fault", service=of.service, version=of.version, place=of.place)
        self.of = of
        self.shape = FAULT_SHAPE

    @property
    def name(self) -> str:
        """`Fault[OrderPlaced]`."""
        return f"Fault[{self.of.name}]"

    @property
    def wire_name(self) -> str:
        """`OrderPlaced.Fault`: all faults share one record, and each message has faults of its own."""
        return f"{self.of.wire_name}.Fault"

    @functools.cached_property
    def full_name(self) -> str:
        """The type on the wire, `shop.order.v1.OrderPlaced.Fault`."""
        return f"{self.of.full_name}.Fault"

    @functools.cached_property
    def identity(self) -> str:
        """`shop.order.OrderPlaced.Fault`, in all versions of the message."""
        return f"{self.of.identity}.Fault"

    @functools.cached_property
    def topic(self) -> str:
        """The owner's topic of faults."""
        return self.service.faults_topic

    def key_of(self, message: Any) -> str | None:
        """The key of the message that failed."""
        key: str | None = message.key
        return key


@functools.cache
def fault_of(contract: Contract) -> FaultContract:
    """The contract of a message class's faults."""
    return FaultContract(contract)


def contract_in(annotation: Any) -> Contract:
    """The contract that a handler's annotation names: of a message class, or of `Fault[...]` of one.

    Raises:
        DeclarationError: it is not a declared message.
    """
    if get_origin(annotation) is Fault:
        return fault_of(contract_of(get_args(annotation)[0]))
    return contract_of(annotation)


def is_fault(annotation: Any) -> bool:
    """Whether an annotation is `Fault[...]`."""
    return get_origin(annotation) is Fault

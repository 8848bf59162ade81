"""The contract of a message class: its name, version and owner on the wire, its key, its replies."""

from __future__ import annotations

import sys
import typing
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

import msgspec

from partita.amount import check_count
from partita.errors import DeclarationError
from partita.schemas.shape import Shape

if TYPE_CHECKING:
    from partita.catalog.service import Service

KEY_MARK = "partita.key"
VERSION_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the user's source something was declared."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def caller_place(depth: int = 1) -> Place:
    """The nearest frame outside Partita's own declaring modules: the user's line."""
    frame = sys._getframe(depth)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(
        ("partita.catalog", "partita.sagas", "dataclasses", "abc")
    ):
        frame = frame.f_back
    return Place(frame.f_code.co_filename, frame.f_lineno)


class Contract:
    """What a message class promises: kind, owner, version, record on the wire, key field, replies."""

    def __init__(
        self,
        cls: type[Any],
        struct: type[msgspec.Struct],
        *,
        kind: str,
        service: Service,
        version: int,
        place: Place,
    ) -> None:
        check_count(DeclarationError, f"{place}: version of {cls.__name__}", version, most=VERSION_MAX)
        self.cls = cls
        self.kind = kind  # "event", "command" or "refusal"
        self.service = service
        self.version = version
        self.place = place
        self.shape = Shape(cls.__name__, f"{service.namespace}.v{version}", struct)
        self.reply: type[Any] | None = None
        self.refusals: tuple[type[Any], ...] = ()

    @property
    def name(self) -> str:
        """The message's own name, `OrderPlaced`."""
        return self.shape.name

    @property
    def full_name(self) -> str:
        """The name on the wire, `shop.order.v1.OrderPlaced`."""
        return self.shape.full_name

    @property
    def topic(self) -> str:
        """Where messages of this class travel: the owner's commands or events."""
        return self.service.commands_topic if self.kind == "command" else self.service.events_topic

    @cached_property
    def hints(self) -> dict[str, Any]:
        """The resolved type of each field, with its annotations."""
        return typing.get_type_hints(self.shape.struct, include_extras=True)

    @cached_property
    def key_field(self) -> str | None:
        """The field that is the partition key and so the scope of order; None = unkeyed.

        Raises:
            DeclarationError: more than one field is a `Key`.
        """
        keys = [n for n, hint in self.hints.items() if is_key(hint)]
        if len(keys) > 1:
            raise DeclarationError(
                f"{self.place}: {self.name} has {len(keys)} keys: {', '.join(keys)}.",
                hint="A message has one partition key; leave `Key[...]` on one field.",
            )
        return keys[0] if keys else None

    def key_of(self, message: Any) -> str | None:
        """The key of one message as text, or None where the class has no key."""
        field = self.key_field
        return None if field is None else str(getattr(message, field))


def is_key(annotation: Any) -> bool:
    """Whether a field's annotation is `Key[...]`."""
    return get_origin(annotation) is Annotated and KEY_MARK in get_args(annotation)[1:]


def contract_of(cls: type[Any]) -> Contract:
    """The contract of a message class.

    Raises:
        DeclarationError: the class is no declared message.
    """
    contract = cls.__dict__.get("__partita__")
    if isinstance(contract, Contract):
        return contract
    raise DeclarationError(
        f"{cls.__module__}.{cls.__qualname__} is no declared message.",
        hint="Say who owns it: class Name(Event, of=service), or name the rejection in Command[Reply, Rejection].",
    )

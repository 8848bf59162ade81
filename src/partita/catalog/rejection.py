"""`Rejection`: a business "no" that is data: typed, replied, never retried, never dead-lettered."""

from __future__ import annotations

import contextlib
import typing
from typing import Any, ClassVar

import msgspec
from typing_extensions import dataclass_transform

from partita.catalog.contract import Contract, name_on_the_wire, own
from partita.catalog.place import Place, caller_place
from partita.catalog.scope import resolve, scope_of_class
from partita.errors import DeclarationError


@dataclass_transform(kw_only_default=True)
class Rejection(Exception):
    """Raise it in a handler to refuse a command: `class StockRejected(Rejection): sku: str`.

    Its fields travel back to the sender. The handler's own writes for that message are undone.
    """

    __partita__: ClassVar[Contract]
    __struct__: ClassVar[type[msgspec.Struct] | None] = None
    __place__: ClassVar[Place]
    __codec__: ClassVar[str | None] = None

    def __init_subclass__(cls, *, name: str | None = None, codec: str | None = None) -> None:
        """Declare a refusal; `name` is its name on the wire (default: the name of the class), `codec` the language it is
        written in (default: that of its command)."""
        super().__init_subclass__()
        cls.__place__ = caller_place(2)
        cls.__codec__ = codec
        if annotations := vars(cls).get("__annotations__"):
            resolve(annotations, vars(cls), cls.__module__, scope_of_class(cls.__module__))
        if name is not None:
            name_on_the_wire(cls, name, cls.__place__)

    def __init__(self, **fields: Any) -> None:
        values = _struct_of(type(self))(**fields)
        for name in values.__struct_fields__:
            setattr(self, name, getattr(values, name))
        super().__init__(f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in fields.items())})")


def _struct_of(cls: type[Rejection]) -> type[msgspec.Struct]:
    """The struct that carries a rejection's fields: an exception and a struct cannot be one class."""
    own = cls.__dict__.get("__struct__")
    if own is None:
        fields: list[Any] = []
        for name, hint in typing.get_type_hints(cls, include_extras=True).items():
            if not name.startswith("__"):
                fields.append((name, hint, getattr(cls, name)) if hasattr(cls, name) else (name, hint))
        docs = {"__doc__": vars(cls).get("__doc__")}
        own = msgspec.defstruct(
            cls.__name__, fields, namespace=docs, frozen=True, kw_only=True, rename="camel", module=cls.__module__
        )
        cls.__struct__ = own
    return typing.cast("type[msgspec.Struct]", own)


def claim(cls: type[Rejection], command: Contract) -> None:
    """Make the rejection a message of the command's service, with the version of the oldest command that it refuses: a newer
    version of the command, declared first, does not rename it."""
    held = cls.__dict__.get("__partita__")
    if held is not None and held.service is command.service and command.version < held.version:
        del held.service.messages[held.full_name]
        held = None
    if held is None:
        contract = Contract(
            cls,
            _struct_of(cls),
            kind="refusal",
            service=command.service,
            version=command.version,
            place=cls.__place__,
            codec=cls.__codec__ or command.shape.language,
            compatibility=command.compatibility.value,
        )
        with contextlib.suppress(NameError):  # a type is declared below it: the app looks again
            contract.check()
        own(contract)
    elif held.service is not command.service:
        raise DeclarationError(
            f"{command.place}: {cls.__name__} already belongs to {held.service.name}.",
            hint=f"Declare a rejection of its own for {command.service.name}.",
        )
    elif cls.__codec__ is None and held.shape.language != command.shape.language:
        raise DeclarationError(
            f"{command.place}: {cls.__name__} refuses commands in {held.shape.language} and in {command.shape.language}.",
            hint=f'class {cls.__name__}(Rejection, codec="{held.shape.language}")',
        )


def to_struct(rejection: Rejection) -> msgspec.Struct:
    """The rejection's fields as the struct that goes on the wire."""
    struct = _struct_of(type(rejection))
    return struct(**{name: getattr(rejection, name) for name in struct.__struct_fields__})


def from_struct(cls: type[Rejection], values: msgspec.Struct) -> Rejection:
    """The rejection from the struct that came off the wire."""
    return cls(**{name: getattr(values, name) for name in values.__struct_fields__})

"""Message classes: `Event` and `Command[Reply, Refusal]`, owned by a service, versioned, keyed.

Walk 1: a declaration fixes a message's name, owner, key and schema; all else is derived from it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Generic, Never, Self, TypeVar, get_args, get_origin

import msgspec
from typing_extensions import TypeVar as DefaultTypeVar
from typing_extensions import dataclass_transform

from partita.catalog.contract import KEY_MARK, Contract, gone_versions, name_on_the_wire, own
from partita.catalog.flow_notes import Concern, Rule, flow_notes
from partita.catalog.owner import Owner
from partita.catalog.place import caller_place
from partita.catalog.rejection import Rejection, claim
from partita.catalog.scope import resolve, scope_of_class
from partita.errors import DeclarationError

T = TypeVar("T")
Key = Annotated[T, KEY_MARK]
"""Marks the partition key, the scope of order: `order_id: Key[OrderId]`."""

ReplyT = DefaultTypeVar("ReplyT", covariant=True)
RefusalT = DefaultTypeVar("RefusalT", covariant=True, default=Never)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(msgspec.field,))
class MessageMeta(msgspec.StructMeta):
    """Builds message structs: frozen, keyword-only, camelCase on the wire, with a contract when owned."""

    def __new__(
        mcls,
        class_name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        /,
        *,
        of: Owner | None = None,
        version: int = 1,
        name: str | None = None,
        codec: str | None = None,
        compatibility: str | None = None,
        gone: Sequence[int] = (),
        concerns: Concern | Sequence[Concern] = (),
        accept: Mapping[Rule, str] | None = None,
    ) -> Any:
        """Make the class; `of` is the service that owns the message, `version` its contract's major, `name` its name on the
        wire (default: the name of the class). `codec` is the language it is written in, `compatibility` the promise that its
        schema keeps to earlier ones (default of both: that of its owner). `gone` are older versions of which no message exists
        any more: their old shapes may be deleted. `concerns` and `accept` are for the flow map and the
        catalog: money or a person behind the message, and the findings that its owner accepts, each with the reason."""
        if annotations := namespace.get("__annotations__"):
            module = namespace.get("__module__", "")
            namespace = {**namespace, "__annotations__": dict(annotations)}
            resolve(namespace["__annotations__"], namespace, module, scope_of_class(module))
        cls: Any = super().__new__(mcls, class_name, bases, namespace, frozen=True, kw_only=True, rename="camel")
        place = caller_place(2)
        for option, given in (("name", name), ("codec", codec), ("compatibility", compatibility)):
            if given is not None and of is None:
                raise DeclarationError(
                    f"{place}: {class_name} has {option}={ascii(given):.120} and no owner: it is no message of its own.",
                    hint=f"class {class_name}({bases[0].__name__}, of=service, {option}=...)",
                )
        if name is not None:
            name_on_the_wire(cls, name, place)
        if of is not None:
            kind = "command" if any(_is_command(base) for base in cls.__mro__[1:]) else "event"
            contract = Contract(
                cls, cls, kind=kind, service=of, version=version, place=place, codec=codec, compatibility=compatibility
            )
            contract.notes = flow_notes(class_name, concerns, accept, place)
            contract.gone = gone_versions(gone, contract)
            if kind == "command":
                _take_replies(cls, contract)
            with contextlib.suppress(NameError):  # a type is declared below it: the app looks again
                contract.check()
            own(contract)
        return cls


class Event(msgspec.Struct, metaclass=MessageMeta):
    """A fact that happened, published by its owner: `class OrderPlaced(Event, of=orders)`.

    Fields are keyword-only and frozen; the record on the wire is `<namespace>.v<version>.<name>`. `name=` keeps that name
    when the class is renamed.
    """

    if TYPE_CHECKING:

        def __init_subclass__(
            cls,
            *,
            of: Owner | None = None,
            version: int = 1,
            name: str | None = None,
            codec: str | None = None,
            compatibility: str | None = None,
            gone: Sequence[int] = (),
            concerns: Concern | Sequence[Concern] = (),
            accept: Mapping[Rule, str] | None = None,
        ) -> None: ...


class Command(msgspec.Struct, Generic[ReplyT, RefusalT], metaclass=MessageMeta):
    """A request to one service: `class ReserveStock(Command[StockReserved, StockRejected], of=inventory)`.

    The first argument is the event that answers it, the second the refusal (none by default). A command that cannot be
    refused is legal as an undo and after a pivot, and the type checker proves it.
    """

    if TYPE_CHECKING:

        def __init_subclass__(
            cls,
            *,
            of: Owner | None = None,
            version: int = 1,
            name: str | None = None,
            codec: str | None = None,
            compatibility: str | None = None,
            gone: Sequence[int] = (),
            concerns: Concern | Sequence[Concern] = (),
            accept: Mapping[Rule, str] | None = None,
        ) -> None: ...
        @classmethod
        def _me(cls) -> Self: ...
        @classmethod
        def _reply(cls) -> ReplyT: ...
        @classmethod
        def _refusal(cls) -> RefusalT: ...


def _is_command(base: type) -> bool:
    return base.__dict__.get("__module__") == __name__ and base.__name__ == "Command"


def _take_replies(cls: type[Any], contract: Contract) -> None:
    args = next((get_args(b) for b in cls.__dict__.get("__orig_bases__", ()) if get_origin(b) is Command), ())
    if not args:
        raise DeclarationError(
            f"{contract.place}: {cls.__name__} names no reply.",
            hint=f"class {cls.__name__}(Command[TheReply], of=...), or Command[TheReply, TheRefusal].",
        )
    contract.reply = args[0]
    if not (isinstance(args[0], type) and issubclass(args[0], Event)):
        raise DeclarationError(
            f"{contract.place}: the reply of {cls.__name__} is {args[0]!r}, which is not an Event.",
            hint="A reply is an event of the service that handles the command, declared above it.",
        )
    refusals = [r for a in args[1:] for r in (get_args(a) or (a,)) if r is not Never]
    for refusal in refusals:
        if not (isinstance(refusal, type) and issubclass(refusal, Rejection)):
            raise DeclarationError(
                f"{contract.place}: the refusal of {cls.__name__} is {refusal!r}, which is not a Rejection.",
                hint="class OutOfStock(Rejection): sku: str",
            )
        claim(refusal, contract)
    contract.refusals = tuple(refusals)

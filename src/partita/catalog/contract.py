"""The contract of a message class: its name, version and owner on the wire, its key, its replies."""

from __future__ import annotations

import re
import typing
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Annotated, Any, get_args, get_origin

import msgspec

from partita.catalog.flow_notes import NO_NOTES, FlowNotes
from partita.catalog.owner import Owner
from partita.catalog.place import Place
from partita.errors import DeclarationError, Malformed
from partita.schemas.evolution.level import check_level
from partita.schemas.fields.annotation import bare, union_members
from partita.schemas.fields.shape import Shape, record_name
from partita.schemas.languages import check_language, schema_of
from partita.settings.amount import check_count

KEY_MARK = "partita.key"
VERSION_MAX = 1_000_000
WIRE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}", re.ASCII)
KEY_TYPES = (str, int, uuid.UUID)
"""Types with one text for each value: `1.0` and `1`, or a value of an Enum and its text, would be two keys of one thing."""


@dataclass(frozen=True, slots=True)
class Upcaster:
    """The function that makes a message of the next version out of one of an older version."""

    function: Callable[[Any], Any]
    to: Contract
    place: Place


class Contract:
    """The promises of a message class: kind, owner, version, record on the wire and its language, key field, replies."""

    def __init__(
        self,
        cls: type[Any],
        struct: type[msgspec.Struct],
        *,
        kind: str,
        service: Owner,
        version: int,
        place: Place,
        codec: str | None = None,
        compatibility: str | None = None,
    ) -> None:
        check_count(DeclarationError, f"{place}: version of {cls.__name__}", version, most=VERSION_MAX)
        self.cls = cls
        self.kind = kind  # "event", "command" or "refusal"
        self.service = service
        self.version = version
        self.place = place
        language = check_language(service.codec if codec is None else codec, f"{place}: {cls.__name__}")
        self.compatibility = service.compatibility
        if compatibility is not None:
            self.compatibility = check_level(compatibility, f"{place}: {cls.__name__}")
        self.shape = Shape(record_name(cls), f"{service.namespace}.v{version}", struct, language, service.schemas)
        self.reply: type[Any] | None = None
        self.refusals: tuple[type[Any], ...] = ()
        self.notes: FlowNotes = NO_NOTES
        self.upcaster: Upcaster | None = None
        self.gone: tuple[int, ...] = ()  # the older versions of which no message exists any more
        self.is_read_as_it_is = kind in ("event", "command")
        self._is_checked = False

    def take_upcaster(self, upcaster: Upcaster) -> None:
        """Make this an old shape: its messages become those of a newer version when they are read."""
        self.upcaster, self.is_read_as_it_is = upcaster, False

    @property
    def newest(self) -> Contract:
        """The version that messages of this one become, by one upcaster after the other."""
        newest = self
        while newest.upcaster is not None:
            newest = newest.upcaster.to
        return newest

    def check(self) -> None:
        """Refuse a class whose values cannot be encoded, or whose key is not valid.

        Raises:
            DeclarationError: the type of a field, or of its key. NameError: a type that is declared later.
        """
        if self._is_checked:
            return
        try:
            schema_of(self.shape)
        except DeclarationError as error:
            raise DeclarationError(f"{self.place}: {error.args[0]}", hint=error.hint) from error
        for name, hint in self.hints.items():
            if is_key(hint) and bare(hint) not in KEY_TYPES:
                raise DeclarationError(
                    f"{self.place}: the key {self.name}.{name} is {bare(hint)!r}.",
                    hint="A key is a str, an int, a UUID, or a NewType of one of them.",
                )
            if not is_key(hint) and _holds_key(hint):
                raise DeclarationError(
                    f"{self.place}: {self.name}.{name} has a Key within another type, where it is none.",
                    hint="Key[...] is outermost: order_id: Key[OrderId]. A message always has its key.",
                )
        _ = self.key_field  # one at most
        self._is_checked = True

    @property
    def name(self) -> str:
        """The name of the class, `OrderPlaced`, for errors and hints."""
        return self.cls.__name__

    @property
    def wire_name(self) -> str:
        """The message's own name on the wire: that of the class, or its `name=`."""
        return self.shape.name

    @cached_property
    def full_name(self) -> str:
        """The type on the wire, `shop.order.v1.OrderPlaced`: namespace, version and name."""
        return self.shape.full_name

    @cached_property
    def identity(self) -> str:
        """The message in all its versions, `shop.order.OrderPlaced`. Effects are kept under it: an effect of version 1 has
        happened for version 2 as well."""
        return f"{self.service.namespace}.{self.wire_name}"

    def in_version(self, version: int) -> str:
        """The type on the wire of another version of this message."""
        return f"{self.service.namespace}.v{version}.{self.wire_name}"

    @cached_property
    def topic(self) -> str:
        """The topic of messages of this class: the owner's commands or events."""
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
        return None if field is None else key_text(getattr(message, field))


_TYPE = re.compile(r"(.*)\.v([0-9]{1,7})\.([^.]+(?:\.Fault)?)", re.DOTALL)


@lru_cache(maxsize=1_024)
def version_in(type_name: str) -> tuple[str, int]:
    """The identity and the version in a type on the wire; version 0 where it has none, as a foreign type."""
    found = _TYPE.fullmatch(type_name)
    return (f"{found[1]}.{found[3]}", int(found[2])) if found is not None else (type_name, 0)


def is_key(annotation: Any) -> bool:
    """Whether a field's annotation is `Key[...]`."""
    return get_origin(annotation) is Annotated and KEY_MARK in get_args(annotation)[1:]


def names_effect(annotation: Any) -> bool:
    """Whether a field of this type can name an effect: a key's type, or None, which names no effect."""
    some = [member for member in union_members(annotation) if bare(member) is not type(None)]
    return len(some) == 1 and bare(some[0]) in KEY_TYPES


def key_text(value: object) -> str:
    """A key as text: one text for each value, whatever its class prints.

    Raises:
        Malformed: its type is not one of a key.
    """
    if isinstance(value, str):
        return value if type(value) is str else str.__str__(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int.__repr__(value)
    if isinstance(value, uuid.UUID):
        return str(value)
    raise Malformed(f"A key is {value!r:.80}.", hint="A key is a str, an int or a UUID.")


def _holds_key(annotation: Any) -> bool:
    return is_key(annotation) or any(_holds_key(inner) for inner in get_args(annotation))


def name_on_the_wire(cls: type[Any], name: object, place: Place) -> None:
    """Give a message class a name on the wire that it keeps when the class is renamed.

    Raises:
        DeclarationError: it is not valid as a record's name.
    """
    if not isinstance(name, str) or not WIRE_NAME.fullmatch(name):
        raise DeclarationError(
            f"{place}: {ascii(name):.120} is not valid as a message's name.",
            hint=f'Letters, digits and _, 100 at most, and no digit first: name="{cls.__name__}V1".',
        )
    cls.__wire_name__ = name


def gone_versions(given: Sequence[int], contract: Contract) -> tuple[int, ...]:
    """The `gone=` of a message class.

    Raises:
        DeclarationError: it is no older version.
    """
    listed = isinstance(given, Sequence) and not isinstance(given, str)
    if not listed or any(type(each) is not int or not 0 < each < contract.version for each in given):
        raise DeclarationError(
            f"{contract.place}: gone={given!r:.80} of {contract.name} names no older versions of it.",
            hint=f"gone=(1,) says that no message of version 1 exists any more; {contract.name} has version {contract.version}.",
        )
    return tuple(given)


def own(contract: Contract) -> None:
    """Give a class its contract, and its owner the class.

    Raises:
        DeclarationError: another class has the same name on the wire.
    """
    messages = contract.service.messages
    held = messages.get(contract.full_name)
    if held is not None and contract_of(held).place != contract.place:
        raise DeclarationError(
            f"{contract.place}: {contract.name} is {contract.full_name} on the wire, as is {held.__name__}, declared already "
            f"at {contract_of(held).place}.",
            hint="Rename one of them, give one a name= of its own, or the newer one version=2.",
        )
    contract.cls.__partita__ = contract
    messages[contract.full_name] = contract.cls


def contract_of(cls: type[Any]) -> Contract:
    """The contract of a message class.

    Raises:
        DeclarationError: the class is not a declared message.
    """
    contract = vars(cls).get("__partita__") if isinstance(cls, type) else None
    if isinstance(contract, Contract):
        return contract
    name = f"{cls.__module__}.{cls.__qualname__}" if isinstance(cls, type) else f"{cls!r:.120}"
    raise DeclarationError(
        f"{name} is not a declared message.",
        hint="Declare its owner: class Name(Event, of=service), or name the rejection in Command[Reply, Rejection].",
    )

"""Upcasters: how a message of an older version becomes one of the next, as its owner declares it.

An old shape is a class that says `name=` and `version=` and has an upcaster. It is read and never sent: in handlers, sagas and
declarations a message has one class, its newest.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from partita.catalog.contract import Contract, Upcaster, contract_of
from partita.catalog.fault import FaultContract, fault_of
from partita.catalog.owner import Owner
from partita.catalog.place import Place
from partita.catalog.scope import UNREADABLE, hints_of
from partita.errors import DeclarationError


def take_upcaster(owner: Owner, function: Callable[..., Any], place: Place) -> None:
    """Give the old shape that a function takes its upcaster.

    Raises:
        DeclarationError: it is no function of one message, or leads to no newer version of that message.
    """
    old, new = _edge(owner, function, place)
    if old.service is not owner or new.service is not owner:
        other = old if old.service is not owner else new
        raise DeclarationError(
            f"{place}: {other.name} belongs to {other.service.name}, not to {owner.name}.",
            hint=f"The owner of a message declares its upcasters: @{_variable(other.service)}.upcast.",
        )
    if (old.wire_name, old.kind) != (new.wire_name, new.kind):
        raise DeclarationError(
            f"{place}: the upcaster {function.__name__} leads from {old.wire_name} to {new.wire_name}, which is another message.",
            hint=f'An old shape keeps its name: class {old.name}(..., name="{new.wire_name}", version={old.version}).',
        )
    if old.version >= new.version:
        raise DeclarationError(
            f"{place}: the upcaster {function.__name__} leads from version {old.version} of {old.wire_name} to version "
            f"{new.version}: upcasters in both directions would be a circle.",
            hint="An upcaster leads to a newer version: its parameter is the older class, its result the newer one.",
        )
    held = old.upcaster
    if held is not None and held.place != place:
        raise DeclarationError(
            f"{place}: {old.name} has an upcaster already, {held.function.__name__} at {held.place}.",
            hint="One way leads from a version to the newest. Delete one of the two.",
        )
    old.take_upcaster(Upcaster(function, new, place))
    owner.old_shapes[old.full_name] = None


def _edge(owner: Owner, function: Callable[..., Any], place: Place) -> tuple[Contract, Contract]:
    name = getattr(function, "__name__", "")
    how = f"@{_variable(owner)}.upcast above def order_placed_v2(old: OrderPlacedV1) -> OrderPlaced: ..."
    if not inspect.isfunction(function):
        raise DeclarationError(f"{place}: {function!r:.100} is no upcaster.", hint=how)
    inner = inspect.unwrap(function)
    if inspect.iscoroutinefunction(inner) or inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner):
        raise DeclarationError(
            f"{place}: the upcaster {name} is no plain function.",
            hint="It computes the new message from the old one alone, without any I/O: def, and return.",
        )
    try:
        hints = hints_of(function)
    except UNREADABLE as error:
        raise DeclarationError(f"{place}: an annotation of {name} cannot be read: {error}.", hint=how) from error
    parameters = list(inspect.signature(function).parameters.values())
    if len(parameters) != 1 or parameters[0].kind is inspect.Parameter.KEYWORD_ONLY:
        raise DeclarationError(f"{place}: the upcaster {name} takes {len(parameters)} parameters.", hint=how)
    if parameters[0].name not in hints or "return" not in hints:
        raise DeclarationError(f"{place}: the annotations of {name} name no two versions of a message.", hint=how)
    return contract_of(hints[parameters[0].name]), contract_of(hints["return"])


def olds_of(contract: Contract) -> tuple[Contract, ...]:
    """The old shapes whose messages become messages of this class, the oldest first."""
    if isinstance(contract, FaultContract):
        return tuple(fault_of(old) for old in olds_of(contract.of))
    owned = (contract_of(contract.service.messages[name]) for name in contract.service.old_shapes)
    return tuple(
        sorted(
            (each for each in owned if each.upcaster is not None and each.newest is contract),
            key=lambda each: each.version,
        )
    )


def check_versions(owners: Iterable[Owner], used: Sequence[tuple[Contract, str, Place]]) -> None:
    """Refuse versions of one message that do not all become its newest. `used` are the messages that handlers and sagas take or
    publish, each with the words for an error: such a message is in use, and no old shape.

    Raises:
        DeclarationError: with the line to write.
    """
    live = {contract.full_name for contract, _, _ in used}
    for contract, what, place in used:
        if contract.upcaster is not None:
            raise DeclarationError(
                f"{place}: {what} {contract.name}, an old shape: its messages become {contract.newest.name}.",
                hint=f"Name {contract.newest.name}; messages of version {contract.version} arrive as such.",
            )
    for owner in owners:
        by_name: dict[str, list[Contract]] = {}
        for cls in owner.messages.values():
            by_name.setdefault(contract_of(cls).wire_name, []).append(contract_of(cls))
        for versions in by_name.values():
            versions.sort(key=lambda each: each.version)
            for old in versions[:-1]:
                _check_old(old, versions[-1], live)


def _check_old(old: Contract, newest: Contract, live: set[str]) -> None:
    if old.upcaster is None:
        if old.full_name in live:
            return  # both versions are in use side by side, each with its own handlers
        raise DeclarationError(
            f"{old.place}: {old.name} is version {old.version} of {old.wire_name}, no handler and no saga uses it, and nothing "
            f"leads from it to version {newest.version}: its messages that are still under way could not be handled.",
            hint=upcaster_line(newest, old.name),
        )
    end = old.newest
    if end is not newest and end.full_name not in live:
        raise DeclarationError(
            f"{old.upcaster.place}: messages of {old.name} become {end.name}, version {end.version} of {old.wire_name}, and "
            f"nothing leads from there to version {newest.version}.",
            hint=upcaster_line(newest, end.name),
        )


def refuse_old(contract: Contract) -> NoReturn:
    """Refuse to send a message of an old shape.

    Raises:
        DeclarationError: names the newest class.
    """
    newest = contract.newest
    raise DeclarationError(
        f"{contract.name} is an old shape of {newest.name}: it is read, and never sent.",
        hint=f"Send a {newest.name}; a receiver of before is upgraded first.",
    )


def upcaster_line(new: Contract, old: str) -> str:
    """The line that declares a missing upcaster from the class of that name."""
    function = "".join(f"_{c.lower()}" if c.isupper() else c for c in new.wire_name).strip("_")
    return f"@{_variable(new.service)}.upcast above def {function}_v{new.version}(old: {old}) -> {new.name}: ..."


def _variable(owner: Owner) -> str:
    return owner.name.removesuffix("-service").replace("-", "_")

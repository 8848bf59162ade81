"""The commands that a handler sends with `tx.send`, where it declares them by `sends=`.

The receiver of a command is checked anyway, so a handler may leave the declaration out. With it the flow map shows the
commands of the handler, and the handler may send no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from partita.catalog.binding import Binding
from partita.catalog.contract import Contract, contract_of
from partita.catalog.event import Command
from partita.catalog.place import Place
from partita.catalog.type_text import type_text
from partita.errors import DeclarationError, PartitaError

Sends = type[Command[Any, Any]] | Sequence[type[Command[Any, Any]]]
"""A command, or several of them."""


def sent_by(name: str, sends: Sends | None, place: Place) -> tuple[Contract, ...] | None:
    """The commands of `sends=`; None where it is not given.

    Raises:
        DeclarationError: one of them is no command.
    """
    if sends is None:
        return None
    given: Sequence[object] = sends if isinstance(sends, (tuple, list)) else (sends,)
    for each in given:
        if not (isinstance(each, type) and issubclass(each, Command) and "__partita__" in vars(each)):
            raise DeclarationError(
                f"{place}: {name} sends {type_text(each):.120}, which is no command.",
                hint="sends=ReserveStock, or sends=(ReserveStock, ReleaseStock); an event is declared by emits=.",
            )
    return tuple({contract.full_name: contract for contract in map(contract_of, given)}.values())  # type: ignore[arg-type]


def check_sent(binding: Binding, contract: Contract) -> None:
    """Refuse a command that a handler sends beside those that it declares.

    Raises:
        PartitaError: which handler, which command, and what to write.
    """
    declared = binding.sends or ()
    if all(contract.full_name != each.full_name for each in declared):
        names = ", ".join([*(each.name for each in declared), contract.name])
        raise PartitaError(
            f"{binding.place}: {binding.name} sends {contract.name}, which it does not declare.",
            hint=f"sends=({names})" if declared else f"sends={names}, or no sends= at all.",
        )

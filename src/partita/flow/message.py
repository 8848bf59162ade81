"""The messages of the flow map, and the ids under which it knows them, the services and the sagas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from partita.catalog.catalog import Catalog
from partita.catalog.contract import Contract, contract_of
from partita.catalog.fault import FaultContract
from partita.catalog.flow_notes import FlowNotes
from partita.catalog.place import Place
from partita.flow.money import money_in


@dataclass(frozen=True, slots=True)
class Message:
    """An event or a command of the map. `money` names the field or the note that says so, `fault_of` the message of which it is
    the fault; `is_foreign` = its owner is a service of another app."""

    id: str
    kind: Literal["event", "command"]
    owner: str
    reply: str
    refusals: tuple[str, ...]
    fault_of: str
    is_foreign: bool
    meaning: str
    money: str
    notes: FlowNotes
    place: Place

    @property
    def human(self) -> bool:
        """Whether a person decides, as it declares."""
        return "human" in self.notes.concerns


class Names:
    """The ids of a map: the short name of each thing where no other thing has it, else a longer one."""

    def __init__(self, catalog: Catalog, contracts: Iterable[Contract]) -> None:
        self.contracts = tuple({each.full_name: each for each in contracts}.values())
        self.services = frozenset(service.name for service in catalog.services)
        services = [service.name for service in catalog.services]
        owners = dict.fromkeys([*services, *(each.service.name for each in self.contracts)])
        sagas = dict.fromkeys((s.name, d.name) for s in catalog.services for d in s.declared.sagas)
        self._used = Counter([*owners, *(name for _, name in sagas), *(each.name for each in self.contracts)])

    def service(self, name: str) -> str:
        """The id of a service."""
        return name if self._used[name] == 1 else f"service {name}"

    def saga(self, service: str, name: str) -> str:
        """The id of a saga of a service."""
        return name if self._used[name] == 1 else f"saga {name} of {service}"

    def of(self, contract: Contract) -> str:
        """The id of a message: the name of its class, or its type on the wire where two classes have one name."""
        return contract.name if self._used[contract.name] == 1 else contract.full_name


def message_of(contract: Contract, names: Names) -> Message:
    """The message of a contract."""
    return Message(
        names.of(contract),
        "command" if contract.kind == "command" else "event",
        names.service(contract.service.name),
        names.of(contract_of(contract.reply)) if contract.reply is not None else "",
        tuple(refusal.__name__ for refusal in contract.refusals),
        names.of(contract.of) if isinstance(contract, FaultContract) else "",
        contract.service.name not in names.services,
        "" if isinstance(contract, FaultContract) else _meaning(contract.cls),
        "" if isinstance(contract, FaultContract) else money_in(contract),
        contract.notes,
        contract.place,
    )


def _meaning(cls: type[Any]) -> str:
    return (vars(cls).get("__doc__") or "").strip().partition("\n\n")[0].replace("\n", " ")

"""The catalog of an app: every contract by its name on the wire, and the subscriptions of each service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from partita.catalog.binding import Binding
from partita.catalog.contract import Contract, contract_of
from partita.catalog.fault import FaultContract
from partita.catalog.place import Place
from partita.catalog.retry import Retry
from partita.catalog.service import Service, service_of
from partita.catalog.upcaster import check_versions, olds_of
from partita.errors import DeclarationError
from partita.settings.settings import variable_of


@dataclass(slots=True)
class Interest:
    """One service's interest in one message type: its handlers, whether its sagas want it, whether a handler dedupes by a
    field or calls outside (`concurrency` over 1), and the retry policy. `written` is the contract that reads the bytes: that
    of an old shape where the type is an older version of `contract`."""

    contract: Contract
    retry: Retry
    written: Contract
    bindings: list[Binding] = field(default_factory=list)
    for_sagas: bool = False
    dedupes: bool = False
    calls_out: bool = False


@dataclass(frozen=True, slots=True)
class Publisher:
    """A handler or a saga that publishes an event, sends a command or refuses one, and the messages upon which it may do so."""

    service: str
    name: str
    kind: Literal["on", "handles", "saga"]
    upon: tuple[Contract, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Absent:
    """A service that this app needs and does not have. `needed_for` has the reasons in words. With `has_handlers` its handlers
    are declared in this process and never run; without them it is taken for a service of another app."""

    service: Service
    needed_for: tuple[str, ...]
    has_handlers: bool


class Catalog:
    """All declarations of the services of an app."""

    def __init__(self, services: Sequence[Service]) -> None:
        self.services = tuple(services)
        self.contracts: dict[str, Contract] = {}
        for service in services:
            self.contracts.update(service.contracts)

    def service(self, name: str) -> Service:
        """The service of that name.

        Raises:
            DeclarationError: there is none.
        """
        for service in self.services:
            if service.name == name:
                return service
        raise DeclarationError(
            f"There is no service {name!r}.", hint=f"The services are: {', '.join(s.name for s in self.services)}."
        )

    def interests(self, service: Service) -> dict[str, Interest]:
        """The subscriptions of a service, by type name on the wire."""
        found: dict[str, Interest] = {}
        for binding in service.declared.bindings:
            for contract in binding.contracts:
                interest = found.setdefault(contract.full_name, Interest(contract, service.retry, contract))
                interest.bindings.append(binding)
                interest.dedupes = interest.dedupes or binding.dedupe_by is not None
                interest.calls_out = interest.calls_out or binding.concurrency > 1
                interest.retry = binding.retry or interest.retry
        for definition in service.declared.sagas:
            for contract in definition.consumes:
                interest = found.setdefault(contract.full_name, Interest(contract, service.retry, contract))
                interest.for_sagas = True
        for interest in list(found.values()):
            for old in olds_of(interest.contract):
                found[old.full_name] = replace(interest, written=old)
        return found

    def publishers(self, message: Contract) -> tuple[Publisher, ...]:
        """The handlers and sagas of this app that publish an event, send a command, or answer with a refusal, as they declare
        it. A command without `sends=` and the events of a transaction of the user's own (`app.outbox`) are declared nowhere."""
        found: list[Publisher] = []
        for service in self.services:
            for binding in service.declared.bindings:
                refusals = [contract_of(refusal) for each in binding.contracts for refusal in each.refusals]
                causes = (*binding.emits, *(binding.sends or ()), *(refusals if binding.kind == "handles" else ()))
                if any(each.full_name == message.full_name for each in causes):
                    found.append(Publisher(service.name, binding.name, binding.kind, binding.contracts, binding.place))
            for definition in service.declared.sagas:
                if any(each.full_name == message.full_name for each in definition.sends):
                    found.append(
                        Publisher(service.name, definition.name, "saga", definition.consumes, definition.place)
                    )
        return tuple(found)

    def written(self) -> dict[str, Contract]:
        """The messages that this app writes, by type name: those of its services, and the commands that their sagas and handlers
        declare to send to a service of another app."""
        found = dict(self.contracts)
        for service in self.services:
            sent = [contract for definition in service.declared.sagas for contract in definition.sends]
            sent += [contract for binding in service.declared.bindings for contract in binding.sends or ()]
            found |= {contract.full_name: contract for contract in sent}
        return found

    def of_others(self) -> tuple[Contract, ...]:
        """The messages of other apps' services that a handler or a saga here takes or sends."""
        found: dict[Contract, None] = {}
        for service in self.services:
            for definition in service.declared.sagas:
                found.update(dict.fromkeys((*definition.consumes, *definition.sends)))
            for binding in service.declared.bindings:
                found.update(dict.fromkeys((*binding.contracts, *(binding.sends or ()))))
        return tuple(contract for contract in found if contract.service not in self.services)

    def absent(self) -> tuple[Absent, ...]:
        """The services that are missing here and own a message that a saga sends, or that a handler takes."""
        needs: dict[Service, list[str]] = {}
        for service in self.services:
            for definition in service.declared.sagas:
                for contract in (definition.start, *definition.sends):
                    verb = "sends" if contract.kind == "command" else "starts with"
                    if contract.service not in self.services:
                        needs.setdefault(service_of(contract), []).append(f"{definition.name} {verb} {contract.name}")
            for binding in service.declared.bindings:
                for contract in binding.contracts:
                    if contract.service not in self.services:
                        taken = f"{binding.name} of {service.name} takes {contract.name}"
                        needs.setdefault(service_of(contract), []).append(taken)
        return tuple(
            Absent(service, tuple(dict.fromkeys(why)), bool(service.declared.bindings or service.declared.sagas))
            for service, why in needs.items()
        )

    def check_receiver(self, contract: Contract) -> None:
        """Refuse a command without a handler: no group reads its topic. The handlers of another app's service are unknown here.
        Such a command has to be declared: a schema is published for each message that an app declares to write, and for no other.

        Raises:
            DeclarationError: its owner is a service of this app, and has no handler for it; or it is one of another app, and
                nothing here declares that it sends the command.
        """
        for owner in self.services:
            if owner is contract.service:
                if any(contract in each.contracts for each in owner.declared.bindings):
                    return
                raise DeclarationError(
                    f"{contract.name} is sent, but has no handler.", hint=f"@{owner.name}.handles({contract.name})"
                )
        if not self._declares_to_send(contract):
            raise DeclarationError(
                f"{contract.name} belongs to {contract.service.name} of another app, and nothing here declares that it sends it: "
                "its schema would be published nowhere, and no reader could read it.",
                hint=f"sends={contract.name} on the handler that sends it: @service.on(sends={contract.name}).",
            )

    def _declares_to_send(self, contract: Contract) -> bool:
        """Whether a handler or a saga of this app declares that it sends this command."""
        return any(
            contract in (sender.sends or ())
            for service in self.services
            for sender in (*service.declared.bindings, *service.declared.sagas)
        )

    def topics_of(self, service: Service) -> tuple[str, ...]:
        """The topics a service's group reads."""
        return tuple(sorted({interest.contract.topic for interest in self.interests(service).values()}))

    def check(self) -> None:
        """Refuse declarations that cannot work across services.

        Raises:
            DeclarationError: a saga sends a command that no service of this app handles, two services share a name or a
                namespace, a message has a field whose type is declared nowhere, or cannot be encoded.
        """
        _check_distinct(self.services)
        used = list(_used(self.services))
        check_versions(dict.fromkeys([*self.services, *(contract.service for contract, _, _ in used)]), used)
        for contract in self.contracts.values():
            try:
                contract.check()
            except NameError as error:
                raise DeclarationError(
                    f"{contract.place}: a type of {contract.name} cannot be read: {error}.",
                    hint="Declare it at the top of a module or above the message, and import it at run time, not only under "
                    "TYPE_CHECKING.",
                ) from error
        later = {
            c.full_name: b.place for s in self.services for b in s.declared.bindings if b.later for c in b.contracts
        }
        handled = {c.full_name for s in self.services for b in s.declared.bindings for c in b.contracts}
        for service in self.services:
            for definition in service.declared.sagas:
                for contract in definition.sends:
                    owner_here = contract.service in self.services
                    if contract.full_name in later and contract in definition.answered_at_once:
                        raise DeclarationError(
                            f"{definition.place}: {contract.name} undoes or asks for saga {definition.name}, and its handler at "
                            f"{later[contract.full_name]} answers later.",
                            hint="A saga that turns back waits for its undo alone: let that handler return its reply, without "
                            "`| Later`.",
                        )
                    if owner_here and contract.kind == "command" and contract.full_name not in handled:
                        raise DeclarationError(
                            f"Saga {definition.name} sends {contract.name}, which has no handler.",
                            hint=f"@{contract.service.name}.handles({contract.name}); where that is written already, "
                            "import its module before App(...).",
                        )
                _check_distinguished(definition.name, definition.sent_for_items, self.services)


def _check_distinguished(saga: str, sent: Mapping[Contract, frozenset[str]], services: Sequence[Service]) -> None:
    """Refuse a handler that would take the commands for the items of one list for one and the same. `sent`: the commands that a
    saga sends for each item, with their fields that are filled from it."""
    for contract, of_item in sent.items():
        for binding in (each for service in services for each in service.declared.bindings):
            if contract in binding.contracts and binding.dedupe_by not in (None, *of_item):
                raise DeclarationError(
                    f"{binding.place}: {contract.name} is sent by saga {saga} for each item of a list, and dedupe_by="
                    f"{binding.dedupe_by!r} is the same for all.",
                    hint=f"dedupe_by a field that is filled from the item ({', '.join(sorted(of_item))}), or without dedupe_by: "
                    "each command has an id of its own.",
                )


def _used(services: Sequence[Service]) -> Iterator[tuple[Contract, str, Place]]:
    """Each message that a handler or a saga takes, answers with, publishes or sends."""
    for service in services:
        for binding in service.declared.bindings:
            for contract in binding.contracts:
                yield (
                    contract.of if isinstance(contract, FaultContract) else contract,
                    f"{binding.name} takes",
                    binding.place,
                )
            for contract in (*binding.emits, *(binding.sends or ())):
                yield contract, f"{binding.name} publishes", binding.place
        for definition in service.declared.sagas:
            for contract in definition.consumes:
                yield contract, f"{definition.name} takes", definition.place
            for contract in definition.sends:
                yield contract, f"{definition.name} sends", definition.place
        for contract in service.contracts.values():
            replies = [] if contract.reply is None else [contract.reply, *contract.refusals]
            for reply in replies if contract.upcaster is None else ():
                yield contract_of(reply), f"{contract.name} is answered by", contract.place


def _check_distinct(services: Sequence[Service]) -> None:
    """Refuse two services that would share a file, a variable, a group or topics. Names that differ only in case are one file
    on some systems, and one variable; Kafka refuses two topics that differ only in . and _.

    Raises:
        DeclarationError: names the two.
    """
    names: dict[str, Service] = {}
    namespaces: dict[str, Service] = {}
    for service in services:
        same = names.setdefault(variable_of(service.name), service)
        if same is not service or services.count(service) > 1:
            raise DeclarationError(
                f"Two services are named {service.name!r}"
                + (
                    f" and {same.name!r}, which is one name in files and variables."
                    if same.name != service.name
                    else "."
                ),
                hint=f"Rename one of them: {same.place}, {service.place}.",
            )
        owner = namespaces.setdefault(service.namespace.replace(".", "_").lower(), service)
        if owner is not service:
            raise DeclarationError(
                f"{service.place}: the namespace {service.namespace!r} of {service.name} is that of {owner.name}, "
                f"declared at {owner.place}.",
                hint="Their messages would share topics and names. Each service has a namespace of its own.",
            )

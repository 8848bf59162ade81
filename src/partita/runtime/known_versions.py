"""Known versions: the versions of each message that a service's database has seen, so that none is forgotten in the code.

The code alone cannot tell that messages of version 1 may exist when it has version 2 and nothing else. The database can: each
start keeps the versions that its service reads and writes, and refuses code that has lost one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from partita.catalog.catalog import Catalog
from partita.catalog.contract import Contract
from partita.catalog.fault import FaultContract
from partita.catalog.service import Service
from partita.catalog.upcaster import olds_of, upcaster_line
from partita.errors import StoreMismatch
from partita.store.port import Session

NAME = "versions of "


async def check_known(session: Session, service: Service, catalog: Catalog) -> None:
    """Keep the versions of the messages that a service owns or takes.

    Raises:
        StoreMismatch: an older version was in use here, and this code neither has it nor says that it is gone.
    """
    kept = await session.groups.kept(service.name)
    new: dict[str, str] = {}
    for identity, contracts in _by_identity(service, catalog).items():
        before = _versions(kept.get(f"{NAME}{identity}", ""))
        newest = max(contracts, key=lambda contract: contract.version)
        here = {contract.version for contract in contracts}
        lost = [v for v in before if v < newest.version and v not in here and v not in newest.gone]
        if lost:
            raise StoreMismatch(_lost(service, newest, lost[0]), hint=_hint(newest, lost[0]))
        known = sorted({*before, *here} - set(newest.gone))
        if known != before:
            new[f"{NAME}{identity}"] = ",".join(map(str, known))
    if new:
        await session.groups.keep(service.name, new)


def _by_identity(service: Service, catalog: Catalog) -> Mapping[str, Sequence[Contract]]:
    taken = [interest.contract for interest in catalog.interests(service).values()]
    found: dict[str, dict[str, Contract]] = {}
    for contract in (*service.contracts.values(), *taken):
        if not isinstance(contract, FaultContract):
            for each in (contract, *olds_of(contract)):
                found.setdefault(each.identity, {})[each.full_name] = each
    return {identity: list(contracts.values()) for identity, contracts in found.items()}


def _versions(text: str) -> list[int]:
    return [int(part) for part in text.split(",") if part.isdigit()]


def _lost(service: Service, newest: Contract, version: int) -> str:
    return (
        f"{service.name} has used version {version} of {newest.wire_name}, and messages of {newest.in_version(version)} may wait "
        f"in a topic, an outbox, a dead letter or a saga. This code has version {newest.version} and no upcaster from version "
        f"{version}."
    )


def _hint(newest: Contract, version: int) -> str:
    old = f"{newest.name}V{version}"
    return (
        f'class {old}(..., name="{newest.wire_name}", version={version}) as it was, and {upcaster_line(newest, old)} '
        f"Or gone=({version},) on {newest.name}, where no message of version {version} can exist any more."
    )

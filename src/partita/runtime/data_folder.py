"""A data folder belongs to one system: `services/` in it names the services with files and a log there."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from partita.catalog.catalog import Catalog
from partita.errors import StoreMismatch

FOLDER = "services"


def claim_folder(data: Path, catalog: Catalog, process: str) -> None:
    """Make the folder this app's, or check that it is. Several apps may share one if they share a service: for example
    one that subscribes to another's events. Apps without a common service are two systems, and the second was started
    in the wrong folder.

    Raises:
        StoreMismatch: another app's data is there; nothing was touched.
    """
    own = {service.name: service.namespace for service in catalog.services}
    heard = {
        contract.service.name: contract.service.namespace
        for service in catalog.services
        for contract in (
            *(interest.contract for interest in catalog.interests(service).values()),
            *(sent for definition in service.declared.sagas for sent in definition.sends),
        )
    }
    known = {**heard, **own}
    _check(data, _found(data), own, known)
    with contextlib.suppress(OSError):  # the databases, which need the folder more, report a folder that takes no file
        (data / FOLDER).mkdir(parents=True, exist_ok=True)
        for name, namespace in known.items():
            _write(data / FOLDER / name, namespace, process)
    # Two apps may have begun at once: of two that wrote, at least one reads the other's file.
    _check(data, _found(data), own, known)


def _check(data: Path, found: Mapping[str, str], own: Mapping[str, str], known: Mapping[str, str]) -> None:
    other = "It was not touched. Choose another folder with --data or PARTITA_DATA."
    for name, namespace in found.items():
        if known.get(name, namespace) != namespace:
            raise StoreMismatch(
                f"{data}: holds the data of a {name} with the namespace {namespace}, not {known[name]}.", hint=other
            )
        owner = next((mine for mine, its in own.items() if its == namespace and mine != name), None)
        if owner is not None and name not in known:
            raise StoreMismatch(f"{data}: the namespace {namespace} of {owner} is that of {name} there.", hint=other)
    if found and not found.keys() & known.keys():
        raise StoreMismatch(f"{data}: holds the data of another app, with {', '.join(sorted(found))}.", hint=other)


def _found(data: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for path in sorted((data / FOLDER).iterdir()):
            namespace = path.read_text(encoding="utf-8", errors="replace").strip()
            if namespace and not path.name.startswith("."):
                found[path.name] = namespace
    return found


def _write(path: Path, namespace: str, process: str) -> None:
    """Write it whole or not at all: a process that reads meanwhile sees no half of a name."""
    if not path.exists():
        part = path.with_name(f".{path.name}-{process}")
        part.write_text(f"{namespace}\n", encoding="utf-8")
        part.replace(path)

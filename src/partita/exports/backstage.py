"""The entities of Backstage: for each service a Component, and an API with the AsyncAPI document of the service."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from partita.catalog.service import Service
from partita.exports.asyncapi.document import asyncapi_document
from partita.exports.json_text import json_text
from partita.exports.naming import Naming, title_of
from partita.exports.seal import UNSEALED, sealed
from partita.exports.yaml_text import Value, yaml_text
from partita.observability.declarations import Declarations

API_VERSION = "backstage.io/v1alpha1"
NAME_MAX = 63
_GAP = re.compile(r"[^A-Za-z0-9]+")


def backstage(app: Declarations, naming: Naming) -> str:
    """The text of a `catalog-info.yaml`."""
    documents = "".join(f"---\n{yaml_text(entity)}" for entity in entities(app, naming))
    return sealed(f"# {UNSEALED}\n{documents}")


def entities(app: Declarations, naming: Naming) -> Iterator[dict[str, Value]]:
    """The Component and the API of each service that owns messages, and the Component of each other one that reads some."""
    system = entity_name(title_of(app, naming))
    yield {
        "apiVersion": API_VERSION,
        "kind": "System",
        "metadata": {"name": system, "title": title_of(app, naming)},
        "spec": {"owner": _owner(app.services[0]) if app.services else "no-team"},
    }
    for service in app.services:
        spec: dict[str, Value] = {"lifecycle": naming.lifecycle, "owner": _owner(service), "system": system}
        provides = [_api(service)] if service.messages else []
        consumes = [_api(owner) for owner in _owners(app, service) if owner.name != service.name]
        if service.messages or service.declared.bindings or service.declared.sagas:
            yield {
                "apiVersion": API_VERSION,
                "kind": "Component",
                "metadata": {"name": entity_name(service.name), "title": service.name},
                "spec": {"type": "service", **spec, "providesApis": provides, "consumesApis": consumes},
            }
        if service.messages:
            document = asyncapi_document(app, title=service.name, version=naming.version, only=service)
            yield {
                "apiVersion": API_VERSION,
                "kind": "API",
                "metadata": {
                    "name": _api(service),
                    "title": f"Messages of {service.name}",
                    "description": f"{len(service.messages)} messages of {service.namespace}.",
                },
                "spec": {"type": "asyncapi", **spec, "definition": json_text(document)},
            }


def entity_name(text: str) -> str:
    """A name that Backstage takes: letters and digits with `-` between them, 63 at most; one that had to change has a digest."""
    plain = _GAP.sub("-", text).strip("-")
    if plain == text.replace("_", "-").replace(".", "-") and 0 < len(plain) <= NAME_MAX:
        return plain
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain[: NAME_MAX - 9].strip('-')}-{digest}".strip("-")


def _api(service: Service) -> str:
    return entity_name(f"{service.name[: NAME_MAX - 9]}-messages")


def _owner(service: Service) -> str:
    return f"group:default/{entity_name(service.team)}" if service.team else "group:default/no-team"


def _owners(app: Declarations, service: Service) -> list[Service]:
    """The services of this app that own a message which a service reads or sends."""
    read = {interest.contract.service.name: None for interest in app.catalog.interests(service).values()}
    sent = {c.service.name: None for definition in service.declared.sagas for c in definition.sends}
    by_hand = {c.service.name: None for b in service.declared.bindings for c in (b.sends or ())}
    return [owner for owner in app.services if owner.messages and owner.name in {**read, **sent, **by_hand}]

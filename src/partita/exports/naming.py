"""The title and the version of exported documents."""

from __future__ import annotations

from dataclasses import dataclass

from partita.observability.declarations import Declarations


@dataclass(frozen=True, slots=True)
class Naming:
    """The title of exported documents (empty = the common part of the namespaces), their version, the lifecycle of services."""

    title: str = ""
    version: str = "1.0.0"
    lifecycle: str = "production"


def title_of(app: Declarations, naming: Naming) -> str:
    """The title of a document: as it is given, else the beginning that all namespaces share, else the first service."""
    if naming.title:
        return naming.title
    parts = [service.namespace.split(".") for service in app.services if service.messages]
    shared = []
    for words in zip(*parts, strict=False):
        if len(set(words)) > 1:
            break
        shared.append(words[0])
    return ".".join(shared) or next((service.name for service in app.services), "messages")

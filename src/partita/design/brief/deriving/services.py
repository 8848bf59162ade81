"""The services of a brief, with their namespaces and databases."""

from __future__ import annotations

import keyword
import re
from typing import cast

from partita.design.brief.deriving.ledger import Ledger
from partita.design.brief.part import Part
from partita.design.model.origin import Fact
from partita.design.model.service import ServiceDesign, ServiceKind

ARCHITECT = "architect"
"""The owner of an assumption that is no team's own."""


def namespace_of(brief: Part, ledger: Ledger) -> str:
    """The beginning of all namespaces: declared, or the first word of the domain."""
    if brief.has("namespace"):
        return brief.text("namespace")
    namespace = namespace_word(re.split(r"[^a-z0-9]+", brief.text("domain").lower())[0])
    ledger.assume(
        f"All messages are in the namespace `{namespace}`.",
        ARCHITECT,
        "each type, schema and topic gets another name, which its readers must follow",
        f"namespace: {namespace}",
    )
    return namespace


def namespace_word(word: str) -> str:
    """A word of a domain as a namespace: no keyword of Python, and a letter first."""
    word = word[:24] if word[:1].isalpha() else f"n{word[:24]}"
    return f"{word}_domain" if keyword.iskeyword(word) or word in ("partita", "true", "false", "null") else word


def services_of(brief: Part, namespace: str, ledger: Ledger) -> tuple[ServiceDesign, ...]:
    """The producers, then the consumers, each once."""
    found: dict[str, ServiceDesign] = {}
    for group in ("producers", "consumers"):
        for name, part in brief.named(group):
            found.setdefault(name, _service(name, part, namespace, ledger))
    return tuple(found.values())


def owner_of(services: tuple[ServiceDesign, ...], name: str) -> str:
    """The team of a service; the architect where no service of that name is declared."""
    return next((each.team for each in services if each.name == name), ARCHITECT)


def _service(name: str, part: Part, namespace: str, ledger: Ledger) -> ServiceDesign:
    words = name.removesuffix("-service").replace("-", "_")
    if part.has("db"):
        database = ledger.fact(part, "db", part.text("db"))
    else:
        text = "Each of these services keeps its data in a PostgreSQL schema of its own: {about}."
        wrong = "its outbox and inbox, and so its guarantees, lie where its data lies"
        database = Fact("postgres", ledger.assume(text, ARCHITECT, wrong, "db: postgres at the service", about=name))
    return ServiceDesign(
        name=name,
        namespace=part.text("namespace") or f"{namespace}.{words}",
        team=part.text("team"),
        kind=cast(ServiceKind, part.text("kind", "service")),
        database=database,
        owns=part.texts("owns"),
        doc=part.text("doc"),
        origin=ledger.declared(part.line),
    )

"""The names of a service: they become files, schemas, topics, consumer groups and variables, so that few characters are
left."""

from __future__ import annotations

import re

from partita.catalog.place import Place
from partita.errors import DeclarationError

NAME_MAX = 63
NAMESPACE_MAX = 100
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_][A-Za-z0-9]+)*", re.ASCII)
_NAMESPACE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*", re.ASCII)
# The log's file and schema, and schemas that are PostgreSQL's own.
_TAKEN = ("log", "partita_log", "public", "information_schema")


def check_name(name: object, place: Place) -> None:
    """Refuse a service's name that is no file's, schema's, group's and variable's name alike.

    Raises:
        DeclarationError: which one, and which names there can be.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > NAME_MAX:
        raise DeclarationError(
            f"{place}: {_shown(name)} can be no service's name.",
            hint=f'Letters, digits, and - or _ between them, {NAME_MAX} at most: Service("order-service", ...).',
        )
    if name.lower() in _TAKEN or name.lower().startswith("pg_"):
        raise DeclarationError(
            f"{place}: {name!r} can be no service's name: Partita or PostgreSQL has a use of its own for it.",
            hint=f'Such as Service("{name.lower().removeprefix("pg_").replace("_", "-")}-service", ...).',
        )


def check_namespace(namespace: object, place: Place) -> None:
    """Refuse a namespace that is no topic's and no record's name.

    Raises:
        DeclarationError: which one, and which there can be.
    """
    good = isinstance(namespace, str) and _NAMESPACE.fullmatch(namespace) and len(namespace) <= NAMESPACE_MAX
    if not good or str(namespace).lower() == "partita":  # where the record of a fault is
        raise DeclarationError(
            f"{place}: {_shown(namespace)} can be no namespace.",
            hint=f'Names with dots between, letters, digits and _, {NAMESPACE_MAX} at most: namespace="acme.order".',
        )


def _shown(name: object) -> str:
    """A name as an error may show it: a long one by its beginning."""
    text = ascii(name)
    return text if len(text) <= NAME_MAX else f"{text[:NAME_MAX]}... ({len(text):,} characters)"

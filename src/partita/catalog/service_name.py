"""The names of a service. They become files, schemas, topics, consumer groups and variables, so few characters are
allowed."""

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
    """Refuse a service's name that is not valid for a file, a schema, a group and a variable.

    Raises:
        DeclarationError: shows the name and the rule.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > NAME_MAX:
        raise DeclarationError(
            f"{place}: {_shown(name)} is not valid as a service's name.",
            hint=f'Letters, digits, and - or _ between them, {NAME_MAX} at most: Service("order-service", ...).',
        )
    if name.lower() in _TAKEN or name.lower().startswith("pg_"):
        raise DeclarationError(
            f"{place}: {name!r} is not valid as a service's name: Partita or PostgreSQL uses it.",
            hint=f'Such as Service("{name.lower().removeprefix("pg_").replace("_", "-")}-service", ...).',
        )


def check_namespace(namespace: object, place: Place) -> None:
    """Refuse a namespace that is not valid for a topic and a record.

    Raises:
        DeclarationError: shows the namespace and the rule.
    """
    good = isinstance(namespace, str) and _NAMESPACE.fullmatch(namespace) and len(namespace) <= NAMESPACE_MAX
    if not good or str(namespace).lower() == "partita":  # the records of faults are in it
        raise DeclarationError(
            f"{place}: {_shown(namespace)} is not valid as a namespace.",
            hint=f'Names with dots between, letters, digits and _, {NAMESPACE_MAX} at most: namespace="acme.order".',
        )


def _shown(name: object) -> str:
    """A name in an error; of a long one the beginning."""
    text = ascii(name)
    return text if len(text) <= NAME_MAX else f"{text[:NAME_MAX]}... ({len(text):,} characters)"

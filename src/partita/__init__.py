"""Partita: event-driven systems that lose nothing and do nothing twice.

Declare services, messages, handlers and sagas; the same declarations run embedded on SQLite, and later on servers.
Names are imported at their first use, so that a command line imports only the names it needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from partita.app import App, load_app
    from partita.catalog.event import Command, Event, Key
    from partita.catalog.fault import Fault
    from partita.catalog.injection import Depends, Meta, Tx
    from partita.catalog.rejection import Rejection
    from partita.catalog.retry import Retry
    from partita.catalog.service import Service
    from partita.errors import Conflict, DeclarationError, NotFound, PartitaError, SettingsError, StoreUnavailable
    from partita.outbox.users_transaction import Outbox
    from partita.sagas.durations import days, hours, minutes, seconds
    from partita.sagas.saga import Saga
    from partita.sagas.step import pivot, retriable, step
    from partita.schemas.fields.shape import Since
    from partita.settings.settings import Settings

__version__ = "0.1.0"

__all__ = [
    "App",
    "Command",
    "Conflict",
    "DeclarationError",
    "Depends",
    "Event",
    "Fault",
    "Key",
    "Meta",
    "NotFound",
    "Outbox",
    "PartitaError",
    "Rejection",
    "Retry",
    "Saga",
    "Service",
    "Settings",
    "SettingsError",
    "Since",
    "StoreUnavailable",
    "Tx",
    "days",
    "hours",
    "load_app",
    "minutes",
    "pivot",
    "retriable",
    "seconds",
    "step",
]

_HOMES = {
    "App": "partita.app",
    "Command": "partita.catalog.event",
    "Conflict": "partita.errors",
    "DeclarationError": "partita.errors",
    "Depends": "partita.catalog.injection",
    "Event": "partita.catalog.event",
    "Fault": "partita.catalog.fault",
    "Key": "partita.catalog.event",
    "Meta": "partita.catalog.injection",
    "NotFound": "partita.errors",
    "Outbox": "partita.outbox.users_transaction",
    "PartitaError": "partita.errors",
    "Rejection": "partita.catalog.rejection",
    "Retry": "partita.catalog.retry",
    "Saga": "partita.sagas.saga",
    "Service": "partita.catalog.service",
    "Settings": "partita.settings.settings",
    "SettingsError": "partita.errors",
    "Since": "partita.schemas.fields.shape",
    "StoreUnavailable": "partita.errors",
    "Tx": "partita.catalog.injection",
    "days": "partita.sagas.durations",
    "hours": "partita.sagas.durations",
    "load_app": "partita.app",
    "minutes": "partita.sagas.durations",
    "pivot": "partita.sagas.step",
    "retriable": "partita.sagas.step",
    "seconds": "partita.sagas.durations",
    "step": "partita.sagas.step",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'partita' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]

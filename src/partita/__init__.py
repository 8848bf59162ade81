"""Partita: event-driven systems that lose nothing and do nothing twice.

Declare services, messages, handlers and sagas; the same declarations run embedded on SQLite, and later on servers.
"""

from partita.app import App, load_app
from partita.catalog.event import Command, Event, Key
from partita.catalog.injection import Depends, Meta, Tx
from partita.catalog.rejection import Rejection
from partita.catalog.retry import Retry
from partita.catalog.service import Service
from partita.errors import Conflict, DeclarationError, NotFound, PartitaError, SettingsError, StoreUnavailable
from partita.sagas.definition import Saga, pivot, retriable, step
from partita.sagas.durations import hours, minutes, seconds
from partita.schemas.shape import Since
from partita.settings import Settings

__version__ = "0.1.0"

__all__ = [
    "App",
    "Command",
    "Conflict",
    "DeclarationError",
    "Depends",
    "Event",
    "Key",
    "Meta",
    "NotFound",
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
    "hours",
    "load_app",
    "minutes",
    "pivot",
    "retriable",
    "seconds",
    "step",
]

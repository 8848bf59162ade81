"""The client of an app: the sender of posted commands. It is a service without handlers and messages, so that its outbox is
kept, relayed, cleaned, migrated, measured and watched like every other."""

from __future__ import annotations

import re

from partita.catalog.place import Place
from partita.catalog.service import Service
from partita.catalog.service_name import check_name


def client_named(name: str, place: Place) -> Service:
    """The client of that name, declared at `place`.

    Raises:
        DeclarationError: the name is not valid.
    """
    check_name(f"client-{name}" if isinstance(name, str) else name, place)
    return Service(f"client-{name}", namespace=f"client.{re.sub(r'[^a-zA-Z0-9]', '_', str(name))}")


def is_client(service: Service) -> bool:
    """Whether a service is the client of an app: it has the name of one, and owns no messages."""
    return service.name.startswith("client-") and service.namespace.startswith("client.") and not service.messages

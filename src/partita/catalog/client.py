"""The client of an app: the sender of what is posted. It is a service that handles nothing and owns no message, so that its
outbox is kept, relayed, cleaned, migrated, measured and watched as every other."""

from __future__ import annotations

import re

from partita.catalog.service import Service


def client_named(name: str) -> Service:
    """The client of that name.

    Raises:
        DeclarationError: it can be no name.
    """
    return Service(f"client-{name}", namespace=f"client.{re.sub(r'[^a-zA-Z0-9]', '_', str(name))}")

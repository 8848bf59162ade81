"""Services that the declarations need and the app does not have."""

from __future__ import annotations

from partita.observability.declarations import Declarations
from partita.topics.health import Finding

REASONS_MAX = 3


def check_absent(app: Declarations) -> list[Finding]:
    """The services whose handlers are declared in this process, and that are missing in `App(...)`: their messages arrive
    nowhere, without an error. A service without a handler here is declared as one of another app."""
    found = []
    for absent in app.catalog.absent():
        if absent.has_handlers:
            name, reasons = absent.service.name, "; ".join(absent.needed_for[:REASONS_MAX])
            found.append(
                Finding(
                    "bad",
                    name,
                    f"is missing in App(...), so that its handlers never run: {reasons}",
                    f"App(..., {name.replace('-', '_')}) with the service declared at {absent.service.place}. If it runs in "
                    "another app, import its messages here without its handlers.",
                )
            )
    return found

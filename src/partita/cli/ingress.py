"""`partita ingress`: an ingress behind an HTTP server of its own."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

import click

from partita.cli.http_server import server_of
from partita.cli.output import data_option, talk
from partita.cli.readiness import READY, announce
from partita.errors import SettingsError
from partita.ingress.ingress import Ingress
from partita.runtime.importing import import_users
from partita.runtime.system import ROLES
from partita.settings.settings import Settings


@click.group(short_help="An ingress over HTTP: serve it.")
def ingress() -> None:
    """CloudEvents of other programs, taken over HTTP into the outbox of a service."""


@ingress.command(epilog="Example:  partita ingress serve hooks:hooks --port 8080")
@click.argument("named", metavar="MODULE:INGRESS")
@click.option("--port", type=click.IntRange(0, 65_535), required=True, help="0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--roles",
    default="relay",
    show_default=True,
    help="Roles of its service that this process has too, with commas between; empty = none.",
)
@data_option
def serve(named: str, port: int, host: str, roles: str, data: Path) -> None:
    """Serve POST /events until it is stopped: a line with its URL says that it is ready, SIGTERM ends it in order.

    Several processes may serve one ingress, beside processes that run its service."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    chosen = tuple(role for role in roles.split(",") if role)
    unknown = [role for role in chosen if role not in ROLES]
    if unknown:
        raise SettingsError(f"There is no role {unknown[0]!r}.", hint=f"The roles are: {', '.join(ROLES)}.")
    os.environ["PARTITA_DATA"] = str(data)
    served, found = server_of("ingress"), _ingress(named).configured(Settings.from_environment(data=data))

    def ready(url: str) -> None:
        talk(f"ready: {url}/events ({found.service.name})")
        announce(READY)

    asyncio.run(served(found, host, port, ready, found.alone(chosen)))


def _ingress(named: str) -> Ingress:
    module_name, _, attribute = named.partition(":")
    found = getattr(import_users(named, module_name), attribute, None)
    if not isinstance(found, Ingress):
        raise SettingsError(
            f"{named}: {module_name} has no ingress named {attribute!r}.", hint="hooks = app.ingress(payments)"
        )
    return found

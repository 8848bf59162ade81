"""`partita registry`: the embedded schema registry."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click

from partita.cli.http_server import server_of
from partita.cli.output import Folder, checked_server, talk
from partita.cli.readiness import READY, announce
from partita.machine.system import this_machine
from partita.registry_server.api import Api
from partita.registry_server.connect import connect_storage
from partita.registry_server.languages import known_rules
from partita.registry_server.storage import Storage


@click.group(short_help="The schema registry: serve it.")
def registry() -> None:
    """The embedded schema registry: Confluent's REST protocol over SQLite or PostgreSQL."""


@registry.command(epilog="Example:  partita registry serve --port 8081 --data .partita")
@click.option("--port", type=click.IntRange(0, 65_535), required=True, help="0 takes a free one.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="The address to listen on. The registry has no users and no passwords: beyond this machine a proxy checks them.",
)
@click.option(
    "--data",
    type=Folder(path_type=Path, file_okay=False),
    default=Path(".partita"),
    envvar="PARTITA_DATA",
    show_default=True,
    help="The folder with registry.db.",
)
@click.option(
    "--store",
    metavar="URL",
    callback=lambda context, option, url: url and checked_server(context, option, url),
    help="A PostgreSQL database instead, such as postgresql://user@host/database. Default: PARTITA_STORE, else the folder.",
)
def serve(port: int, host: str, data: Path, store: str | None) -> None:
    """Serve the registry until it is stopped: a line with its URL says that it is ready, SIGTERM ends it in order.

    Several processes may serve one PostgreSQL database."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    storage = connect_storage(store or os.environ.get("PARTITA_STORE") or data, this_machine())
    served = server_of("registry")

    def ready(url: str) -> None:
        talk(f"ready: {url} (schemas in {storage.where})")
        announce(READY)

    asyncio.run(served(Api(storage, known_rules), host, port, ready, _opened(storage)))


@asynccontextmanager
async def _opened(storage: Storage) -> AsyncIterator[None]:
    await storage.open()
    try:
        yield
    finally:
        await storage.close()

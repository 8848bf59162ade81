"""`partita shop`: import an order file, write a sample of one, serve the HTTP API."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import socket
import sys
from pathlib import Path
from typing import Literal

import click

from partita.cli.output import data_option, output_option, print_json, say, talk
from partita.errors import SettingsError
from partita.settings.settings import Settings


@click.group(short_help="The shop: import an order file, make a sample, serve the HTTP API.")
def shop() -> None:
    """The shop: five services, a checkout saga, a payment provider and a mail sink."""


@shop.command("import", epilog="Example:  partita shop import orders.csv --data .partita")
@click.argument("file", type=click.Path(path_type=Path))
@data_option
@click.option("--stock", type=int, default=1_000_000, show_default=True, help="First stock of each article.")
@click.option(
    "--dates",
    type=click.Choice(["auto", "day-first", "month-first"]),
    default="auto",
    show_default=True,
    help="The form of dates, checked against the whole file. auto refuses a file that can be read either way.",
)
@click.option(
    "--encoding",
    type=click.Choice(["auto", "utf-8", "latin-1"]),
    default="auto",
    show_default=True,
    help="The encoding of characters.",
)
@output_option
def import_(
    file: Path,
    data: Path,
    stock: int,
    dates: Literal["auto", "day-first", "month-first"],
    encoding: str,
    output: str,
) -> None:
    """Place one order per invoice of FILE and wait until each is decided. A second import changes nothing."""
    from partita.examples.shop.app import app
    from partita.examples.shop.importing import check_stock, import_file, rejects_path

    settings = Settings.from_environment(data=data)
    result = asyncio.run(
        import_file(
            app.configured(settings),
            file,
            dates=dates,
            encoding="utf-8-sig" if encoding == "utf-8" else encoding,
            stock=check_stock(stock),
        )
    )
    if output == "json":
        print_json("ImportResult", dataclasses.asdict(result))
        return
    say(
        f"{result.invoices:,} invoices: {result.orders:,} orders, {result.confirmed:,} confirmed "
        f"({result.total_cents / 100:,.2f}), {result.cancelled:,} cancelled, {result.credit_notes:,} credit notes "
        f"with {result.returns:,} returns ({result.refunded_cents / 100:,.2f} refunded)"
    )
    say(
        f"{result.lines:,} lines read = {result.placed_lines:,} placed + {result.rejected_lines:,} rejected "
        f"(dates {result.dates}, {result.encoding})"
    )
    if result.rejected_lines:
        say(f"the rejected lines, with reasons: {rejects_path(file, data)}")


@shop.command(epilog="Example:  partita shop sample --invoices 100 --seed 7 -f orders.csv")
@click.option("--invoices", type=click.IntRange(min=0), default=100, show_default=True)
@click.option("--seed", type=int, default=7, show_default=True)
@click.option("-f", "--file", type=click.Path(path_type=Path, dir_okay=False), help="Where to write; default: stdout.")
def sample(invoices: int, seed: int, file: Path | None) -> None:
    """Write an order file with the errors of real ones; the same file for the same seed."""
    from partita.examples.shop.sample import sample_lines

    if file is None:
        for line in sample_lines(invoices, seed):
            sys.stdout.buffer.write(line.encode())
        sys.stdout.buffer.flush()
        return
    with file.open("w", encoding="utf-8", newline="") as out:
        out.writelines(sample_lines(invoices, seed))
    talk(f"{file}: {invoices:,} invoices")


@shop.command(epilog="Example:  partita shop serve --port 8000")
@data_option
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65_535), default=8000, show_default=True)
def serve(data: Path, host: str, port: int) -> None:
    """Serve the HTTP API with all services, the payment provider and the mail sink."""
    if host not in ("127.0.0.1", "localhost", "::1"):
        raise SettingsError(
            f"--host {host}: the API has no authentication and is served on this machine only.",
            hint="Put a proxy that authenticates in front of 127.0.0.1.",
        )
    _check_port(host, port)
    os.environ["PARTITA_DATA"] = str(data)
    import uvicorn

    from partita.examples.shop.api import make_api
    from partita.examples.shop.app import app
    from partita.examples.shop.children import witnesses

    api = make_api(app.configured(Settings.from_environment(data=data)))
    talk(f"http://{f'[{host}]' if ':' in host else host}:{port}/docs   data in {data}   Ctrl-C ends it")
    with witnesses(data):
        uvicorn.run(api, host=host, port=port, log_level="warning")


def _check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            with socket.socket(family) as other:
                other.bind((host, 0))
                free = other.getsockname()[1]
            raise SettingsError(
                f"--port {port}: cannot be used ({error.strerror}).", hint=f"A free one is --port {free}."
            ) from error

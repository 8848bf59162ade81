"""What commands print: data on stdout as text or JSON, talk and errors on stderr, one place for both."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from partita.errors import PartitaError

F = TypeVar("F", bound=Callable[..., Any])
STORE_TEXT = "The databases' server, such as postgresql://user@host/database. Default: PARTITA_STORE, else the folder."
BUS_TEXT = "The log's or broker's server. Default: PARTITA_BUS, else the folder."
DEFAULT_APP = "partita.examples.shop.app:app"


def output_option(function: F) -> F:
    """`-o text|json`."""
    return click.option(
        "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="How to print the result."
    )(function)


def data_option(function: F) -> F:
    """`--data DIR`, and `--store URL --bus URL` where a part of the data is on servers."""
    return click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path(".partita"),
        envvar="PARTITA_DATA",
        show_default=True,
        help="The folder with the databases.",
    )(_server_option("store", STORE_TEXT)(bus_option(function)))


def bus_option(function: F) -> F:
    """`--bus URL`."""
    return _server_option("bus", BUS_TEXT)(function)


def _server_option(name: str, text: str) -> Callable[[F], F]:
    return click.option(f"--{name}", metavar="URL", help=text, expose_value=False, callback=_into_environment)


def _into_environment(_: click.Context, option: click.Parameter, url: str | None) -> None:
    """An app takes its settings from the environment when its module is imported, and so do child processes."""
    if url is not None:
        os.environ[f"PARTITA_{(option.name or '').upper()}"] = url


def app_option(function: F) -> F:
    """`--app MODULE:APP`."""
    return click.option(
        "--app", "app_name", default=DEFAULT_APP, envvar="PARTITA_APP", show_default=True, help="MODULE:APP to use."
    )(function)


def print_json(kind: str, content: Mapping[str, Any]) -> None:
    """One JSON document with its kind and version."""
    click.echo(json.dumps({"v": 1, "kind": kind, **content}, default=str))


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns as wide as their content, numbers to the right."""
    texts = [[_cell(value) for value in row] for row in rows]
    widths = [max([len(h), *(len(row[i]) for row in texts)]) for i, h in enumerate(headers)]
    right = [bool(rows) and all(isinstance(row[i], (int, float)) for row in rows) for i in range(len(headers))]
    lines = ["  ".join(h.rjust(w) if r else h.ljust(w) for h, w, r in zip(headers, widths, right, strict=True))]
    for row in texts:
        lines.append("  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)))
    return "\n".join(line.rstrip() for line in lines)


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else printable(str(value))


def printable(text: str) -> str:
    """Text from messages as a terminal may show it: control characters are written out, never sent."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def moment(us: int | None) -> str:
    """A stored time as people read it, UTC."""
    return "" if not us else datetime.fromtimestamp(us / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def talk(text: str) -> None:
    """Say something beside the data."""
    click.echo(text, err=True)


def show_error(error: BaseException) -> int:
    """Print an error to stderr; returns the exit code."""
    if isinstance(error, PartitaError):
        what, _, hint = str(error).partition("\n")
        talk(f"error {error.code}: {what}")
        if hint:
            talk(hint)
        return error.exit_code
    if os.environ.get("PARTITA_TRACE"):
        traceback.print_exception(error, file=sys.stderr)
    talk(f"error PTA-0000: {type(error).__name__}: {error}")
    talk("  This is a defect of Partita or of the app. PARTITA_TRACE=1 shows the stack.")
    return 1

"""The output of commands: data on stdout as text or JSON, messages and errors on stderr."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from partita.errors import PartitaError, SettingsError
from partita.settings.address import check_bus, check_folder, check_store
from partita.settings.settings import SWITCH
from partita.texts.cause import EXAMPLES, cause_of, place_of
from partita.texts.foreign_text import shown, shown_stack

F = TypeVar("F", bound=Callable[..., Any])
STORE_TEXT = "The databases' server, such as postgresql://user@host/database. Default: PARTITA_STORE, else the folder."
BUS_TEXT = "The log's or broker's server. Default: PARTITA_BUS, else the folder."
CHECKS = {"store": check_store, "bus": check_bus}
NO_PLAIN = re.compile(r"[^\n -~]")


def output_option(function: F) -> F:
    """`-o text|json`."""
    return click.option(
        "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="How to print the result."
    )(function)


def data_option(function: F) -> F:
    """`--data DIR`, and `--store URL --bus URL` where a part of the data is on servers."""
    return click.option(
        "--data",
        type=Folder(path_type=Path, file_okay=False),
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


def checked_server(_: click.Context, option: click.Parameter, url: str) -> str:
    """The URL of `--store` or `--bus`, for a command that does not put it into the environment."""
    CHECKS[option.name or ""](f"--{option.name} (PARTITA_{(option.name or '').upper()})", url)
    return url


def _into_environment(_: click.Context, option: click.Parameter, url: str | None) -> None:
    """An app takes its settings from the environment when its module is imported, and so do child processes."""
    if url is not None:
        CHECKS[option.name or ""](f"--{option.name}", url)
        os.environ[f"PARTITA_{(option.name or '').upper()}"] = url


class Folder(click.Path):
    """A folder. The address of a server is refused: it would become the name of a folder, with its password."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse an address before it is made a path; an environment file has no shell that reads its `~`."""
        check_folder("--data (PARTITA_DATA)", str(value))
        return super().convert(os.path.expanduser(value), param, ctx)


class Amount(click.FloatRange):
    """A finite number: click itself would accept `inf` and `nan`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse a value that is not a finite number."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


def say(*lines: str) -> None:
    """Print data, each argument as one line: no character in it begins another line, and all are visible."""
    for line in lines:
        click.echo(shown(line))


def talk(*lines: str) -> None:
    """Print a message beside the data, on stderr, each argument as one line."""
    for line in lines:
        click.echo(shown(line), err=True)


def live_line(text: str, *, last: bool = False) -> None:
    """Write over the terminal's last line."""
    click.echo(f"\r\x1b[K{shown(text)}", err=True, nl=last)


def document(text: str) -> None:
    """Print a text of several lines as it is: a script, a diagram, settings. Nothing in it may come from messages."""
    click.echo(text.removesuffix("\n"))


def print_json(kind: str, content: Mapping[str, Any]) -> None:
    """Print one JSON document with its kind and version; no field of the content replaces these."""
    assert not content.keys() & {"v", "kind"}, f"{kind} has a field of a document's own"
    document(json_of({"v": 1, "kind": kind, **content}))


def json_of(value: Any, indent: int | None = None) -> str:
    """A value as JSON that every reader accepts and every terminal may show: in ASCII. A lone surrogate, which is not
    text, becomes the six characters that name it."""
    text = json.dumps(value, default=str, ensure_ascii=False, indent=indent)
    return text if text.isascii() and "\x7f" not in text else NO_PLAIN.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    number = ord(found[0])
    if 0xD800 <= number < 0xE000:
        return f"\\\\u{number:04x}"
    if number < 0x10000:
        return f"\\u{number:04x}"
    high, low = divmod(number - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """The lines of a table, its columns as wide as their content, numbers to the right."""
    texts = [[_cell(value) for value in row] for row in rows]
    widths = [max([len(h), *(len(row[i]) for row in texts)]) for i, h in enumerate(headers)]
    right = [bool(rows) and all(isinstance(row[i], (int, float)) for row in rows) for i in range(len(headers))]
    lines = ["  ".join(h.rjust(w) if r else h.ljust(w) for h, w, r in zip(headers, widths, right, strict=True))]
    for row in texts:
        lines.append("  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)))
    return [line.rstrip() for line in lines]


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else shown(str(value))


def moment(us: int | None) -> str:
    """A stored time in the form for people, UTC."""
    return "" if not us else datetime.fromtimestamp(us / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def show_error(error: BaseException) -> int:
    """Print an error to stderr; returns the exit code."""
    if SWITCH.get(os.environ.get("PARTITA_TRACE", "").lower()):
        talk(*shown_stack(error).split("\n"))
    if isinstance(error, PartitaError):
        talk(f"error {error.code}: {error.what}")
        if error.hint:
            talk(f"  {error.hint}")
        return error.exit_code
    place = place_of(error)
    if isinstance(error, OSError) and error.filename is not None and (not place or place.startswith(EXAMPLES)):
        talk(f"error {SettingsError.code}: {os.fsdecode(error.filename)}: {error.strerror}.")
        talk("  Check that the path exists, that this user may use it, and that its disk has space.")
        return SettingsError.exit_code
    talk(f"error PTA-0000: {cause_of(error)}")
    whose = f"It was raised in the app's code, {place}." if place else "This is a defect of Partita."
    talk(f"  {whose} PARTITA_TRACE=1 shows the stack.")
    return 1

"""The pages that are written from the code: the settings, the commands, the errors by code, the public API."""

from __future__ import annotations

import html
import inspect
import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from pathlib import Path

import click

import partita
from partita import errors
from partita.cli.main import cli
from partita.settings.settings import KNOWN, Settings

ROOT = Path(__file__).resolve().parents[1]
RUNNING = ROOT / "docs/guides/running.md"
VARIABLE = re.compile(r"PARTITA_[A-Z_]*[A-Z]")
ELSEWHERE = {
    "PARTITA_DEBEZIUM_USER": "the user by which [Debezium](../guides/debezium.md) reads the database",
    "PARTITA_DEBEZIUM_PASSWORD": "that user's password",
    "PARTITA_LONG": "`1`: tests of this project that take hours run too",
}
# Beside `partita.__all__`: what users of one part import by its own name.
PARTS = {
    "Topics": ["partita.topics.topic_plan"],
    "CloudEvents over HTTP": ["partita.ingress.ingress", "partita.egress.webhook"],
    "Tests of an app": ["partita.testing.scenario", "partita.testing.stub"],
    "Ports of buses, stores and codecs": ["partita.bus.port", "partita.store.port", "partita.codec.port"],
}
OF_A_PART = "    options:\n      heading_level: 3\n      show_root_full_path: true\n"


def reference_pages() -> dict[str, str]:
    """Each page by its path."""
    return {
        "docs/reference/api.md": api(),
        "docs/reference/commands.md": commands(),
        "docs/reference/errors.md": error_codes(),
        "docs/reference/settings.md": settings(),
    }


def settings() -> str:
    """Every variable that is read, its field of `Settings` with type and default, and its meaning from the guide.

    Raises:
        ValueError: the guide says nothing of a variable.
    """
    meanings = {**ELSEWHERE, **dict(_meanings(RUNNING.read_text(encoding="utf-8")))}
    by_variable = {f"PARTITA_{field.name.upper()}": field for field in fields(Settings) if field.name != "stores"}
    rows = []
    for name in KNOWN:
        if name not in meanings:
            raise ValueError(f"{name} is in no row of the settings in {RUNNING.name}.")
        field = by_variable.get(name)
        in_code = f"`{field.name}: {_type(field)}`" if field else ""
        rows.append(f"| `{name}` | {in_code} | {_default(field) if field else ''} | {meanings[name]} |")
    return (
        "# Settings\n\nA value given in code or by a flag counts first, then the variable, then the default. "
        "[Running it](../guides/running.md#settings) says what the values may be.\n\n"
        "| variable | field of `Settings` | default | meaning |\n|---|---|---|---|\n" + "\n".join(rows)
        + "\n\n`PARTITA_STORE_<SERVICE>` is the database of one service (`stores` in code).\n"
    )  # fmt: skip


def _meanings(guide: str) -> Iterator[tuple[str, str]]:
    for line in guide.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        names = VARIABLE.findall(cells[0])
        if line.startswith("| `PARTITA_") and len(cells) >= 2:
            meaning = re.sub(r"\]\((#|[\w-]+\.md)", lambda found: f"](../guides/{_page(found[1])}", cells[1])
            yield from ((name, meaning) for name in names if not name.startswith("PARTITA_STORE_"))


def _page(start: str) -> str:
    return f"running.md{start}" if start == "#" else start


def _type(field: Field[object]) -> str:
    return str(field.type)


def _default(field: Field[object]) -> str:
    if field.default is MISSING:
        return ""
    value: object = str(field.default) if isinstance(field.default, Path) else field.default
    return "none" if value == "" else f"`{value}`" if isinstance(value, str) else f"`{value!r}`"


def commands() -> str:
    """Every command of `partita` with its arguments and options."""
    parts = [
        "# Commands\n\nEach command is about [one app](../guides/writing-an-app.md#whose-app), and ends with one of the "
        "[exit codes](../guides/running.md#settings).\n"
    ]
    context = click.Context(cli, info_name="partita")
    for command, path in _commands(cli, context):
        parts.append(_command(command, path))
    return "\n".join(parts)


def _commands(group: click.Group, context: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context)
        yield command, inner
        if isinstance(command, click.Group):
            yield from _commands(command, inner)


def _command(command: click.Command, context: click.Context) -> str:
    level = "##" if context.parent is not None and context.parent.parent is None else "###"
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [f"{level} {context.command_path}", "", f"```\n{context.command_path} {usage}\n```", ""]
    lines += [inspect.cleandoc(command.help or "").replace("\b\n", ""), ""]
    if command.epilog and not isinstance(command, click.Group):
        lines += [f"```\n{inspect.cleandoc(command.epilog)}\n```", ""]
    records = [record for option in command.get_params(context) if (record := option.get_help_record(context))]
    if records:
        lines += ["| option | meaning |", "|---|---|"]
        lines += [f"| <code>{_cell(names)}</code> | {_cell(meaning)} |" for names, meaning in records]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return html.escape(text, quote=False).replace("|", "&#124;").replace("\n", " ")


def error_codes() -> str:
    """Every error of Partita by its code."""
    found = [
        error for error in vars(errors).values() if isinstance(error, type) and issubclass(error, errors.PartitaError)
    ]
    parts = [
        "# Errors by code\n\nAn error says what happened, and on the next line what to do; the command line prints its code too. "
        "`retryable` errors are those of the world (a disk, a lock, a network): no message is to blame for them.\n"
    ]
    for error in sorted(found, key=lambda each: each.code):
        above = error.__mro__[1]
        kind = f", a kind of `{above.__name__}`" if above is not Exception else ""
        again = ", retryable" if error.retryable else ""
        parts.append(
            f"## {error.code} {error.__name__}\n\n`partita.errors.{error.__name__}`{kind}; exit code {error.exit_code}{again}.\n"
        )
        parts.append(inspect.cleandoc(error.__doc__ or "") + "\n")
    return "\n".join(parts)


def api() -> str:
    """The public names, and the parts that have names of their own, from their docstrings."""
    parts = ["# API\n\nWhat `from partita import ...` gives.\n"]
    parts += [f"::: partita.{name}\n" for name in partita.__all__]
    for title, modules in PARTS.items():
        parts.append(f"## {title}\n")
        parts += [f"::: {module}\n{OF_A_PART}" for module in modules]
    return "\n".join(parts)

"""The common parts of commands that act on a running system: the app opened beside it, a filter, a confirmation, a reason."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from partita.app import App, load_app
from partita.assembly.existing import open_stores
from partita.cli.output import live_line, talk
from partita.errors import Conflict, NotFound, SettingsError
from partita.runtime.system import System
from partita.settings.address import without_secrets
from partita.settings.settings import profile
from partita.store.dead_letters import LetterFilter
from partita.texts.foreign_text import shown

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
ASK_FOR_COUNT_ABOVE = 100


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's asynchronous part."""
    return asyncio.run(work)


@asynccontextmanager
async def beside(app_name: str, data: Path, group: str | None = None) -> AsyncIterator[System]:
    """Open the app's databases and log beside its running processes; no worker is started here.

    Raises:
        NotFound: the folder holds no data of this app, or there is no such group.
    """
    app: App = load_app(app_name)
    async with open_stores(app, data) as found:  # the rest would create missing folders and files
        names = list(found)
    if group is not None and group not in names:
        where = without_secrets(app.settings.store) or data
        raise NotFound(f"There is no group {group!r} in {where}.", hint=f"The groups are: {', '.join(names)}.")
    chosen = names if group is None else [group]
    async with app.configured(replace(app.settings, data=data)).running(services=chosen, roles=()) as system:
        yield system


def filter_options(function: F) -> F:
    """`--group --type --key --topic --cause --id`."""
    for option in (
        click.option(
            "--id", "ids", multiple=True, help="This letter, or the end of its id; may be given several times."
        ),
        click.option("--cause", help="Letters with this fingerprint: see `partita dlq groups`."),
        click.option("--topic", help="Letters of this topic."),
        click.option("--key", help="Letters of this key."),
        click.option("--type", "type_name", help="Letters of this message type, short or full name."),
        click.option("--group", help="Letters of this consumer group. Default: all."),
    ):
        function = option(function)
    return function


def the_filter(
    ids: tuple[str, ...], cause: str | None, topic: str | None, key: str | None, type_name: str | None, status: str
) -> LetterFilter:
    """The options as a filter."""
    return LetterFilter(status, cause or "", type_name or "", key or "", topic or "", ids)


def acting_options(function: F) -> F:
    """`--reason --yes --dry-run`."""
    for option in (
        click.option("--dry-run", is_flag=True, help="Only say what the command would do."),
        click.option("--yes", is_flag=True, help="Do not ask."),
        click.option("--reason", default="", help="The reason, for the audit. PARTITA_PROFILE=production needs it."),
    ):
        function = option(function)
    return function


def confirmed(what: str, count: int, *, yes: bool, reason: str) -> None:
    """Ask before an action on `count` things: up to a hundred for a "y", above that for the number itself.

    Raises:
        Conflict: it was not confirmed. SettingsError: the reason is missing.
    """
    if profile() == "production" and not reason:
        raise SettingsError("The profile is production, so a reason is required.", hint="--reason TEXT")
    if yes:
        return
    if not sys.stdin.isatty():
        raise Conflict(f"{what}: not confirmed, there is no terminal to ask on.", hint="Add --yes.")
    if count > ASK_FOR_COUNT_ABOVE:
        answer = click.prompt(f"{shown(what)}. Type the number to confirm", default="", show_default=False, err=True)
        agreed = answer.replace(",", "").strip() == str(count)
    else:
        agreed = click.confirm(shown(what), err=True)
    if not agreed:
        raise Conflict("Not confirmed; nothing was done.")


def progress_line(text: str, *, last: bool = False) -> None:
    """One line that is rewritten in place, on a terminal only."""
    if sys.stderr.isatty():
        live_line(text, last=last)
    elif last:
        talk(text)

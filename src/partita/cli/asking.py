"""Queries about an app from the command line, within the limit; the parts that do not answer are reported."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TypeVar

from partita.app import App
from partita.assembly.existing import open_stores
from partita.cli.output import talk
from partita.observability.reach import Sight, Stores, looking

T = TypeVar("T")
UNREACHABLE = 6
"""The exit code when a database or the bus does not answer."""
Unknown = Mapping[str, str]
"""The sources that did not answer, each with the reason."""


def ask(
    app: App, data: Path, question: Callable[[Sight], Awaitable[T]], *, with_bus: bool = True, some: bool = False
) -> tuple[T, Unknown]:
    """Return the answer, and the sources that are missing in it; `some` as in `looking`.

    Raises:
        NotFound: there is no data of this app. SettingsError, StoreMismatch: what is there is another's.
    """

    async def asked() -> tuple[T, Unknown]:
        async with looking(app, data, with_bus=with_bus, some=some) as sight:
            return await question(sight), sight.unknown

    return asyncio.run(asked())


def read(app: App, data: Path, question: Callable[[Stores], Awaitable[T]]) -> T:
    """Return the answer of all databases of an app; raise when one of them does not answer.

    Raises:
        NotFound: there is no data of this app. StoreUnavailable: a database does not answer.
    """

    async def asked() -> T:
        async with open_stores(app, data) as stores:
            return await question(stores)

    return asyncio.run(asked())


def report_unknown(unknown: Unknown) -> int:
    """Print, beside the data, the sources that did not answer. Returns the exit code."""
    for source, reason in sorted(unknown.items()):
        talk(f"unknown: {source}: {reason}")
    return UNREACHABLE if unknown else 0


def unknown_items(unknown: Unknown) -> list[dict[str, str]]:
    """The unknown parts, for a JSON document."""
    return [{"source": source, "reason": reason} for source, reason in sorted(unknown.items())]

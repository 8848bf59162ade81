"""Queries about an app from the command line: it is opened for reading within the limit, and unknown parts are reported."""

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
"""The exit code where a database or the bus does not answer."""
Unknown = Mapping[str, str]
"""The sources that did not answer, each with the reason."""


def ask(app: App, data: Path, question: Callable[[Sight], Awaitable[T]], *, with_bus: bool = True) -> tuple[T, Unknown]:
    """The answer, and the sources that are missing in it.

    Raises:
        NotFound: there is no data of this app. SettingsError, StoreMismatch: what is there is another's.
    """

    async def asked() -> tuple[T, Unknown]:
        async with looking(app, data, with_bus=with_bus) as sight:
            return await question(sight), sight.unknown

    return asyncio.run(asked())


def read(app: App, data: Path, question: Callable[[Stores], Awaitable[T]]) -> T:
    """The answer of all databases of an app; where one does not answer there is none.

    Raises:
        NotFound: there is no data of this app. StoreUnavailable: a database does not answer.
    """

    async def asked() -> T:
        async with open_stores(app, data) as stores:
            return await question(stores)

    return asyncio.run(asked())


def tell_unknown(unknown: Unknown) -> int:
    """Say beside the data what is unknown; returns the exit code that follows."""
    for source, reason in sorted(unknown.items()):
        talk(f"unknown: {source}: {reason}")
    return UNREACHABLE if unknown else 0


def unknown_items(unknown: Unknown) -> list[dict[str, str]]:
    """The unknown parts, for a JSON document."""
    return [{"source": source, "reason": reason} for source, reason in sorted(unknown.items())]

"""Tasks: commands that a person answers. The declaration is their whole handler."""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from partita.catalog.contract import Contract
from partita.catalog.place import Place
from partita.errors import DeclarationError
from partita.waiting.later import Later, later


@dataclass(frozen=True, slots=True)
class Task:
    """The notes of a task: the people that answer it, and a line for them with fields of the command: `Decide {claim_id}`."""

    owner: str
    title: str

    def titled(self, command: Any) -> str:
        """The title of the task of this command."""
        return "".join(
            f"{text}{'' if name is None else getattr(command, name, '')}"
            for text, name, _, _ in string.Formatter().parse(self.title)
        )


def checked_task(contract: Contract, owner: object, title: object, place: Place) -> Task:
    """The notes of a task.

    Raises:
        DeclarationError: one of them is no text, or the title names no field of the command.
    """
    for called, value in (("owner", owner), ("title", title)):
        if not isinstance(value, str) or not value.strip():
            raise DeclarationError(
                f"{place}: the task {contract.name} has {called}={value!r:.80}.",
                hint='owner="adjusters", title="Decide claim {claim_id}"',
            )
    task = Task(str(owner), str(title))
    try:
        parts = list(string.Formatter().parse(task.title))
    except ValueError as error:
        raise DeclarationError(f"{place}: the title of {contract.name}: {error}.", hint="A brace is {{.") from error
    for _, name, form, conversion in parts:
        if name is not None and (name not in contract.hints or form or conversion):
            raise DeclarationError(
                f"{place}: the title of {contract.name} has {{{name}}}, which is no field of it.",
                hint=f"Its fields are {', '.join(contract.hints)}.",
            )
    return task


def task_of(contract: Contract) -> Callable[[Any], Any]:
    """The handler of a task: its command waits, whatever is in it."""

    async def wait(cmd: Any) -> Later:  # Any: the command, of whichever class
        return later()

    wait.__name__ = f"task_{contract.name}"
    return wait

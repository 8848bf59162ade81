"""Stand-ins for the participant of a command: what it answers, and when."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from partita.catalog.binding import Binding
from partita.catalog.contract import Contract
from partita.catalog.event import Event
from partita.catalog.injection import Meta
from partita.catalog.rejection import Rejection
from partita.errors import DeclarationError
from partita.runtime.calling import UNANSWERED

C = TypeVar("C")
R = TypeVar("R")


@dataclass(slots=True)
class Delays:
    """What becomes of the answers to single commands on their way: seconds of delay, and how often each arrives."""

    late_s: dict[str, float]
    copies: dict[str, int]


class Stub(Generic[C, R]):
    """What stands in for the handler of one command: `t.stub(ChargePayment).refuses(CardDeclined())`.

    Each call replaces what was said before. Without one, the real handler does its work.
    """

    def __init__(self, contract: Contract, bindings: list[Binding], delays: Delays) -> None:
        at = next((n for n, b in enumerate(bindings) if b.kind == "handles"), None)
        if at is None:
            raise DeclarationError(
                f"{contract.name} has no handler in the services that are tested.",
                hint=f"app.testing() without services=, or @{contract.service.name}.handles({contract.name})",
            )
        self._contract = contract
        self._bindings = bindings
        self._at = at
        self._real = bindings[at]
        self._delays = delays
        self.commands: list[C] = []
        """The commands that came, in order."""

    def replies(self, reply: R | Callable[[C], R]) -> None:
        """Answer with this reply, or with what the function makes of the command; the real handler does not run."""
        if self._contract.reply is not None and isinstance(reply, Event) and type(reply) is not self._contract.reply:
            raise DeclarationError(
                f"{type(reply).__name__} is no reply to {self._contract.name}.",
                hint=f"It is answered by {self._contract.reply.__name__}.",
            )

        async def answer(command: C) -> Any:
            self.commands.append(command)
            return reply(command) if callable(reply) else reply

        self._put(answer)

    def refuses(self, refusal: Rejection | Callable[[C], Rejection]) -> None:
        """Refuse; the real handler does not run."""

        async def refuse(command: C) -> Any:
            self.commands.append(command)
            raise refusal(command) if not isinstance(refusal, Rejection) else refusal

        self._put(refuse)

    def fails(self, error: Exception) -> None:
        """Raise this each time, as a participant does that is broken."""

        async def fail(command: C) -> Any:
            self.commands.append(command)
            raise error

        self._put(fail)

    def is_silent(self) -> None:
        """Take the command, do nothing, answer nothing."""

        async def ignore(command: C) -> Any:
            self.commands.append(command)
            return UNANSWERED

        self._put(ignore)

    def does_it_unanswered(self) -> None:
        """Let the real handler do its work, and lose its answer."""
        self._wrap(lambda message_id: None, answers=False)

    def answers_late(self, after_s: float) -> None:
        """Let the real handler do its work at once, and have its answer on the way for `after_s` seconds. Later messages
        of that key on that topic stay behind it, as on a real bus."""

        def note(message_id: str) -> None:
            self._delays.late_s[message_id] = after_s

        self._wrap(note)

    def answers_twice(self) -> None:
        """Let the real handler do its work, and have its answer arrive twice."""

        def note(message_id: str) -> None:
            self._delays.copies[message_id] = 2

        self._wrap(note)

    def is_real(self) -> None:
        """The real handler again."""
        self._bindings[self._at] = self._real

    def _put(self, function: Callable[[C], Any]) -> None:
        wants = (("command", "message"),)
        self._bindings[self._at] = replace(self._real, function=_named(function, self._real), wants=wants)

    def _wrap(self, note: Callable[[str], None], *, answers: bool = True) -> None:
        real = self._real

        async def around(command: C, meta: Meta, *others: Any) -> Any:
            self.commands.append(command)
            note(meta.message_id)
            result = real.function(command, *others)
            if inspect.isawaitable(result):
                result = await result
            return result if answers else UNANSWERED

        wants = (real.wants[0], ("meta_of_stub", "meta"), *real.wants[1:])
        self._bindings[self._at] = replace(real, function=_named(around, real), wants=wants)


def _named(function: Callable[..., Any], binding: Binding) -> Callable[..., Any]:
    function.__name__ = binding.name
    return function

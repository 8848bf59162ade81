"""Stubs for the participant of a command: its answer, and the time of the answer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from partita.catalog.binding import Binding
from partita.catalog.contract import Contract
from partita.catalog.event import Event
from partita.catalog.injection import Meta
from partita.catalog.rejection import Rejection
from partita.catalog.service import service_of
from partita.errors import DeclarationError
from partita.runtime.path.calling import UNANSWERED
from partita.sagas.definition import StepSpec
from partita.settings.amount import check_seconds

C = TypeVar("C")
R = TypeVar("R")


@dataclass(slots=True)
class Delays:
    """The fate of messages on their way: seconds of delay and copies of the answers to single commands, and the types
    of commands that wait until their participant is back."""

    late_s: dict[str, float] = field(default_factory=dict)
    copies: dict[str, int] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    came_back: Callable[[str], None] = lambda type_name: None


class Stub(Generic[C, R]):
    """The stub for the handler of one command: `t.stub(ChargePayment).refuses(CardDeclined())`.

    Each call replaces the one before. Without a call the real handler does its work.
    """

    def __init__(
        self, contract: Contract, bindings: list[Binding], delays: Delays, steps: Sequence[StepSpec] = ()
    ) -> None:
        at = next((n for n, b in enumerate(bindings) if b.kind == "handles"), None)
        if at is None:
            if contract.kind != "command":
                raise DeclarationError(
                    f"{contract.name} is not a command, so no single handler answers it.",
                    hint="t.stub(Command); a stub replies with an event: t.stub(Command).replies(Event(...)).",
                )
            raise DeclarationError(
                f"{contract.name} has no handler in the services that are tested.",
                hint=f"app.testing() without services=, or @{contract.service.name}.handles({contract.name})",
            )
        self._contract = contract
        self._bindings = bindings
        self._at = at
        self._real = bindings[at]
        self._delays = delays
        self._steps = steps
        self.commands: list[C] = []
        """The commands that came, in order."""

    def replies(self, reply: R | Callable[[C], R]) -> None:
        """Answer with this reply, or with the function's reply to the command; the real handler does not run."""
        if self._contract.reply is not None and isinstance(reply, Event) and type(reply) is not self._contract.reply:
            raise DeclarationError(
                f"{type(reply).__name__} is not a reply to {self._contract.name}.",
                hint=f"It is answered by {self._contract.reply.__name__}.",
            )

        async def answer(command: C) -> Any:
            self.commands.append(command)
            return reply(command) if callable(reply) else reply

        self._put(answer)

    def refuses(self, refusal: Rejection | Callable[[C], Rejection]) -> None:
        """Refuse; the real handler does not run.

        Raises:
            DeclarationError: the command declares no such refusal.
        """
        self._check_refusal(refusal)

        async def refuse(command: C) -> Any:
            self.commands.append(command)
            raise refusal(command) if not isinstance(refusal, Rejection) else refusal

        self._put(refuse)

    def fails(self, error: Exception) -> None:
        """Raise this each time, as a broken participant does."""

        async def fail(command: C) -> Any:
            self.commands.append(command)
            raise error

        self._put(fail)

    def is_silent(self) -> None:
        """Take the command, do nothing, and give no answer, also to later copies: the command counts as handled."""

        async def ignore(command: C) -> Any:
            self.commands.append(command)
            return UNANSWERED

        self._put(ignore)

    def is_away(self) -> None:
        """Leave the command on its way, with the later messages of its key on that topic, until another call replaces
        this one, as if its participant did not run.

        Raises:
            DeclarationError: a saga of the same service sends it, so that both run or neither does.
        """
        service, sent = service_of(self._contract), self._contract
        if any(sent in step.sends for saga in service.declared.sagas for step in saga.steps):
            raise DeclarationError(
                f"{sent.name} is sent and handled by {service.name}, which cannot be away while it is there.",
                hint="fails(ValueError()): the command is tried again until you call is_real().",
            )
        self._use(self._real)
        self._delays.away.add(sent.full_name)

    def does_it_unanswered(self) -> None:
        """Let the real handler do its work, and lose its answer.

        Raises:
            DeclarationError: a saga waits for that answer until it comes, so the saga would never end.
        """
        for spec in self._steps:
            sent_again = spec.kind != "step" and spec.on_timeout == "retry"  # a deadline ends a step that can be undone
            if self._contract is spec.undo or (self._contract is spec.command and sent_again):
                raise DeclarationError(
                    f"A saga waits for the answer to {self._contract.name} until it comes, and no bus loses it.",
                    hint="answers_late(seconds(40)); or is_away() or fails(...), and later is_real().",
                )
        self._wrap(lambda message_id: None, answers=False)

    def answers_late(self, after_s: float) -> None:
        """Let the real handler do its work at once, and delay its answer for `after_s` seconds. Later messages
        of that key on that topic stay behind it, as on a real bus.

        Raises:
            DeclarationError: a time that is negative, or has no end.
        """
        check_seconds(DeclarationError, "answers_late(after_s)", after_s, positive=False)

        def note(message_id: str) -> None:
            self._delays.late_s[message_id] = after_s

        self._wrap(note)

    def answers_twice(self) -> None:
        """Let the real handler do its work, and deliver its answer twice."""

        def note(message_id: str) -> None:
            self._delays.copies[message_id] = 2

        self._wrap(note)

    def is_real(self) -> None:
        """Use the real handler again."""
        self._use(self._real)

    def _use(self, binding: Binding) -> None:
        self._bindings[self._at] = binding
        if self._contract.full_name in self._delays.away:
            self._delays.away.remove(self._contract.full_name)
            self._delays.came_back(self._contract.full_name)

    def _check_refusal(self, refusal: object) -> None:
        """Refuse an error that no handler of this command may raise; a function's error is checked when it is called."""
        named = refusal if isinstance(refusal, type) else type(refusal)
        if not issubclass(named, BaseException) or (named is not refusal and named in self._contract.refusals):
            return
        declared = ", ".join(f"{r.__name__}(...)" for r in self._contract.refusals)
        raise DeclarationError(
            f"{named.__name__} is not a refusal of {self._contract.name}.",
            hint=f"The command is refused by {declared}."
            if declared
            else f"It cannot be refused; use fails({named.__name__}(...)).",
        )

    def _put(self, function: Callable[[C], Any]) -> None:
        wants = (("command", "message"),)
        self._use(replace(self._real, function=_named(function, self._real), wants=wants))

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
        self._use(replace(real, function=_named(around, real), wants=wants))


def _named(function: Callable[..., Any], binding: Binding) -> Callable[..., Any]:
    function.__name__ = binding.name
    return function

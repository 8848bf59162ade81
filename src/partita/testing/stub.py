"""Stubs for the participant of a command: its answer, and the time of the answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from partita.catalog.catalog import Interest
from partita.catalog.contract import Contract
from partita.catalog.event import Event
from partita.catalog.injection import Meta
from partita.catalog.rejection import Rejection
from partita.catalog.service import service_of
from partita.errors import DeclarationError
from partita.runtime.path.calling import UNANSWERED
from partita.sagas.definition import StepSpec
from partita.settings.amount import check_seconds
from partita.testing.handler_stub import Delays, HandlerStub

C = TypeVar("C")
R = TypeVar("R")


class Stub(HandlerStub[C], Generic[C, R]):
    """The stub for the handler of one command: `t.stub(ChargePayment).refuses(CardDeclined())`.

    Each call replaces the one before. Without a call the real handler does its work.
    """

    def __init__(
        self, contract: Contract, interest: Interest | None, delays: Delays, steps: Sequence[StepSpec] = ()
    ) -> None:
        handler = next((b for b in interest.bindings if b.kind == "handles"), None) if interest is not None else None
        if interest is None or handler is None:
            if contract.kind != "command":
                raise DeclarationError(
                    f"{contract.name} is not a command, so no single handler answers it.",
                    hint="t.stub(Command); a stub replies with an event: t.stub(Command).replies(Event(...)). "
                    "t.reaction(function) for one of its subscribers.",
                )
            raise DeclarationError(
                f"{contract.name} has no handler in the services that are tested.",
                hint=f"app.testing() without services=, or @{contract.service.name}.handles({contract.name})",
            )
        super().__init__(handler, [interest], delays)
        self._contract = contract
        self._steps = steps

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
        super().is_away()

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

        async def unanswered(command: C, meta: Meta, result: Awaitable[Any]) -> Any:
            await result
            return UNANSWERED

        self._around(unanswered)

    def answers_late(self, after_s: float) -> None:
        """Let the real handler do its work at once, and delay its answer for `after_s` seconds. Later messages
        of that key on that topic stay behind it, as on a real bus.

        Raises:
            DeclarationError: a time that is negative, or has no end.
        """
        check_seconds(DeclarationError, "answers_late(after_s)", after_s, positive=False)

        async def note(command: C, meta: Meta, result: Awaitable[Any]) -> Any:
            self._delays.late_s[meta.message_id] = after_s
            return await result

        self._around(note)

    def answers_twice(self) -> None:
        """Let the real handler do its work, and deliver its answer twice."""

        async def note(command: C, meta: Meta, result: Awaitable[Any]) -> Any:
            self._delays.copies[meta.message_id] = 2
            return await result

        self._around(note)

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

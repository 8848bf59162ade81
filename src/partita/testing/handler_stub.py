"""Faults at one handler: its process dies, its message comes twice or late, it fails, or nothing runs it."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from partita.catalog.binding import Binding
from partita.catalog.catalog import Interest
from partita.catalog.injection import Meta
from partita.catalog.retry import Counters, Decision, Policy, RetryNow
from partita.errors import DeclarationError
from partita.settings.amount import check_seconds

C = TypeVar("C")


@dataclass(slots=True)
class Delays:
    """The fate of messages on their way: seconds of delay and copies of the answers to single commands; by types of messages
    those that come twice at once, or again after some seconds, and those whose reader is away."""

    late_s: dict[str, float] = field(default_factory=dict)
    copies: dict[str, int] = field(default_factory=dict)
    twice: set[str] = field(default_factory=set)
    again_s: dict[str, float] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    came_back: Callable[[str], None] = lambda type_name: None


class Died(Exception):
    """The process of a handler dies before its commit, as a stub says."""


class HandlerStub(Generic[C]):
    """The stub for one handler of a message. Each call replaces the one before. Without a call the real handler does its work."""

    def __init__(self, real: Binding, interests: Sequence[Interest], delays: Delays) -> None:
        """`real` is the handler; `interests` are those of its service in the types that it takes."""
        self._real = real
        self._places = [(interest, interest.bindings.index(real), interest.retry) for interest in interests]
        self._delays = delays
        self._types = [interest.contract.full_name for interest in interests]
        self.commands: list[C] = []
        """The messages that came, in order."""

    def fails(self, error: Exception) -> None:
        """Raise this each time, as a broken participant does."""

        async def fail(message: C) -> Any:
            self.commands.append(message)
            raise error

        self._put(fail)

    def dies_before_commit(self, back_after_s: float = 10.0) -> None:
        """Let the real handler do its work once, and its process die before the commit: nothing is written, and after
        `back_after_s` seconds the message is handled again.

        Raises:
            DeclarationError: a time that is negative, or has no end.
        """
        check_seconds(DeclarationError, "dies_before_commit(back_after_s)", back_after_s, positive=False)
        died: set[str] = set()

        async def die_once(message: C, meta: Meta, result: Awaitable[Any]) -> Any:
            answer = await result
            if meta.message_id not in died:
                died.add(meta.message_id)
                raise Died(f"{self._real.name} dies before its commit, as its stub says")
            return answer

        self._around(die_once)
        for interest, _, retry in self._places:
            interest.retry = replace(retry, policy=_back_after(back_after_s, retry.policy))

    def dies_after_commit(self, back_after_s: float = 10.0) -> None:
        """Let the real handler do its work, and its process die after the commit: its answer leaves after `back_after_s` seconds,
        and the message comes again, since its position was not written.

        Raises:
            DeclarationError: a time that is negative, or has no end.
        """
        check_seconds(DeclarationError, "dies_after_commit(back_after_s)", back_after_s, positive=False)

        async def note(message: C, meta: Meta, result: Awaitable[Any]) -> Any:
            self._delays.late_s[meta.message_id] = back_after_s
            return await result

        self._around(note)
        self._delays.again_s |= dict.fromkeys(self._types, back_after_s)

    def comes_twice(self) -> None:
        """Deliver each message twice to the real handler, as a bus may."""
        self._around(_as_it_is)
        self._delays.twice |= set(self._types)

    def is_away(self) -> None:
        """Leave each message on its way, with the later messages of its key on that topic, until another call replaces
        this one, as if nothing handled it."""
        self._use(self._real)
        self._delays.away |= set(self._types)

    def is_real(self) -> None:
        """Use the real handler again."""
        self._use(self._real)

    def _around(self, around: Callable[[C, Meta, Awaitable[Any]], Awaitable[Any]]) -> None:
        """Put something around the real handler: it gets the message, its metadata and the handler's coming answer."""
        real = self._real

        async def call(message: C, meta: Meta, *others: Any) -> Any:
            self.commands.append(message)

            async def answer() -> Any:
                found = real.function(message, *others)
                return await found if inspect.isawaitable(found) else found

            return await around(message, meta, answer())

        wants = (real.wants[0], ("meta_of_stub", "meta"), *real.wants[1:])
        self._use(replace(real, function=_named(call, real), wants=wants))

    def _put(self, function: Callable[[C], Any]) -> None:
        self._use(replace(self._real, function=_named(function, self._real), wants=self._real.wants[:1]))

    def _use(self, binding: Binding) -> None:
        for interest, at, retry in self._places:
            interest.bindings[at], interest.retry = binding, retry
        for each in self._types:
            self._delays.twice.discard(each)
            self._delays.again_s.pop(each, None)
            if each in self._delays.away:
                self._delays.away.remove(each)
                self._delays.came_back(each)


async def _as_it_is(message: Any, meta: Meta, result: Awaitable[Any]) -> Any:
    return await result


def _back_after(wait_s: float, policy: Policy | None) -> Policy:
    """The policy with a handler whose process died: the message comes again in its place, as another process reads it."""

    def decide(error: BaseException, counters: Counters, message: Any) -> Decision | None:
        if isinstance(error, Died):
            return RetryNow(wait_s)
        return policy(error, counters, message) if policy is not None else None

    return decide


def _named(function: Callable[..., Any], binding: Binding) -> Callable[..., Any]:
    function.__name__ = binding.name
    return function

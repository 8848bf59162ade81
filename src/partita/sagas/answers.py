"""The answers of a saga that starts with a command: the reply when it is complete, the refusal when it is undone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, NoReturn

from partita.catalog.contract import Contract, contract_of
from partita.catalog.place import Place
from partita.errors import DeclarationError
from partita.sagas.filling import Plan, Source, plan

HOOKS = ("answer", "refusal")
"""The methods of a saga class that make its reply and its refusal by hand."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The compiled answers. `refusal` is None for a saga that cannot be undone. A plan is None where a method of the class makes
    the message."""

    reply: Contract
    refusal: Contract | None
    reply_plan: Plan | None
    refusal_plan: Plan | None
    reply_hook: Callable[..., Any] | None = field(default=None, compare=False)
    refusal_hook: Callable[..., Any] | None = field(default=None, compare=False)

    @property
    def hooked(self) -> bool:
        """Whether a method makes one of them by hand."""
        return self.reply_hook is not None or self.refusal_hook is not None

    @property
    def plans(self) -> tuple[Plan, ...]:
        """The plans of the answers."""
        return tuple(each for each in (self.reply_plan, self.refusal_plan) if each is not None)

    def describe(self) -> list[str]:
        """The answers as lines of text."""
        refusal = f"refused with {self.refusal.identity}" if self.refusal is not None else "never"
        return [f"  answered with {self.reply.identity}", f"  undone: {refusal}"]


@dataclass(frozen=True, slots=True)
class Asker:
    """The command that starts a saga, and the saga's class and place, for the checks of its answers."""

    cls: type[Any]
    name: str
    command: Contract
    place: Place

    def refuse(self, what: str, hint: str) -> NoReturn:
        """Refuse the declaration."""
        raise DeclarationError(f"{self.place}: {what}", hint=f"Write: {hint}")


def answers_of(asker: Asker, replies: Sequence[Source], undone: type[Any] | None, *, undoable: bool) -> Answers:
    """The answers of a saga, each with its plan.

    Args:
        asker: the command and the saga.
        replies: of its steps, the newest first.
        undone: the refusal that the declaration names.
        undoable: whether the saga has a step before its point of no return.

    Raises:
        DeclarationError: the saga can be undone and no refusal says so, or nothing fills an answer.
    """
    command, start = asker.command, Source.of("start", asker.command)
    assert command.reply is not None
    reply = contract_of(command.reply)
    if reply.service is not command.service:
        asker.refuse(
            f"{command.name} is answered by {reply.name} of {reply.service.name}: another service's event is no answer.",
            f"class {reply.name}(Event, of={command.service.name})",
        )
    refusal = _refusal(asker, undone) if undoable else None
    by_hand = {name: vars(asker.cls).get(name) for name in HOOKS}
    reply_hook, refusal_hook = (hook if isinstance(hook, FunctionType) else None for hook in by_hand.values())
    reply_plan = refusal_plan = None
    where = str(asker.place)
    if reply_hook is None:
        hint = f"def answer(self) -> {reply.name}: ... in {asker.name}"
        reply_plan = plan(reply, [start, *replies], {}, where, hint)
    if refusal is not None and refusal_hook is None:
        hint = f"def refusal(self, reason: str) -> {refusal.name}: ... in {asker.name}"
        refusal_plan = plan(refusal, [start], {"reason": str}, where, hint)
    return Answers(reply, refusal, reply_plan, refusal_plan, reply_hook, refusal_hook)


def _refusal(asker: Asker, undone: type[Any] | None) -> Contract:
    command, name = asker.command, asker.name
    names = ", ".join(each.__name__ for each in command.refusals)
    reply = command.reply.__name__ if command.reply is not None else "Done"
    if not command.refusals:
        asker.refuse(
            f"{name} can be undone, and {command.name} cannot be refused: its sender would wait for ever.",
            f"class {command.name}(Command[{reply}, {name}Failed], of=...), or retriables alone.",
        )
    if undone is None and len(command.refusals) > 1:
        asker.refuse(
            f"{name} can be undone, and {command.name} has several refusals ({names}).",
            f"undone={next(iter(command.refusals)).__name__}, the one with which it is answered then.",
        )
    chosen = next(iter(command.refusals)) if undone is None else undone
    if chosen not in command.refusals:
        asker.refuse(
            f"{name} is undone with {getattr(chosen, '__name__', chosen)}, which is no refusal that {command.name} declares.",
            f"undone={next(iter(command.refusals)).__name__}",
        )
    return contract_of(chosen)

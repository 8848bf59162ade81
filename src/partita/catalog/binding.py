"""`Binding`: one handler of a service, with the identity that its effects are kept under."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from partita.catalog.contract import Contract
from partita.catalog.place import Place
from partita.catalog.retry import Retry
from partita.catalog.signature import Want
from partita.catalog.task import Task
from partita.errors import DeclarationError

LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True, slots=True)
class Binding:
    """One handler: its function, the messages it takes, what each parameter is, how it dedupes and runs, and the events it
    publishes. `execution` changes when its module is executed again."""

    service: str
    function: Callable[..., Any]
    kind: Literal["on", "handles"]
    contracts: tuple[Contract, ...]
    wants: tuple[tuple[str, Want], ...]
    dedupe_by: str | None
    concurrency: int
    place: Place
    label: str
    is_async: bool  # a plain function runs in a worker thread
    one_statement: bool  # in a batch it runs side by side with others
    execution: object = field(compare=False)
    timeout_s: float | None = None  # None = it may take as long as it likes
    retry: Retry | None = None  # None = its service's
    emits: tuple[Contract, ...] = ()  # the reply of a command as well
    optional: tuple[Contract, ...] = ()  # those of them without which it may end, as it declares
    sends: tuple[Contract, ...] | None = None  # None = its commands are not declared
    why: str = ""  # why it reacts to events, and no saga directs it
    later: bool = False  # it may leave its command without an answer for now
    task: Task | None = None  # a person answers its command
    saga: str = ""  # the saga of its service that carries its command out, and answers it
    emitted: frozenset[type[Any]] = field(init=False, compare=False)  # their classes

    def __post_init__(self) -> None:
        object.__setattr__(self, "emitted", frozenset(each.cls for each in self.emits))

    @property
    def name(self) -> str:
        """The function's name for people; it is no identity."""
        return self.function.__name__

    def identity(self, type_name: str) -> str:
        """The identity of its effects for a message: its service, the message's identity, and its `name=` if it has one.

        A function's name is not an identity. A deploy that renames it while a message is tried again would give the provider
        another idempotency key, and charge twice; two functions of one name would share a key, and a business key.
        """
        return f"{self.service}/{type_name}#{self.label}" if self.label else f"{self.service}/{type_name}"


def check_label(label: str | None, place: Place) -> str:
    """A valid `name=`.

    Raises:
        DeclarationError: it is not valid as a handler's name.
    """
    if label is not None and not (isinstance(label, str) and LABEL.fullmatch(label)):
        raise DeclarationError(
            f"{place}: {label!r:.120} is not valid as a handler's name.",
            hint='Letters, digits, "_", "." and "-", at most 100: name="receipt-mail".',
        )
    return label or ""


def take(bindings: list[Binding], new: Binding) -> None:
    """Add a handler to the others of its service. The same function of a reloaded module, or of a cell that was run again,
    takes its old place.

    Raises:
        DeclarationError: another handler has its identity.
    """
    for position, held in enumerate(bindings):
        if _was_executed_again(held, new):
            bindings[position] = new
            return
    types = {contract.full_name: contract for contract in new.contracts}
    for held in bindings:
        shared = [types[c.full_name] for c in held.contracts if c.full_name in types]
        if not shared or held.label != new.label:
            continue
        if new.kind == "handles":
            raise DeclarationError(
                f"{new.place}: {shared[0].name} is handled already by {held.name} at {held.place}.",
                hint="A command has exactly one handler.",
            )
        raise DeclarationError(
            f"{new.place}: {shared[0].name} is already subscribed by {held.name} at {held.place}.",
            hint=f'Name the effect of this one, for good: @{new.service}.on(name="{new.name}").',
        )
    _check_one_retry(bindings, new)
    bindings.append(new)


def _check_one_retry(bindings: Sequence[Binding], new: Binding) -> None:
    """Refuse two retry policies for one message: it is tried as a whole, with all its handlers in one transaction."""
    names = {contract.full_name: contract.name for contract in new.contracts}
    for held in bindings:
        shared = [names[c.full_name] for c in held.contracts if c.full_name in names]
        if shared and None not in (held.retry, new.retry) and held.retry != new.retry:
            raise DeclarationError(
                f"{new.place}: {new.name} and {held.name} (at {held.place}) both subscribe to {shared[0]}, "
                "each with a retry= of its own.",
                hint="A message is tried with all its handlers: give one of them retry=, or both the same.",
            )


def _was_executed_again(held: Binding, new: Binding) -> bool:
    """Whether two handlers are one definition in a module that was executed twice. Two functions of one name in one module
    are not: the second would silently replace the first."""
    before, now = inspect.unwrap(held.function), inspect.unwrap(new.function)
    if _full_name(before) != _full_name(now) or "<locals>" in getattr(now, "__qualname__", "<locals>"):
        return False
    old, code = getattr(before, "__code__", None), getattr(now, "__code__", None)
    if old is None or code is None or old is code:
        return False  # one function bound twice, as in a loop
    same_line = (old.co_filename, old.co_firstlineno) == (code.co_filename, code.co_firstlineno)
    return same_line or old.co_filename != code.co_filename or held.execution is not new.execution


def _full_name(function: Callable[..., Any]) -> tuple[Any, Any]:
    return getattr(function, "__module__", None), getattr(function, "__qualname__", None)


def execution_of(function: Callable[..., Any]) -> object:
    """A mark of one execution of a function's module: a reload gives the module another spec."""
    return getattr(inspect.unwrap(function), "__globals__", {}).get("__spec__")

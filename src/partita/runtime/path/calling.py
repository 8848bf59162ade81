"""Calling a handler: fills its parameters, enters and leaves its dependencies, publishes its return value."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from partita.catalog.binding import Binding
from partita.catalog.contract import contract_of, key_text
from partita.catalog.emits import check_emitted
from partita.catalog.event import Event
from partita.catalog.injection import Depends, Meta
from partita.catalog.rejection import Rejection
from partita.cloudevents.event_id import source_of
from partita.errors import PartitaError
from partita.machine.port import Machine
from partita.runtime.path.answering import PENDING, Answering, not_yet
from partita.runtime.path.delivery import Delivery, Handling, Output
from partita.runtime.path.handler_tx import SerialTx
from partita.runtime.path.time_limits import LeftRunning, in_time
from partita.runtime.path.users_code import Driven, settled
from partita.waiting.later import Later

Replacements = Mapping[Callable[..., Any], Callable[..., Any]]


UNANSWERED: Any = object()
"""Replaces the reply of a handler that gives none: another program answers later, or a test asks for it by a stub."""


class Superseded(Exception):
    """Another copy of the message was handled during this one's call outside."""


def meta_of(binding: Binding, delivery: Delivery) -> Meta:
    """The facts that a handler may ask for. The idempotency key names the intended effect, not the delivery: it stays
    the same when a saga sends its step again under a new message id."""
    envelope, interest = delivery.envelope, delivery.interest
    assert envelope is not None
    assert interest is not None
    address = envelope.saga
    name = interest.contract.identity  # of all versions: an upgrade between two tries changes no key
    if address is not None and binding.kind == "handles":
        effect = f"{address.saga}/{address.saga_id}/{address.step}/{address.kind}"
        if address.kind == "timer":  # a step may send one reminder several times, each with its own epoch
            effect += f"/{address.epoch}"
    elif binding.dedupe_by is not None and (named := getattr(delivery.message, binding.dedupe_by)) is not None:
        effect = f"{name}/{key_text(named)}"
    else:
        effect = envelope.id
    return Meta(
        envelope.id,
        envelope.type,
        delivery.key,
        envelope.correlation_id,
        envelope.causation_id,
        f"{binding.identity(name)}/{effect}",
        delivery.tries + 1,
        envelope.time_us,
        source_of(envelope.id, envelope.source),
        envelope.extra,
    )


def arguments(binding: Binding, handling: Handling, tx: Any) -> list[Any]:
    """The positional arguments of a handler without user dependencies."""
    found: list[Any] = []
    for _, want in binding.wants:
        if want == "message":
            found.append(handling.delivery.message)
        elif want == "tx":
            found.append(tx)
        else:
            found.append(meta_of(binding, handling.delivery))
    return found


@dataclass(frozen=True, slots=True)
class Means:
    """The resources for handler calls of one service: replacements for dependencies, the threads of plain functions, the answers
    to pending commands, and the calls still running in threads."""

    replaced: Replacements
    machine: Machine
    answering: Answering
    left_running: LeftRunning = field(default_factory=LeftRunning)


async def call(binding: Binding, handling: Handling, tx: SerialTx, means: Means) -> None:
    """Run a handler until it ends or its time is over, and take its result.

    Raises:
        Rejection: the handler refuses the command. Any other error is its failure: see `Driven`.
    """
    driven = Driven(_run(binding, handling, tx, means), tx, means.machine.clock)
    if binding.timeout_s is None:
        result = await driven
    else:
        result = await in_time(means.machine.clock, binding, binding.timeout_s, driven)
    if tx.misused is not None:
        raise tx.misused
    take_result(binding, handling, result)


async def _run(binding: Binding, handling: Handling, tx: SerialTx, means: Means) -> Any:
    async with AsyncExitStack() as stack:
        values: list[Any] = []
        for _, want in binding.wants:
            if isinstance(want, Depends):
                values.append(await _provide(means.replaced.get(want.provider, want.provider), stack))
            elif want == "message":
                values.append(handling.delivery.message)
            elif want == "tx":
                values.append(tx)
            else:
                values.append(meta_of(binding, handling.delivery))
        if binding.is_async:
            result = binding.function(*values)
        elif binding.timeout_s is not None:
            result = await means.left_running.run(means.machine.threads, binding, handling.delivery.name, values)
        else:
            result, error = await means.machine.threads.run(settled, binding.function, *values)
            if error is not None:
                raise error
        # A wrapper around a coroutine function, as a decorator makes one, returns a coroutine to await.
        return await result if inspect.isawaitable(result) else result


async def _provide(provider: Callable[..., Any], stack: AsyncExitStack) -> Any:
    if inspect.isasyncgenfunction(provider):
        return await stack.enter_async_context(asynccontextmanager(provider)())
    if inspect.isgeneratorfunction(provider):
        return stack.enter_context(contextmanager(provider)())
    value = provider()
    return await value if inspect.isawaitable(value) else value


def take_result(binding: Binding, handling: Handling, result: Any) -> None:
    """Publish a handler's return value: the declared reply of a command, or any events of a subscriber.

    Raises:
        PartitaError: it returned another type, or an event that it does not declare.
    """
    if result is UNANSWERED:
        return
    if binding.kind == "handles":
        contract = binding.contracts[0]
        if type(result) is not contract.reply:
            if isinstance(result, Later) and binding.later:
                _take_later(binding, handling)
                return
            raise PartitaError(
                f"{binding.place}: {binding.name} returned {type(result).__name__}, "
                f"{contract.name} is answered by {contract.reply.__name__ if contract.reply else 'nothing'}.",
                hint=f"def {binding.name}(...) -> {contract.reply.__name__ if contract.reply else 'Reply'} | Later"
                if isinstance(result, Later)
                else "Return the declared reply, or raise the declared refusal.",
            )
        envelope = handling.delivery.envelope
        handling.reply = result
        handling.outputs.append(
            Output(contract_of(type(result)), result, "reply", handling.delivery, envelope.saga if envelope else None)
        )
        return
    events = result if isinstance(result, (tuple, list)) else () if result is None else (result,)
    for event in events:
        if not isinstance(event, Event):
            raise PartitaError(
                f"{binding.place}: {binding.name} returned {type(event).__name__}, which is no event.",
                hint="Return None, an event, or a list of events.",
            )
        contract = contract_of(type(event))
        if type(event) not in binding.emitted:
            check_emitted(binding, contract)
        handling.outputs.append(Output(contract, event, "event", handling.delivery))


def _take_later(binding: Binding, handling: Handling) -> None:
    """Leave a command without an answer for now.

    Raises:
        PartitaError: it undoes a step, or asks about one: its saga does nothing else meanwhile.
    """
    envelope = handling.delivery.envelope
    assert envelope is not None
    if envelope.saga is not None and envelope.saga.kind in ("undo", "ask"):
        raise PartitaError(
            f"{binding.place}: {binding.name} answers {envelope.type} later, which its saga sends to {envelope.saga.kind}.",
            hint="The answer to an undo or a question is returned.",
        )
    handling.outcome = PENDING
    handling.reply = not_yet(envelope.type, envelope.id)


def take_refusal(binding: Binding, handling: Handling, refusal: Rejection) -> None:
    """Answer a command with its refusal.

    Raises:
        PartitaError: the command does not declare this refusal.
    """
    contract = binding.contracts[0]
    if binding.kind != "handles" or type(refusal) not in contract.refusals:
        raise PartitaError(
            f"{binding.place}: {binding.name} raised {type(refusal).__name__}, which {contract.name} does not declare.",
            hint=f"class {contract.name}(Command[..., {type(refusal).__name__}], of=...)",
        ) from refusal
    envelope = handling.delivery.envelope
    handling.reply = refusal
    handling.outcome = "refused"
    handling.outputs = [
        Output(contract_of(type(refusal)), refusal, "refusal", handling.delivery, envelope.saga if envelope else None)
    ]

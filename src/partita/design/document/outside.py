"""Effects outside: calls to providers, which no transaction of ours covers. Their capacity, and their protocol at each fault."""

from __future__ import annotations

import math
from collections.abc import Iterator

from partita.design.checking.keys import commands_named
from partita.design.document.assumed import CALL_S, HEADROOM
from partita.design.document.block import A, Block, Calculation, Heading, R, Row, row, sums, table, weakest
from partita.design.document.quantity import rate, span, words
from partita.design.document.traffic import of_event
from partita.design.model.design import Design
from partita.design.model.saga import SagaDesign, StepDesign


def outside(design: Design) -> tuple[tuple[SagaDesign, StepDesign], ...]:
    """The steps that call outside: those of an external service, and from the pivot on those whose reply has money, or whose
    effect a rule wants once."""
    once = [rule for rule in design.rules if rule.kind == "exactly-once-effect"]
    named = {command.name for rule in once for command in commands_named(design, rule)}
    return tuple((saga, step) for saga, step in design.steps if not step.human and _calls(design, step, named))


def _calls(design: Design, step: StepDesign, named: set[str]) -> bool:
    reply = next((event for event in design.events if event.name == step.ok), None)
    money = reply is not None and any(field.type == "money" for field in reply.fields)
    return design.service(step.at).kind == "external" or (step.kind != "step" and (money or step.do in named))


def slots_of(design: Design, saga: SagaDesign) -> int:
    """The calls that one partition makes at once for the steps of a saga: its `concurrency=`."""
    calls = of_event(design, design.event(saga.start)).peak * CALL_S
    return max(1, math.ceil(calls / design.bus.partitions.value * HEADROOM))


def outside_blocks(design: Design) -> list[Block]:
    """Capacity and protocol of the calls outside; none where no step calls."""
    steps = outside(design)
    if not steps:
        return []
    return [
        Heading("Calls outside: capacity"),
        *sums(*(each for saga, step in steps for each in _capacity(design, saga, step))),
        Heading("Calls outside: protocol"),
        *table("moment | outside | the system does", [each for _, step in steps for each in _protocol(step)]),
    ]


def _capacity(design: Design, saga: SagaDesign, step: StepDesign) -> Iterator[Calculation]:
    """A call outside takes its provider's time, not that of our databases."""
    peak = of_event(design, design.event(saga.start)).peak
    partitions = design.bus.partitions.value
    calls = peak * CALL_S
    yield Calculation(
        f"{step.do} at once", "peak x time of a call", f"{rate(peak)} x {span(CALL_S)}", f"{calls:,.3g} calls", calls, A
    )
    yield Calculation(
        f"{step.do} one at a time",
        "partitions / time of a call",
        f"{partitions} / {span(CALL_S)}",
        rate(partitions / CALL_S),
        partitions / CALL_S,
        A,
    )
    slots = slots_of(design, saga)
    yield Calculation(
        f"concurrency of {step.do}",
        "calls at once / partitions x headroom, rounded up",
        f"{calls:,.3g} calls / {partitions} x {HEADROOM:g}",
        f"concurrency={slots}",
        slots,
        A,
    )
    if peak > 0:
        slowest = slots * partitions / peak
        values = f"{slots} x {partitions} / {rate(peak)}"
        yield Calculation(
            f"slowest call that {step.at} bears", "concurrency x partitions / peak", values, span(slowest), slowest, A
        )


def _protocol(step: StepDesign) -> Iterator[Row]:
    do, act = f"`{step.do}`", words(step.do)
    yield row(R, f"crash before the call of {do}", "nothing happened", f"another process of `{step.at}` calls")
    yield row(
        R,
        f"crash after the call, before the commit of `{step.ok}`",
        f"{act} may have happened",
        f"called again with the same `meta.idempotency_key`: a provider that knows it does not {act} twice",
    )
    silence = {
        "undo": f"`{step.undo}` with a key of its own, also where nothing happened",
        "retry": f"{do} again, under the same id and key",
        "ask": f"`{step.ask}` first; only a no leads to `{step.undo}`",
    }[step.on_timeout.value if step.kind != "retriable" else "retry"]
    yield row(
        weakest(step.timeout),
        f"no answer within {span(step.timeout.value)}",
        f"{act} may have happened or may still happen",
        silence,
    )
    remedy = "`on_timeout: ask`, and a look-up" if step.kind != "retriable" else "a look-up"
    yield row(
        R,
        f"the provider of {do} knows no keys",
        f"a crash between its answer and the commit may {act} twice",
        f"the hole that is left: {remedy} by the key in `{step.at}` before each repeated call; without a look-up a person",
    )

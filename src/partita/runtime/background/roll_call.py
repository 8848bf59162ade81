"""The roll call: checks each worker of this process, and reports the states for people, probes and alerts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from partita.clock import Clock, duration_us
from partita.observability.question import Unanswered, answered
from partita.runtime.background.consumer import Consumer
from partita.runtime.background.supervisor import Supervisor, Wakeable
from partita.runtime.path.handler_tx import SerialTx
from partita.runtime.path.pipeline import Pipeline
from partita.store.port import Store
from partita.store.workers import WorkerState
from partita.texts.foreign_text import logger

log = logger(__name__)
LOOK_S = 1.0
SAY_AGAIN_S = 5.0
STUCK_S = 30.0
"""Longer than any statement or call should take; a handler that declares a longer time has that time."""
CAUSE_CHARS_MAX = 300
NO_END = "its step does not end: its database or the bus does not answer"


class RollCall:
    """`states` is its last result. A worker fails when its steps, or its lanes, raise; it is stuck when a handler, or a step
    that begins no more handlers, lasts too long."""

    name = "roll call"

    def __init__(
        self,
        member: str,
        clock: Clock,
        ask_s: float,
        *,
        supervisor: Supervisor,
        stores: Mapping[str, Store],
        pipelines: Mapping[str, Pipeline],
        consumers: Mapping[str, Consumer],
    ) -> None:
        self._member = member
        self._clock = clock
        self._ask_s = ask_s
        self._supervisor = supervisor
        self._stores = stores
        self._pipelines = pipelines
        self._consumers = consumers
        self._seen: dict[SerialTx, float] = {}  # running handlers, and when they were first seen
        self._moved: dict[str, tuple[int, float]] = {}  # handlers begun by a service, and the time since that count
        self._reported: dict[str, Sequence[WorkerState]] = dict.fromkeys(stores, ())
        self._report_again: dict[str, float] = dict.fromkeys(stores, 0.0)
        self.states: list[WorkerState] = []

    async def step(self, now: float) -> float:
        """Check the workers, and report changes."""
        found: dict[tuple[str, str], WorkerState] = {}
        for state in self._find_states(now):
            found.setdefault((state.service, state.worker), state)
        self.states = list(found.values())
        await asyncio.gather(*(self._report(name, now) for name in self._stores))
        return now + LOOK_S

    async def stop(self) -> None:
        """Remove this process's states: its workers have stopped."""
        self.states = []
        now = self._clock.monotonic()
        await asyncio.gather(*(self._report(name, now) for name in self._stores))

    def _find_states(self, now: float) -> Iterator[WorkerState]:
        """Stuck workers first: that says more than a failure."""
        handlers = list(self._stuck_handlers(now))
        yield from handlers
        holding = {state.service for state in handlers}
        for name, pipeline in self._pipelines.items():
            count, since = self._moved.get(name, (-1, now))
            self._moved[name] = (pipeline.handlers.called, since if pipeline.handlers.called == count else now)
        for each in self._supervisor.workers:
            since = now if each.began is None else max(each.began, self._moved.get(each.service, (0, 0.0))[1])
            # In a SQLite file all other work of the service waits for the handler that hangs.
            if now - since >= STUCK_S and each.service not in holding:
                yield self._state(each.service, each.worker.name, "stuck", now - since, NO_END, now)
            if each.condition.is_failing(now):
                yield self._failing(each, now)
        for name, consumer in self._consumers.items():
            lanes = consumer.of_lanes
            if lanes.is_failing(now):
                cause = f"{lanes.failures:,} times, {lanes.cause}"
                yield self._state(name, consumer.name, "failing", now - lanes.since, cause, now)

    def _failing(self, each: Wakeable, now: float) -> WorkerState:
        condition = each.condition
        cause = f"{condition.failures:,} times, {condition.cause}"
        return self._state(each.service, each.worker.name, "failing", now - condition.since, cause, now)

    def _stuck_handlers(self, now: float) -> Iterator[WorkerState]:
        running = {tx: call for pipeline in self._pipelines.values() for tx, call in pipeline.handlers.running.items()}
        self._seen = {tx: self._seen.get(tx, now) for tx in running}
        for tx, since in sorted(self._seen.items(), key=lambda each: each[1]):
            binding, handling = running[tx]
            if now - since >= max(STUCK_S, (binding.timeout_s or 0.0) + LOOK_S):
                delivery = handling.delivery
                worker = "consumer" if delivery.record is not None else "door"
                what = delivery.envelope.type.rpartition(".")[2] if delivery.envelope is not None else "a message"
                cause = f"{binding.name} does not return, with {what} of key {delivery.key} in hand"
                yield self._state(binding.service, f"{worker} of {binding.service}", "stuck", now - since, cause, now)

    def _state(self, service: str, worker: str, state: str, for_s: float, cause: str, now: float) -> WorkerState:
        since_us = self._clock.now_us() - duration_us(for_s)
        known = next((s for s in self.states if s[:4] == (service, self._member, worker, state)), None)
        if known is not None:
            since_us = known.since_us
        text = cause.partition("\n")[0][:CAUSE_CHARS_MAX]
        found = WorkerState(service, self._member, worker, "stuck" if state == "stuck" else "failing", since_us, text)
        if known is None and state == "stuck":
            log.error("%s is stuck for %.0f s: %s", worker, for_s, text)
        return found

    async def _report(self, name: str, now: float) -> None:
        """Report it in the service's database; a worker of no service, in each. A database that is away gets it later."""
        states = [state._replace(service=name) for state in self.states if state.service in ("", name)]
        if not states and not self._reported[name] or states == self._reported[name] and now < self._report_again[name]:
            return
        asked = partial(self._stores[name].workers.report, self._member, states)
        answer = await answered(self._clock, self._ask_s, name, asked)
        if not isinstance(answer, Unanswered):
            self._reported[name] = states
            self._report_again[name] = now + SAY_AGAIN_S

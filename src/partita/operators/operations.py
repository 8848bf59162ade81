"""Bulk operations of operators: the list, the result of one, and resuming one that was interrupted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from partita.errors import NotFound
from partita.observability.reach import Stores
from partita.operators.discarding import VERB as DISCARD
from partita.operators.discarding import begin_discard as begin
from partita.operators.discarding import run_discard
from partita.operators.replaying import Pace, Plan, Progress, Replay
from partita.runtime.system import System
from partita.store.dead_letters import LetterFilter
from partita.store.operations import OperationRow


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation, and the group whose letters it is about."""

    group: str
    row: OperationRow

    @property
    def is_discard(self) -> bool:
        """Whether it discards letters; otherwise it replays them."""
        return self.row.verb == DISCARD


@dataclass(frozen=True, slots=True)
class Ended:
    """The result of an operation: the numbers of letters handled or discarded, and failed again; `stopped` says why
    it ended early, empty = it ran to its end."""

    operation: Operation
    planned: int
    done: int
    failed: int = 0
    stopped: str = ""


Report = Callable[[Operation, Progress], None]


async def operations(stores: Stores) -> list[Operation]:
    """Every operation, the latest first."""
    found: list[Operation] = []
    for name, store in stores.items():
        async with store.reading() as session:
            found += [Operation(name, row) for row in await session.operations.find()]
    return sorted(found, key=lambda each: -each.row.created_us)


async def the_operation(stores: Stores, operation_id: str) -> Operation:
    """One operation.

    Raises:
        NotFound: there is none of that id.
    """
    for name, store in stores.items():
        async with store.reading() as session:
            row = await session.operations.get(operation_id)
        if row is not None:
            return Operation(name, row)
    raise NotFound(f"There is no operation {operation_id!r}.", hint="partita op list")


async def carry_out(system: System, operation: Operation, *, by: str, report: Report) -> Ended:
    """Carry out an operation from its stored progress, to its end or to its stop rule; `report` is called with each progress.

    Raises:
        Conflict: it is done already.
    """
    name, planned = operation.group, operation.row.planned
    service, store = system.catalog.service(name), system.stores[name]
    if operation.is_discard:

        def discarded(count: int) -> None:
            report(operation, Progress(planned, handled=count))

        return Ended(operation, planned, await run_discard(store, service, operation.row.id, discarded))
    job = Replay(service, store, system.clock, system.ids, by)
    p = await job.run(operation.row.id, lambda progress: report(operation, progress))
    return Ended(operation, p.planned, p.handled, p.failed, p.stopped)


@dataclass(frozen=True, slots=True)
class PlannedReplay:
    """A replay of one group's letters that has not begun."""

    group: str
    plan: Plan
    job: Replay


async def plan_replays(system: System, where: LetterFilter, *, by: str) -> list[PlannedReplay]:
    """A replay for each group that has letters which the filter selects."""
    found: list[PlannedReplay] = []
    for name, store in system.stores.items():
        job = Replay(system.catalog.service(name), store, system.clock, system.ids, by)
        plan = await job.plan(where)
        if plan.letters:
            found.append(PlannedReplay(name, plan, job))
    return found


async def begin_replay(planned: PlannedReplay, where: LetterFilter, pace: Pace, reason: str) -> Operation:
    """Store a planned replay; no letter is released yet."""
    return Operation(planned.group, await planned.job.begin(where, pace, reason))


async def begin_discard(system: System, group: str, where: LetterFilter, *, reason: str, by: str) -> Operation:
    """Store a discard of a group's letters; no letter is closed yet."""
    service, store = system.catalog.service(group), system.stores[group]
    return Operation(group, await begin(store, service, where, system.ids, reason=reason, by=by))

"""Sub-sagas of generated cases: what became of each, and the judgement of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from partita.store.port import Store
from partita.testing.generators.participants import EFFECTS, RUNNING
from partita.testing.generators.sagas import CHILD, DrawnChild, Refuses, SagaCase

ANSWERS = """
SELECT type, count(*) AS n FROM outbox
WHERE aggregateid = :id AND (type LIKE '%Carried' OR type LIKE '%.CarryFailed') GROUP BY 1
"""
EARLY = "SELECT at_us FROM said WHERE name = :id AND result = :result"
WAITING = "SELECT count(*) AS n FROM pending WHERE key = :id AND state = 'open' AND type LIKE '%Carry'"
ENDS = ("completed", "ended")


@dataclass(slots=True)
class ChildSeen:
    """A sub-saga at the end. `effects` are (done, left) of its steps; `recalled` counts the calls of the undo's handler, `early`
    those while it ran; `answers` counts each answer that left; `waits`: its command is still open."""

    status: str = ""
    history: list[tuple[str, str]] = field(default_factory=list)
    effects: list[tuple[int, int]] = field(default_factory=list)
    recalled: int = 0
    early: int = 0
    answers: Mapping[str, int] = field(default_factory=dict)
    waits: int = 0

    @property
    def left(self) -> int:
        """Whether the parent's step has an effect now: its sub-saga runs, or is complete and was not taken back."""
        if self.status in ("", "undone"):
            return 0
        return 0 if self.status == "completed" and self.recalled else 1


class Place(NamedTuple):
    """The database of a sub-saga, and those of its steps in their order."""

    home: Store
    steps: Sequence[Store]


async def child_seen(where: Place, child: DrawnChild, saga_id: str) -> ChildSeen:
    """The sub-saga of an instance as it is now."""
    seen = ChildSeen()
    async with where.home.reading() as session:
        rows = await session.sagas.load("Child", [saga_id])
        seen.status = rows[saga_id].status if saga_id in rows else ""
        history = await session.sagas.history("Child", saga_id)
        seen.history = [(entry.kind, entry.step) for entry in history]
        ended_us = {entry.at_us for entry in history if entry.kind in ENDS}
        effects = await effects_in(session)
        seen.recalled, _ = effects.get(f"{saga_id}/recalled", (0, 0))
        said = await session.fetch(EARLY, {"id": saga_id, "result": RUNNING})
        seen.early = sum(row["at_us"] not in ended_us for row in said)
        answers = await session.fetch(ANSWERS, {"id": saga_id})
        seen.answers = {row["type"].rpartition(".")[2]: row["n"] for row in answers}
        seen.waits = (await session.fetch(WAITING, {"id": saga_id}))[0]["n"]
    for step, store in zip(child.steps, where.steps, strict=True):
        async with store.reading() as session:
            seen.effects.append((await effects_in(session)).get(f"{saga_id}/{step.slot}", (0, 0)))
    return seen


async def effects_in(session: Any) -> dict[str, tuple[int, int]]:  # Any: a session of any store
    """The effects in a database by their name: how often each was made, and how much of it is there."""
    return {row["name"]: (row["done"], row["there"]) for row in await session.fetch(EFFECTS, {})}


def judge_child(case: SagaCase, number: int, parent: str, seen: ChildSeen) -> Iterator[str]:
    """The errors of a sub-saga beside the end of its parent."""
    child = case.saga.child
    assert child is not None
    if seen.early:
        yield f"its sub-saga ran, and the handler of its undo was called {seen.early} times"
    if seen.recalled > 1:
        yield f"the handler of its sub-saga's undo was called {seen.recalled} times"
    if seen.waits:
        yield f"the command of its sub-saga waits, which is {seen.status or 'not begun'}"
    if parent == "completed" and (seen.status != "completed" or seen.recalled):
        yield f"completed, and its sub-saga is {seen.status or 'not begun'}{' and taken back' if seen.recalled else ''}"
    if not seen.status:
        return
    if seen.status not in ("completed", "undone"):
        yield f"its sub-saga is {seen.status}"
        return
    yield from _of_answer(child, seen)
    for place, (step, (done, left)) in enumerate(zip(child.steps, seen.effects, strict=True), CHILD):
        if done > 1:
            yield f"its sub-saga is {seen.status}, and s{place} was done {done} times"
        if seen.status == "completed" and left != 1:
            yield f"its sub-saga is completed, and of s{place} there is {left}"
        if seen.status == "undone" and left and (step.undoable or step.kind != "step"):
            yield f"its sub-saga is undone, and of s{place} there is {left}"
        if seen.status == "completed" and Refuses(number, place) in case.troubles:
            yield f"its sub-saga is completed, and s{place} was refused"


def _of_answer(child: DrawnChild, seen: ChildSeen) -> Iterator[str]:
    """The errors in the answer to its command: one leaves at its end; none where the undo came before, which undoes a sub-saga
    before its point of no return."""
    kinds = [kind for kind, _ in seen.history]
    ends = [n for n, kind in enumerate(kinds) if kind in ENDS]
    recalls = [n for n, kind in enumerate(kinds) if kind == "recalled"]
    before = bool(recalls) and recalls[0] < ends[0]
    undoable = {("done", f"s{n}") for n, step in enumerate(child.steps, CHILD) if step.kind != "retriable"}
    if before and seen.status == "completed" and not undoable <= set(seen.history[: recalls[0]]):
        yield "its sub-saga is completed, though it was recalled before its point of no return"
    if before and seen.answers:
        yield f"its sub-saga was recalled before its end, and answered {dict(seen.answers)}"
    right = ("Carried", "SurelyCarried") if seen.status == "completed" else ("CarryFailed",)
    if not before and [n for name, n in seen.answers.items() if name in right] != [1] or len(seen.answers) > 1:
        yield f"its sub-saga is {seen.status}, and answered {dict(seen.answers)}"

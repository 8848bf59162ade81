"""Why a command waits for the world, as one sentence: for which people or service, since when, what comes next, how to answer."""

from __future__ import annotations

from collections.abc import Iterable

from partita.observability.awaited import AwaitedAnswer
from partita.observability.tasks import OpenTask
from partita.observability.why import since, when
from partita.store.sagas import SagaRow


def why_waiting(task: OpenTask, now_us: int, row: SagaRow | None = None, answer: AwaitedAnswer | None = None) -> str:
    """The sentence of a command that waits; with the saga instance that waits for its answer, where one does."""
    command = task.row
    if row is None or answer is None:
        sender = f" of {command.saga} {command.saga_id}, step {command.step}" if command.saga else ""
        name = command.type.rpartition(".")[2]
        subject = f"{name}{sender}" if command.saga or command.key is None else f"{name} of key {command.key}"
    else:
        subject = f"{row.saga} {row.saga_id}, step {answer.step},"
    began_us = answer.since_us if answer is not None and answer.since_us else command.at_us
    parts = [f"{subject} waits since {when(began_us, now_us)} ({since(now_us - began_us)}) for {awaited_party(task)}"]
    if answer is not None:
        parts += next_times(answer, now_us)
    if task.forms:
        parts.append(f"to answer: {task.how}")
    return "; ".join(parts)


def awaited_party(task: OpenTask) -> str:
    """The people, the saga or the service that a command waits for, with its title."""
    if task.saga:
        return f"saga {task.saga} {task.row.key} to answer {task.title}"
    return f"{task.owner}: {task.title}" if task.owner else f"{task.service} to answer {task.title}"


def next_times(answer: AwaitedAnswer, now_us: int) -> Iterable[str]:
    """The next reminder, and the end of the time with the decision then."""
    if answer.reminder is not None:
        yield f"{answer.reminder.name} is sent at {when(answer.reminder.at_us, now_us)}"
    if answer.until_us:
        yield f"without an answer until {when(answer.until_us, now_us)} {answer.then}"

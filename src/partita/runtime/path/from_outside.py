"""An answer that comes from outside of any handler: `app.reply`, from any process that has opened the service."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from partita.runtime.path.after_conflict import run_again
from partita.runtime.path.answering import not_pending
from partita.runtime.path.delivery import Handling
from partita.runtime.path.pipeline import Pipeline
from partita.runtime.path.waves import HandlerFailed


async def answer_pending(pipelines: Iterable[Pipeline], reply_to: str, answer: Any, by: str) -> None:
    """Answer the command that waits under this id in one of these services; when it returns the answer is durable.

    Raises:
        NotFound: none of them has it. Conflict, Overtaken, PartitaError: see `Answering.answer`.
        StoreUnavailable: perhaps kept; the same answer again is none but the first.
    """
    services: list[str] = []
    for pipeline in pipelines:
        async with pipeline.store.reading() as session:
            found = await session.pending.hold(reply_to) if isinstance(reply_to, str) else None
        if found is not None:
            await _answer(pipeline, reply_to, answer, by)
            return
        services.append(pipeline.service.name)
    raise not_pending(reply_to, ", ".join(services) or "this process")


async def _answer(pipeline: Pipeline, reply_to: str, answer: Any, by: str) -> None:
    async def once() -> None:
        async with pipeline.units.begin() as work:
            output = await pipeline.answering.answer(work.session, reply_to, answer, by)
            if output is not None:
                await work.leave([Handling(output.cause, [output])])

    try:
        await run_again(pipeline.clock, once)
    except HandlerFailed as failed:
        raise failed.error from None  # no handler is at fault: the answer does not fit, or the commit was refused

"""Messages that only waited behind a parked message of their key: handled together when their turn comes.

Each alone would cost a commit; an hour's backlog behind a failed dependency would drain for an hour.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from partita.errors import Fenced
from partita.runtime.failing.lanes import Lanes, Partition
from partita.runtime.path.delivery import Delivery, record_of
from partita.runtime.path.pipeline import Pipeline
from partita.runtime.path.waves import HandlerFailed
from partita.store.parking import ParkedRow
from partita.texts.foreign_text import logger

log = logger(__name__)


async def handle_queued(
    pipeline: Pipeline, lanes: Lanes, heads: Sequence[ParkedRow], at: Partition, epoch: int, batch: int
) -> bool:
    """Handle ready messages of a partition that were never tried, with those behind them, in one transaction. False =
    they must go alone: one fails or calls outside, or a process died over such a batch before.

    Raises:
        Fenced: another process holds the partition now.
    """
    all_tries, group = pipeline.store.tries, pipeline.service.name
    counted = (group, f"{at[0]} (parked)", at[1], 0)
    keys = [(row.topic, row.key) for row in heads if row.key is not None]
    async with pipeline.store.reading() as session:
        rows = [*heads, *await session.parking.behind(group, keys, batch)]
    if (await all_tries.count(*counted)).tried > 1:
        # Counted and not forgotten: a process died over it. Alone, the killer is found; then batches go again.
        if not lanes.parked:
            await all_tries.forget(*counted)
        return False
    deliveries = [_delivery(pipeline, row) for row in rows]  # counted first: decoding one may kill the process
    handled: Counter[str] | None = None
    if _fit_together(pipeline, lanes, deliveries):
        try:
            handled = await pipeline.run(deliveries, [(*at, epoch)], at_once=False)
        except HandlerFailed:
            log.info("%s: one of %d parked messages fails; they go alone", group, len(deliveries))
        except Fenced:
            await all_tries.survived(*counted)  # it was paused, and killed no process
            lanes.fenced = True
            raise
    await all_tries.forget(*counted)
    if handled is not None:
        await lanes.calm(handled)
    return handled is not None


def _delivery(pipeline: Pipeline, row: ParkedRow) -> Delivery:
    return pipeline.decoded(record_of(row), row)


def _fit_together(pipeline: Pipeline, lanes: Lanes, deliveries: Sequence[Delivery]) -> bool:
    """Whether none of them calls outside, is broken, or is of a type in a storm."""
    return not any(
        d.broken is not None
        or (d.interest is not None and d.interest.calls_out)
        or (d.envelope is not None and d.envelope.type in lanes.raging)
        for d in deliveries
    )

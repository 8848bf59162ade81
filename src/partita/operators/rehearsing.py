"""Rehearsing a replay: its results, from transactions that are rolled back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from partita.runtime.failing.rehearsal import Rehearsed, rehearse
from partita.runtime.path.pipeline import Pipeline
from partita.store.dead_letters import LetterFilter

AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The results of a replay of these letters, and of the messages behind them."""

    messages: tuple[Rehearsed, ...]

    @property
    def letters(self) -> int:
        """The number of letters among the messages; the others wait behind a letter."""
        return sum(bool(each.letter_id) for each in self.messages)

    @property
    def verdicts(self) -> Counter[str]:
        """The number of messages by verdict."""
        return Counter(each.verdict for each in self.messages)

    @property
    def errors(self) -> Counter[str]:
        """The number of messages that would fail again, by error."""
        return Counter(each.error for each in self.messages if each.error)

    @property
    def leaves(self) -> Counter[str]:
        """The number of messages that would leave, by type."""
        return Counter(name for each in self.messages for name in each.leaves)

    @property
    def calls(self) -> Counter[str]:
        """The number of calls to the outside, by handler. The calls are not rehearsed."""
        return Counter(name for each in self.messages for name, _ in each.calls)


async def rehearse_letters(pipelines: Mapping[str, Pipeline], where: LetterFilter) -> Rehearsal:
    """Rehearse the letters that a filter selects, group by group, in batches."""
    found: list[Rehearsed] = []
    for name, pipeline in pipelines.items():
        after, more = "", True
        while more:
            async with pipeline.store.reading() as session:
                letters = await session.dead_letters.find(name, AT_ONCE, where, after)
            if letters:
                found += await rehearse(pipeline, letters)
                after = letters[-1].id
            more = len(letters) == AT_ONCE
    return Rehearsal(tuple(found))

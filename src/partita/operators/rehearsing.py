"""Rehearsing a replay: what it would do, in transactions that are rolled back."""

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
        """How many of the messages are letters; the others wait behind one."""
        return sum(bool(each.letter_id) for each in self.messages)

    @property
    def verdicts(self) -> Counter[str]:
        """How many messages would end in each way."""
        return Counter(each.verdict for each in self.messages)

    @property
    def errors(self) -> Counter[str]:
        """How many would fail again, by error."""
        return Counter(each.error for each in self.messages if each.error)

    @property
    def leaves(self) -> Counter[str]:
        """How many messages of each type would leave."""
        return Counter(name for each in self.messages for name in each.leaves)

    @property
    def calls(self) -> Counter[str]:
        """How many times each handler would call outside. The calls are not rehearsed."""
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

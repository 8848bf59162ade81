"""The people and programs outside of a generated case: they answer steps whose handlers returned `later()`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from partita.catalog.injection import Meta
from partita.clock import US, Clock
from partita.errors import Conflict, NotFound
from partita.message import envelope_from_bytes
from partita.runtime.path.from_outside import answer_pending
from partita.runtime.path.pipeline import Pipeline
from partita.testing.generators.answer_judge import TAKEN, AnswersSeen, Fact
from partita.testing.generators.later_answers import Answer, AnsweredLater
from partita.testing.generators.participants import DO_FIRST, FACTS, SAY, Pool, effect_name
from partita.testing.generators.sagas import SagaCase

OPEN = "SELECT saga_id, step FROM pending WHERE state = 'open'"
SENT = "SELECT headers FROM outbox"


@dataclass(frozen=True, slots=True)
class _Due:
    """An answer with its time and the id that it needs."""

    at_us: int
    instance: int
    step: int
    item: int
    answer: Answer
    reply_to: str


@dataclass(slots=True)
class Outside:
    """Gives the answers of a case. A handler that runs again, after its transaction was rolled back, is answered again."""

    case: SagaCase
    pool: Pool
    clock: Clock
    pipelines: Mapping[int, Pipeline]
    publish: Callable[[type[Any], str, Any], None]
    _answers: dict[tuple[int, int, int], tuple[Answer, ...]] = field(init=False)
    _began_us: int = field(init=False)
    _due: list[_Due] = field(default_factory=list)
    _ids: dict[str, tuple[int, int, int]] = field(default_factory=dict)  # reply_to -> instance, step, item

    def __post_init__(self) -> None:
        self._began_us = self.clock.now_us()
        late = [trouble for trouble in self.case.troubles if isinstance(trouble, AnsweredLater)]
        self._answers = {(each.instance, each.step, each.item): each.answers for each in reversed(late)}

    def is_late(self, place: tuple[int, int, int]) -> bool:
        """Whether the step of this instance and item is answered from outside."""
        return place in self._answers

    def ask(self, place: tuple[int, int, int], meta: Meta) -> None:
        """Plan the answers to a step whose handler returns `later()`."""
        self._due = [due for due in self._due if (due.instance, due.step, due.item) != place]
        for answer in self._answers[place]:
            at_us = self.clock.now_us() + round(answer.after_s * US)
            self._due.append(_Due(at_us, *place, answer, meta.reply_to))
        self._due.sort(key=lambda due: due.at_us)
        self._ids[meta.reply_to] = place

    def next_us(self) -> int | None:
        """The time of the next answer."""
        return self._due[0].at_us if self._due else None

    async def give(self) -> None:
        """Give each answer whose time has come."""
        while self._due and self._due[0].at_us <= self.clock.now_us():
            await self._give(self._due.pop(0))

    async def _give(self, due: _Due) -> None:
        drawn = self.case.saga.step(due.step)
        ordered = self.case.saga.ordered[drawn.place]
        slot, must = self.pool.slots[drawn.place, ordered][drawn.slot], drawn.kind == "retriable"
        item = str(due.item) if drawn.each else ""
        name, lane = f"i{due.instance}", f"lane{self.case.instances[due.instance].lane}"
        if due.answer.by == "handler":
            tell = self.pool.tell[drawn.place, ordered]
            said = {"says": due.answer.says, "ends": due.answer.ends, "reply_to": due.reply_to, "item": item}
            self.publish(tell, "command", tell(id=name, lane=lane, slot=drawn.slot, must=must, **said))
            return
        pipeline, result = self.pipelines[drawn.place], TAKEN
        try:
            answer = slot.answer(due.answer.says, must, id=name, lane=lane)
            await answer_pending([pipeline], due.reply_to, answer, "a person")
        except (Conflict, NotFound) as error:
            result = type(error).__name__
        # No worker runs meanwhile: this is the note of one who saw the answer count.
        effect = effect_name(name, drawn.slot, item)
        async with pipeline.store.transaction(durable=False) as session:
            await session.execute(
                SAY, {"name": effect, "what": due.answer.says, "result": result, "at_us": self.clock.now_us()}
            )
            if (due.answer.says, result) == ("yes", TAKEN):
                await session.execute(DO_FIRST, {"name": effect})

    async def seen(self) -> dict[tuple[int, int, int], AnswersSeen]:
        """The facts of each step that is answered from outside."""
        found = {place: AnswersSeen() for place in self._answers}
        for place, pipeline in self.pipelines.items():
            async with pipeline.store.reading() as session:
                facts = await session.fetch(FACTS, {})
                sent = [envelope_from_bytes(row["headers"]) for row in await session.fetch(SENT, {})]
                still = {(row["saga_id"], row["step"]) for row in await session.fetch(OPEN, {})}
            for envelope in sent:
                key = self._ids.get(envelope.causation_id or "")
                if key in found and envelope.kind in ("reply", "refusal"):
                    found[key].replies += self.case.saga.step(key[1]).place == place
            for (instance, step, item), seen in found.items():
                drawn = self.case.saga.step(step)
                if drawn.place == place:
                    of = effect_name(f"i{instance}", drawn.slot, str(item) if drawn.each else "")
                    seen.facts = [
                        Fact(row["what"], row["result"], row["at_us"] - self._began_us)
                        for row in facts
                        if row["name"] == of
                    ]
                    seen.waits = (f"i{instance}", f"s{step}/{item}" if drawn.each else f"s{step}") in still
        return found

"""Drawing sagas and their faults: pure functions, so that the same dice always draw the same case.

A case is a declared saga, some instances of it, and a schedule of faults with an end: after it every process is back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Literal, NamedTuple

from partita.testing.generators.later_answers import AnsweredLater, draw_answers

Kind = Literal["step", "pivot", "retriable"]
OnTimeout = Literal["undo", "retry", "ask"]
Role = Literal["consumer", "relay", "timers"]
HOME = 0
"""The place of the saga's own service; places from 1 on are participants."""
PLACES = 3
ITEMS_MAX = 5
"""The longest list of an instance."""
SLOTS = 4
"""The number of commands of a service, each with its undo and its question. Those of odd slots are keyed by the lane,
which instances share, the others by the instance."""


@dataclass(frozen=True, slots=True)
class DrawnStep:
    """A step: the service that does it, and the command. `undoable` is False for a step that changes nothing, and
    for a pivot that must be refused at import. `timers` are the times of its reminders.
    `beside` says that it is sent together with the step before it, `each` that it is sent for each item of the instance's
    list, and is the bound of that list."""

    kind: Kind
    place: int
    slot: int
    timeout_s: float
    on_timeout: OnTimeout = "undo"
    undoable: bool = True
    timers: tuple[float, ...] = ()
    beside: bool = False
    each: int = 0


CHILD = 100
"""The number of the first step of a sub-saga; those of its parent are below."""


@dataclass(frozen=True, slots=True)
class DrawnChild:
    """A saga that carries out a step of another one, the step `at`."""

    at: int
    place: int
    steps: tuple[DrawnStep, ...]
    deadline_s: float


@dataclass(frozen=True, slots=True)
class DrawnSaga:
    """A saga to declare. `ordered` says for each place whether its group keeps the order of keys. `heard_from` is the
    place whose event cancels it."""

    steps: tuple[DrawnStep, ...]
    deadline_s: float
    ordered: tuple[bool, ...]
    heard_from: int | None = None
    child: DrawnChild | None = None

    def step(self, number: int) -> DrawnStep:
        """A step by its number, also of the sub-saga."""
        if number < CHILD:
            return self.steps[number]
        assert self.child is not None
        return self.child.steps[number - CHILD]

    @property
    def places(self) -> list[int]:
        """The places that it uses."""
        below = () if self.child is None else (self.child.place, *(step.place for step in self.child.steps))
        return sorted({HOME, *(step.place for step in self.steps), *below})


class Unit(NamedTuple):
    """One thing that an instance sends and undoes: a step, or the step of one item. `name` is that of the saga's history."""

    name: str
    step: int
    item: int = -1


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance: its start time, the lane that it shares with others, and the length of its list."""

    at_s: float
    lane: int
    items: int = 0


@dataclass(frozen=True, slots=True)
class Away:
    """A worker of a service is stopped for a time. Without its consumer the service is away, without its relay it answers
    late, without its timers it notices late that time has passed."""

    place: int
    role: Role
    from_s: float
    until_s: float


@dataclass(frozen=True, slots=True)
class Refuses:
    """The participant refuses a step of an instance, if its command can be refused; of a step for each item, that of one."""

    instance: int
    step: int
    item: int = 0


@dataclass(frozen=True, slots=True)
class Fails:
    """Handling a step of an instance fails several times: in place, in the retry topic, then it is a dead letter."""

    instance: int
    step: int
    undo: bool
    times: int
    item: int = 0


@dataclass(frozen=True, slots=True)
class Twice:
    """A relay dies between append and mark: its `nth` append is made again."""

    place: int
    nth: int


@dataclass(frozen=True, slots=True)
class Again:
    """A consumer dies between its commit and its position: the last `count` records of each partition come again."""

    place: int
    at_s: float
    count: int


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The bus refuses the `nth` message of a service until a person raises its limit and lets the outbox try again."""

    place: int
    nth: int
    until_s: float


@dataclass(frozen=True, slots=True)
class Acts:
    """An operator acts on an instance."""

    instance: int
    verb: Literal["compensate", "cancel", "retry"]
    at_s: float
    on_child: bool = False


@dataclass(frozen=True, slots=True)
class Withdraws:
    """The event that cancels an instance is published, perhaps before its start or after its end."""

    instance: int
    at_s: float


Trouble = Away | Refuses | Fails | Twice | Again | TooLarge | Acts | Withdraws | AnsweredLater


@dataclass(frozen=True, slots=True)
class SagaCase:
    """A saga, its instances, and what happens to them."""

    saga: DrawnSaga
    instances: tuple[Instance, ...]
    troubles: tuple[Trouble, ...]

    @property
    def calm_from_s(self) -> float:
        """The end of the last fault."""
        ends = [i.at_s for i in self.instances]
        for trouble in self.troubles:
            match trouble:
                case Away(until_s=until_s) | TooLarge(until_s=until_s):
                    ends.append(until_s)
                case Again(at_s=at_s) | Acts(at_s=at_s) | Withdraws(at_s=at_s):
                    ends.append(at_s)
                case _:
                    pass
        return max(ends)

    def groups(self, instance: int) -> list[list[Unit]]:
        """The sends of an instance, in groups that are sent together: a step for each item is a group as long as its list."""
        found: list[list[Unit]] = []
        for number, step in enumerate(self.saga.steps):
            if step.each:
                items = range(self.instances[instance].items)
                found.append([Unit(f"s{number}/{item}", number, item) for item in items])
            elif step.beside:
                found[-1].append(Unit(f"s{number}", number))
            else:
                found.append([Unit(f"s{number}", number)])
        return [group for group in found if group]

    def units(self, instance: int) -> list[Unit]:
        """The sends of an instance, in the order of its line."""
        return [unit for group in self.groups(instance) for unit in group]

    def exceeds(self, instance: int) -> int | None:
        """The first step whose bound is less than the length of an instance's list: it sends nothing for that step."""
        items = self.instances[instance].items
        return next((n for n, step in enumerate(self.saga.steps) if 0 < step.each < items), None)

    def describe(self) -> str:
        """The case as text, one line for each fact."""
        lines = [f"deadline {self.saga.deadline_s:g} s, order of keys kept by {self._ordered()}"]
        for number, step in enumerate(self.saga.steps):
            undo = "" if step.kind == "retriable" else (", with undo" if step.undoable else ", without undo")
            each = f", for each of at most {step.each}" if step.each else ", beside it" if step.beside else ""
            reminders = f", reminders after {', '.join(f'{at_s:g}' for at_s in step.timers)} s" if step.timers else ""
            lines.append(
                f"  s{number} {step.kind} at {place_name(step.place)}, command {step.slot}, "
                f"timeout {step.timeout_s:g} s then {step.on_timeout}{undo}{reminders}{each}"
            )
        if (child := self.saga.child) is not None:
            lines.append(f"  s{child.at} is a saga of {place_name(child.place)}, deadline {child.deadline_s:g} s")
            for number, step in enumerate(child.steps, CHILD):
                lines.append(
                    f"    s{number} {step.kind} at {place_name(step.place)}, command {step.slot}, timeout {step.timeout_s:g} s "
                    f"then {step.on_timeout}{'' if step.undoable or step.kind == 'retriable' else ', without undo'}"
                )
        if self.saga.heard_from is not None:
            lines.append(f"  cancelled by an event of {place_name(self.saga.heard_from)}")
        lines += [
            f"  i{n} starts at {i.at_s:g} s in lane {i.lane} with {i.items} items" for n, i in enumerate(self.instances)
        ]
        return "\n".join([*lines, *(f"  {trouble}" for trouble in self.troubles)])

    def _ordered(self) -> str:
        return ", ".join(place_name(n) for n, ordered in enumerate(self.saga.ordered) if ordered) or "nobody"


def place_name(place: int) -> str:
    """A place's name."""
    return "home" if place == HOME else f"participant {place}"


def draw_case(dice: Random, weights: Mapping[str, float] | None = None) -> SagaCase:
    """A case. `weights` makes faults more or less likely, by the name of their class; 0 leaves one out. The weight `Child` is the
    share of sagas with a sub-saga."""
    saga = draw_saga(dice, (weights or {}).get("Child", CHILDREN))
    lanes = dice.choice((1, 2))
    instances = tuple(
        Instance(
            dice.choice((0.0, 0.0, round(dice.uniform(0, 60), 1))), dice.randrange(lanes), dice.randrange(ITEMS_MAX + 1)
        )
        for _ in range(dice.choice((1, 1, 2, 3, 5)))
    )
    drawn = (_draw_trouble(dice, saga, len(instances), weights or {}) for _ in range(dice.choice((0, 1, 2, 3, 4, 6))))
    return SagaCase(saga, instances, tuple(trouble for trouble in drawn if trouble is not None))


def draw_saga(dice: Random, children: float) -> DrawnSaga:
    """A saga: steps, then a pivot or none, then retriables or none; at least one of them."""
    count = dice.choice((1, 2, 2, 3, 3, 4))
    kinds = sorted((dice.choice(("step", "retriable")) for _ in range(count)), key=["step", "retriable"].index)
    if dice.random() < 0.5:
        kinds[sum(kind == "step" for kind in kinds) - 1 if "step" in kinds else 0] = "pivot"
    places = [HOME] if dice.random() < 0.15 else [*range(1, dice.choice((2, PLACES)))]
    slots = dice.sample(range(SLOTS), count)
    steps = tuple(_draw_step(dice, kind, dice.choice(places), slot) for kind, slot in zip(kinds, slots, strict=True))
    together = dice.random() < 0.35
    steps = beside(replace(step, beside=together and dice.random() < 0.7) for step in steps)
    if dice.random() < 0.35:
        steps = tuple(replace(step, each=_draw_bound(dice, steps, number)) for number, step in enumerate(steps))
    child = _draw_child(dice, steps) if dice.random() < children else None
    if child is not None:
        steps = _carried_out(dice, steps, child)
    before = sum(step.timeout_s for step in steps if step.kind != "retriable")
    deadline_s = before * dice.choice((1.0, 1.5, 4.0)) if before else dice.choice((10.0, 60.0, 300.0))
    heard_from = dice.choice(places) if before and dice.random() < 0.4 else None
    return DrawnSaga(steps, deadline_s, tuple(dice.random() < 0.7 for _ in range(PLACES)), heard_from, child)


def _draw_child(dice: Random, steps: Sequence[DrawnStep]) -> DrawnChild | None:
    """A saga for one of these steps. Its steps have commands of their own; None = no command is left for one."""
    at, used = dice.randrange(len(steps)), {(step.place, step.slot) for step in steps}
    places = sorted({step.place for step in steps} | {dice.randrange(PLACES)})
    free = [(place, slot) for place in places for slot in range(SLOTS) if (place, slot) not in used]
    count = min(dice.choice((1, 2, 2, 3)), len(free))
    if not count:
        return None
    kinds = ["retriable"] * count
    if steps[at].kind != "retriable":
        kinds = sorted((dice.choice(("step", "retriable")) for _ in range(count)), key=["step", "retriable"].index)
        if dice.random() < 0.4:
            kinds[max(kinds.count("step") - 1, 0)] = "pivot"
    drawn = (_draw_step(dice, kind, *where) for kind, where in zip(kinds, dice.sample(free, count), strict=True))
    below = tuple(replace(step, timers=(), undoable=step.undoable or step.kind == "pivot") for step in drawn)
    before = sum(step.timeout_s for step in below if step.kind != "retriable")
    return DrawnChild(at, steps[at].place, below, before * dice.choice((1.0, 2.0)) or dice.choice((10.0, 60.0)))


def _carried_out(dice: Random, steps: Sequence[DrawnStep], child: DrawnChild) -> tuple[DrawnStep, ...]:
    """The steps of a parent: the one that its sub-saga carries out waits for it, and is undone like it."""
    step, timeout_s = steps[child.at], child.deadline_s * dice.choice((1.0, 2.0))
    timers = tuple(at_s for at_s in step.timers if at_s < timeout_s)
    on_timeout: OnTimeout = "retry" if step.kind == "retriable" else dice.choice(("undo", "undo", "retry"))
    undoable = step.kind != "retriable"
    waits = replace(step, timeout_s=timeout_s, timers=timers, on_timeout=on_timeout, undoable=undoable, each=0)
    return (*steps[: child.at], waits, *steps[child.at + 1 :])


def _draw_bound(dice: Random, steps: Sequence[DrawnStep], number: int) -> int:
    grouped = steps[number].beside or (number + 1 < len(steps) and steps[number + 1].beside)
    may = steps[number].kind != "pivot" and not grouped
    return dice.choice((0, 3, 4, ITEMS_MAX, ITEMS_MAX)) if may else 0


def beside(steps: Iterable[DrawnStep]) -> tuple[DrawnStep, ...]:
    """Steps of which each that is sent with the one before it may be: both have one kind, and none is a pivot or sent for each
    item of a list."""
    found: list[DrawnStep] = []
    for step in steps:
        may = bool(found) and found[-1].kind == step.kind != "pivot" and not (found[-1].each or step.each)
        found.append(replace(step, beside=step.beside and may))
    return tuple(found)


def first_beside(steps: Sequence[DrawnStep], number: int) -> int:
    """The number of the first of the steps that are sent together with a step."""
    while steps[number].beside:
        number -= 1
    return number


def _draw_step(dice: Random, kind: str, place: int, slot: int) -> DrawnStep:
    timeout_s = dice.choice((5.0, 30.0, 60.0))
    drawn = (round(timeout_s * dice.choice((0.1, 0.5, 0.9)), 1) for _ in range(dice.choice((0, 0, 1, 2, 3))))
    timers = tuple(sorted(drawn))
    if kind == "retriable":
        return DrawnStep("retriable", place, slot, timeout_s, "retry", undoable=False, timers=timers)
    on_timeout: OnTimeout = dice.choice(("undo", "undo", "retry", "ask"))
    if kind == "pivot":
        return DrawnStep("pivot", place, slot, timeout_s, on_timeout, dice.random() < 0.9, timers)
    return DrawnStep("step", place, slot, timeout_s, on_timeout, dice.random() < 0.85, timers)


CHILDREN = 0.3
TROUBLES = {
    "Away": 6.0,
    "Refuses": 2.0,
    "Fails": 3.0,
    "Twice": 1.0,
    "Again": 1.0,
    "TooLarge": 1.0,
    "Acts": 1.0,
    "Withdraws": 2.0,
    "AnsweredLater": 5.0,
}


def _draw_trouble(dice: Random, saga: DrawnSaga, instances: int, weights: Mapping[str, float]) -> Trouble | None:
    likely = {**TROUBLES, **{name: weight for name, weight in weights.items() if name in TROUBLES}}
    (kind,) = dice.choices(list(likely), list(likely.values()))
    place, step = dice.choice(saga.places), dice.randrange(len(saga.steps))
    if saga.child is not None and dice.random() < 0.5:
        step = CHILD + dice.randrange(len(saga.child.steps))
    carried_out = saga.child is not None and step == saga.child.at
    instance = dice.randrange(instances)
    at_s = round(dice.choice((0.0, dice.uniform(0, 20), dice.uniform(0, 2 * saga.deadline_s))), 1)
    until_s = round(at_s + dice.choice((dice.uniform(0, 10), dice.uniform(10, 200), dice.uniform(0, 5_000))), 1)
    if kind == "Away":
        role: Role = dice.choice(("consumer", "consumer", "relay", "timers"))
        homes = [HOME] if saga.child is None else [HOME, saga.child.place]
        return Away(dice.choice(homes) if role == "timers" else place, role, at_s, until_s)
    item = dice.randrange(ITEMS_MAX) if saga.step(step).each else 0
    if kind == "Refuses":
        return Refuses(instance, step, item) if saga.step(step).kind != "retriable" and not carried_out else None
    if kind == "Fails":
        undo = saga.step(step).undoable and (carried_out or dice.random() < 0.4)
        if carried_out and not undo:
            return None  # no handler carries it out
        # A step that changes nothing is not undone: its dead letter would hold its key for ever.
        deadly = undo or saga.step(step).kind == "retriable" or saga.step(step).undoable
        return Fails(instance, step, undo, dice.choice((1, 2, 3, 4, 9) if deadly else (1, 3)), item)
    if kind == "Twice":
        return Twice(place, dice.randrange(6))
    if kind == "Again":
        return Again(place, at_s, dice.choice((1, 3, 10)))
    if kind == "TooLarge":
        return TooLarge(place, dice.randrange(8), until_s)
    if kind == "AnsweredLater" and carried_out:
        return None  # its saga answers it
    if kind == "AnsweredLater":
        must = saga.step(step).kind == "retriable"
        answers = draw_answers(dice, instance, step, saga.step(step).timeout_s, saga.deadline_s, must=must)
        return replace(answers, item=item)
    if kind == "Withdraws":
        return Withdraws(instance, at_s) if saga.heard_from is not None else None
    on_child = saga.child is not None and dice.random() < 0.5
    return Acts(instance, dice.choice(("compensate", "cancel", "retry")), at_s, on_child)

"""The table of a saga: each state under each input, as the engine decides it.

States are found by walking: from the start, each input is given to the engine in each state that was found so far. Two
states in which the engine does the same from then on are one state of the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from partita.catalog.contract import Contract, contract_of
from partita.catalog.rejection import Rejection
from partita.clock import duration_us
from partita.message import SagaAddress
from partita.sagas.definition import SagaDefinition
from partita.sagas.engine import begin, on_message, on_timer
from partita.sagas.saga import Saga
from partita.sagas.state import AHEAD, Phase, SagaState, state_from_bytes, state_to_bytes
from partita.sagas.transition import Alert, Answer, Effect, Ignored, Incoming, Publish, Send, Transition
from partita.sagas.verbs import awaited, on_operator

Outcome = Literal["moves", "alarms", "absorbed", "refused", "unasked", "again"]
"""moves: the state changes, or a message leaves. alarms: a person is alerted. absorbed: a second or a late message changes
nothing. refused: the person who cancels gets a refusal. unasked: the saga has sent nothing that this input could answer, or
waits for nothing that could pass. again: only a participant without tombstones sends it, after the acknowledgement of its undo;
the step is undone once more, and the table follows that no further."""
Make = Callable[[type[Any]], Any]
"""Makes a message of a class."""
STATES_MAX = 2_000
FAR_US = 10**15
TIMES = ("timeout", "deadline", "cancel")
UNASKED: dict[str, tuple[Phase, ...]] = {
    "": ("idle",), "do": ("idle",), "timer": ("idle",), "ask": ("idle", "sent"),
    "undo": ("idle", "sent", "asking", "done", "refused"),
}  # fmt: skip
"""The phases of a step in which the command of each kind has not been sent."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The decision of the engine in one state about one input: the number of the next state, and the messages that leave."""

    outcome: Outcome
    to: int
    sends: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StateTable:
    """The names of states and inputs, and a row of cells for each state. The first state is that after the start."""

    states: tuple[str, ...]
    inputs: tuple[str, ...]
    cells: tuple[tuple[Cell, ...], ...]

    @property
    def rows(self) -> dict[str, dict[str, str]]:
        """The cells in words by state and input, without those that nothing asked for."""
        return {
            state: {
                given: " ".join([cell.outcome, self.states[cell.to], *(f"+{name}" for name in cell.sends)])
                for given, cell in zip(self.inputs, cells, strict=True)
                if cell.outcome != "unasked"
            }
            for state, cells in zip(self.states, self.cells, strict=True)
        }

    def entering(self, state: int) -> tuple[str, ...]:
        """The messages that leave when a state is entered from another one, where they are the same from each."""
        found = {
            cell.sends
            for at, row in enumerate(self.cells)
            for cell in row
            if cell.to == state != at and cell.outcome in ("moves", "alarms")
        }
        return found.pop() if len(found) == 1 else ()

    def count(self, outcome: Outcome) -> int:
        """The number of cells with an outcome."""
        return sum(cell.outcome == outcome for row in self.cells for cell in row)


@dataclass(frozen=True, slots=True)
class _Input:
    name: str
    step: int = -1
    message: type[Any] | None = None
    kind: str = ""
    timer: int = 0


class _Walk:
    """The states of one saga that were found so far, and the decisions in them."""

    def __init__(self, definition: SagaDefinition, make: Make) -> None:
        self._definition = definition
        self._make = make
        self.inputs = list(_inputs(definition))
        self.states: list[SagaState] = []
        self.moves: list[list[tuple[Outcome, int, tuple[str, ...]]]] = []
        self._numbers: dict[object, int] = {}
        self._ids = 0
        start = Incoming(self._message(definition.start.cls), "start", None, None, "walk", 0)
        self._number(begin(definition, start, 0, self._new_id).state)

    def walk(self) -> None:
        """Give each input to the engine in each state.

        Raises:
            OverflowError: the saga has too many states for a table.
        """
        while len(self.moves) < len(self.states):
            number = len(self.moves)
            self.moves.append([self._decide(number, each) for each in self.inputs])

    def _decide(self, number: int, given: _Input) -> tuple[Outcome, int, tuple[str, ...]]:
        before = self.states[number]
        phase = before.steps[given.step].phase if given.step >= 0 else "sent"
        if given.step >= 0 and phase in UNASKED[given.kind]:
            return "unasked", number, ()
        state = state_from_bytes(state_to_bytes(before))
        decided = self._given(state, given)
        if decided is None:
            return "unasked", number, ()
        sends: tuple[str, ...] = ()
        if isinstance(decided, Transition):
            sends = tuple(name for name in map(_name_of, decided.effects) if name)
            if given.kind in ("do", "ask") and phase == "undone":
                return "again", number, sends
            to = self._number(decided.state)
            if any(isinstance(each, Alert) for each in decided.effects):
                return "alarms", to, sends
            if sends or to != number:
                return "moves", to, sends
        return ("refused" if given.name == "cancel" else "absorbed"), number, ()

    def _given(self, state: SagaState, given: _Input) -> Transition | Ignored | None:
        """The engine's decision; None where no time can pass that the input names."""
        definition = self._definition
        if given.message is not None:
            spec, step = definition.steps[given.step], state.steps[given.step]
            address = SagaAddress(definition.name, state.saga_id, spec.name, step.epoch, given.kind)
            incoming = Incoming(self._message(given.message), "answer", step.message_id, address, "walk", 0)
            return on_message(definition, state, incoming, 0, self._new_id)
        if given.name == "cancel":
            found = on_operator(definition, state, "cancel", "", 0, self._new_id)
            return None if isinstance(found, Ignored) and state.is_over else found
        return self._time_passes(state, given)

    def _time_passes(self, state: SagaState, given: _Input) -> Transition | Ignored | None:
        """The timer rings: for a reminder, for a timeout long before the deadline, or at the deadline."""
        if state.due_us is None:
            return None
        forward = awaited(self._definition, state) if not state.undoing else []
        if given.name == "deadline":
            if not forward or state.overdue_told:
                return None  # no deadline rings while an undo is on its way, nor twice
            state.deadline_us = 0
            self._let_timers_pass(state, until_us=0)
        elif given.step >= 0:
            waiting = state.waiting.get(self._definition.steps[given.step].name)
            if given.step not in forward or waiting is None:
                return None
            waiting.sent, waiting.until_us, state.deadline_us = given.timer, FAR_US, FAR_US
            waiting.since_us = -duration_us(self._definition.steps[given.step].timers[given.timer].after_s)
        else:
            state.deadline_us = FAR_US
            self._let_timers_pass(state, until_us=None)
        state.due_us = 0
        return on_timer(self._definition, state, 0, self._new_id)

    def _let_timers_pass(self, state: SagaState, until_us: int | None) -> None:
        """The steps that have times of their own: their reminders have been sent, and the time of the first one is over, or at a
        deadline the time of all of them."""
        first = min((each.until_us for each in state.waiting.values()), default=0)
        for name, waiting in state.waiting.items():
            waiting.sent = len(self._definition.step_named(name).timers)
            is_over = until_us is not None or waiting.until_us <= first
            waiting.until_us = 0 if is_over else FAR_US

    def _number(self, state: SagaState) -> int:
        key = (state.status, state.index, state.overdue_told, tuple(step.phase for step in state.steps))
        if key not in self._numbers:
            if len(self.states) >= STATES_MAX:
                raise OverflowError(f"{self._definition.name} has more than {STATES_MAX} states")
            self._numbers[key] = len(self.states)
            self.states.append(state)
        return self._numbers[key]

    def _message(self, cls: type[Any]) -> Any:
        return self._make(cls)

    def _new_id(self) -> str:
        self._ids += 1
        return f"m{self._ids}"


def table_of(saga: type[Saga], make: Make) -> StateTable:
    """The table of a saga whose messages `make` makes. A list of items has the length that the made messages give it.

    Raises:
        OverflowError: the saga has too many states for a table.
    """
    definition = saga.__definition__
    walk = _Walk(definition, make)
    walk.walk()
    classes = _classes(walk, [_label(definition, state) for state in walk.states])
    order = list(dict.fromkeys(classes))
    number = {each: position for position, each in enumerate(order)}
    of_class = [classes.index(each) for each in order]
    cells = tuple(
        tuple(_cell(move, number[classes[state]], number[classes[move[1]]]) for move in walk.moves[state])
        for state in of_class
    )
    names = _names(definition, [walk.states[state] for state in of_class])
    return StateTable(names, tuple(each.name for each in walk.inputs), cells)


def _cell(move: tuple[Outcome, int, tuple[str, ...]], at: int, to: int) -> Cell:
    """A move between two states that are one state of the table changes nothing."""
    outcome, _, sends = move
    return Cell("absorbed" if outcome == "moves" and to == at and not sends else outcome, to, sends)


def _classes(walk: _Walk, labels: list[str]) -> list[int]:
    """The class of each state: states of one class look alike, and do the same under each input, now and later."""
    shown = [
        [("" if outcome in ("moves", "absorbed") else outcome, sends) for outcome, _, sends in row]
        for row in walk.moves
    ]
    found = _numbered(list(zip(labels, shown, strict=True)))
    for _ in walk.states:  # each round divides a class, or is the last
        finer = _numbered([(found[state], [found[to] for _, to, _ in row]) for state, row in enumerate(walk.moves)])
        if max(finer) == max(found):
            break
        found = finer
    return found


def _numbered(keys: list[Any]) -> list[int]:
    numbers: dict[str, int] = {}
    return [numbers.setdefault(repr(key), len(numbers)) for key in keys]


def _inputs(definition: SagaDefinition) -> Iterator[_Input]:
    """Every message that may come, then the times and the cancellation."""
    found: list[_Input] = []
    for index, spec in enumerate(definition.steps):
        answers = [(spec.command, "do"), (spec.ask, "ask"), (spec.undo, "undo")]
        for command, kind in ((each, kind) for each, kind in answers if each is not None):
            own = "" if kind != "ask" else f" to {command.name}"
            if command.reply is not None:
                found.append(_Input(f"{contract_of(command.reply).name}{own}", index, command.reply, kind))
            found += [_Input(f"{each.__name__}{own}", index, each, kind) for each in command.refusals]
        if spec.timers:
            first: dict[Contract, int] = {}
            for number, timer in enumerate(spec.timers):
                first.setdefault(timer.command, number)
            found += [_Input(f"time of {each.name}", index, timer=number) for each, number in first.items()]
            replies = dict.fromkeys(timer.command.reply for timer in spec.timers if timer.command.reply is not None)
            found += [_Input(contract_of(each).name, index, each, "timer") for each in replies]
    names = [each.name for each in found]
    for each in found:
        twice = names.count(each.name) > 1
        yield replace(each, name=f"{each.name} ({definition.steps[each.step].name})") if twice else each
    yield from (_Input(name) for name in TIMES)


def _label(definition: SagaDefinition, state: SagaState) -> str:
    """A state in words: the message whose answer it waits for, or its end."""
    if state.is_over:
        return state.status
    waits = []
    for spec, step in zip(definition.steps, state.steps, strict=True):
        if step.phase == "undoing" and spec.undo is not None:
            waits.append(spec.undo.name)
        elif step.phase in AHEAD:
            asked = step.phase == "asking" and spec.ask is not None
            waits.append(spec.ask.name if asked and spec.ask is not None else spec.command.name)
    text = f"{' and '.join(waits)} sent"
    return (
        f"{text}, overdue"
        if state.overdue_told
        else f"{text}, attention"
        if state.status == "needs_attention"
        else text
    )


def _names(definition: SagaDefinition, states: list[SagaState]) -> tuple[str, ...]:
    """The names of states: those with one label say which steps were refused or given up."""
    labels = [_label(definition, state) for state in states]
    names = []
    for label, state in zip(labels, states, strict=True):
        if labels.count(label) > 1:
            words = {"unknown": "unanswered", "undoing": "unanswered", "refused": "refused", "undone": "undone"}
            ended = [
                f"{spec.command.name} {words[step.phase]}"
                for spec, step in zip(definition.steps, state.steps, strict=True)
                if step.phase in words
            ]
            label = f"{label}, {ended[-1]}" if ended else label
        names.append(label)
    return tuple(
        name if names.count(name) == 1 else f"{name} {names[:at].count(name) + 1}" for at, name in enumerate(names)
    )


def _name_of(effect: Effect) -> str:
    """The message of an effect."""
    contract: Contract | None = None
    match effect:
        case Send(command):
            contract = contract_of(type(command))
        case Publish(event):
            contract = contract_of(type(event))
        case Answer(message) if isinstance(message, Rejection):
            return type(message).__name__
        case Answer(message):
            contract = contract_of(type(message))
    return contract.name if contract is not None else ""

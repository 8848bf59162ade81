"""A saga for the engine's tests, and a world of participants small enough to see through."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import Any

from partita import Command, Event, Key, Rejection, Saga, Service, minutes, pivot, retriable, seconds, step
from partita.message import SagaAddress
from partita.sagas.definition import SagaDefinition
from partita.sagas.engine import begin, on_message, on_timer
from partita.sagas.state import SagaState, state_from_bytes, state_to_bytes
from partita.sagas.transition import Alert, Ignored, Incoming, Note, Publish, Send, Transition
from partita.sagas.unfolding import definition_for
from partita.sagas.verbs import Verb, on_operator

shop = Service("engine-shop", namespace="engine.shop")
stock = Service("engine-stock", namespace="engine.stock")
bank = Service("engine-bank", namespace="engine.bank")


class Placed(Event, of=shop):
    order: Key[str]
    cents: int


class Confirmed(Event, of=shop):
    order: Key[str]


class Cancelled(Event, of=shop):
    order: Key[str]
    reason: str


class Confirm(Command[Confirmed], of=shop):
    order: Key[str]


class Reserved(Event, of=stock):
    order: Key[str]
    place: str = ""


class Released(Event, of=stock):
    order: Key[str]


class NoStock(Rejection):
    sku: str


class Reserve(Command[Reserved, NoStock], of=stock):
    order: Key[str]


class Release(Command[Released], of=stock):
    order: Key[str]
    place: str = "(unknown)"


class Charged(Event, of=bank):
    order: Key[str]


class Refunded(Event, of=bank):
    order: Key[str]


class Declined(Rejection):
    why: str


class Charge(Command[Charged, Declined], of=bank):
    order: Key[str]
    cents: int
    place: str = ""


class Refund(Command[Refunded], of=bank):
    order: Key[str]


class Checkout(Saga, start=Placed, deadline=minutes(15), undone=Cancelled, of=shop):
    reserve = step(Reserve, undo=Release, timeout=seconds(30))
    charge = pivot(Charge, undo=Refund, timeout=seconds(60))
    confirm = retriable(Confirm, timeout=seconds(10))


class Settle(Saga, start=Placed, deadline=minutes(2), of=shop):
    confirm = retriable(Confirm, timeout=seconds(10))


class Reserving(Saga, start=Placed, deadline=minutes(2), undone=Cancelled, of=shop):
    reserve = step(Reserve, undo=Release, timeout=seconds(30))
    confirm = retriable(Confirm, timeout=seconds(10))


class Checked(Event, of=stock):
    order: Key[str]


class Check(Command[Checked, NoStock], of=stock):
    order: Key[str]


class Looking(Saga, start=Placed, deadline=minutes(2), undone=Cancelled, of=shop):
    check = step(Check, no_effect=True, timeout=seconds(30))
    reserve = step(Reserve, undo=Release, timeout=seconds(30))


class IsCharged(Command[Charged, Declined], of=bank):
    order: Key[str]


class Asking(Saga, start=Placed, deadline=minutes(15), undone=Cancelled, of=shop):
    reserve = step(Reserve, undo=Release, timeout=seconds(30))
    charge = pivot(Charge, undo=Refund, timeout=seconds(60), on_timeout="ask", ask=IsCharged)
    confirm = retriable(Confirm, timeout=seconds(10))


DEFINITION = Checkout.__definition__
SECOND = 1_000_000


@dataclass
class Machine:
    """One instance, driven by hand: the messages it sent and published, its alerts, its history."""

    now: int = 0
    definition: SagaDefinition = DEFINITION
    state: SagaState | None = None
    sent: list[Send] = field(default_factory=list)
    published: list[Any] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    ids: Any = field(default_factory=lambda: count(1))

    def new_id(self) -> str:
        return f"m{next(self.ids)}"

    def start(self, event: Event | None = None) -> Machine:
        start = Incoming(event or Placed(order="o1", cents=5), "start", None, None, "c1", self.now)
        self._take(begin(self.definition, start, self.now, self.new_id))
        return self

    def answer(self, message: Any, to: Send | None = None, *, plain: bool = False) -> bool:
        """Answer a command (default: the last one sent); whether the saga took notice."""
        command = to or self.sent[-1]
        address = None if plain else SagaAddress(self.definition.name, "o1", command.step, command.epoch, command.kind)
        assert self.state is not None
        incoming = Incoming(message, self.new_id(), command.message_id, address, "c1", self.now)
        return self._take(on_message(self._unfolded(), self.state, incoming, self.now, self.new_id))

    def wait(self, seconds: float) -> bool:
        """Let time pass; whether a timer did something."""
        self.now += round(seconds * SECOND)
        assert self.state is not None
        return self._take(on_timer(self._unfolded(), self.state, self.now, self.new_id))

    def act(self, verb: Verb, reason: str = "") -> str:
        """A person acts; returns why it was not possible, empty = it was."""
        assert self.state is not None
        result = on_operator(self._unfolded(), self.state, verb, reason, self.now, self.new_id)
        self._take(result)
        return result.reason if isinstance(result, Ignored) else ""

    def _unfolded(self) -> SagaDefinition:
        assert self.state is not None
        return definition_for(self.definition, self.state)

    def _take(self, result: Transition | Ignored) -> bool:
        if isinstance(result, Ignored):
            return False
        self.state = state_from_bytes(state_to_bytes(result.state))  # as the store would give it back
        self.notes += result.notes
        for effect in result.effects:
            match effect:
                case Send():
                    self.sent.append(effect)
                case Publish():
                    self.published.append(effect.event)
                case Alert():
                    self.alerts.append(effect.text)
        return True

    @property
    def status(self) -> str:
        assert self.state is not None
        return self.state.status

    @property
    def names(self) -> list[str]:
        return [type(s.command).__name__ for s in self.sent]


class Participant:
    """Does, refuses and undoes as Partita's own participants: with tombstones, each repeat answered the same."""

    def __init__(self, effect: type, undone: type, refusal: object, refuses: bool) -> None:
        self.effect, self.undone, self.refusal, self.refuses = effect, undone, refusal, refuses
        self.has = False
        self.tombstone = False
        self.answers: dict[str, object | None] = {}

    def handle(self, command: Send) -> object | None:
        if command.kind == "undo":
            self.has, self.tombstone = False, True
            return self.undone(order="o1")
        if command.message_id not in self.answers:
            if self.tombstone:
                self.answers[command.message_id] = None
            elif self.refuses:
                self.answers[command.message_id] = self.refusal
            else:
                self.has = True
                self.answers[command.message_id] = self.effect(order="o1")
        return self.answers[command.message_id]

"""The state of a saga instance, as stored between two messages."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Status = Literal["running", "compensating", "completed", "undone", "needs_attention"]
Phase = Literal["idle", "sent", "asking", "done", "refused", "unknown", "undoing", "undone"]
"""Phase of a step: `unknown` timed out, so its effect may or may not exist and its undo is owed; `undoing` waits for the
acknowledgement of its undo."""

AHEAD: tuple[Phase, ...] = ("sent", "asking")
AWAITED: tuple[Phase, ...] = ("sent", "asking", "undoing")


class StepState(msgspec.Struct, array_like=True):
    """One step of one instance. `epoch` numbers the sends, to distinguish an old acknowledgement from a new one. `unsent`:
    its latest message had not left when its time was over, so its time begins again; `put_off`: how often it did in a row."""

    phase: Phase = "idle"
    message_id: str = ""
    epoch: int = 0
    tries: int = 0
    unsent: bool = False
    put_off: int = 0


class Waiting(msgspec.Struct, array_like=True):
    """A step with timers, or with steps beside it, while it waits for its answer: the time when its timers begin, the end of
    its own time, and how many of them have sent their commands."""

    since_us: int
    until_us: int = 0
    sent: int = 0


class Caller(msgspec.Struct, array_like=True):
    """The command that an instance carries out: its place, and its envelope in its stored form. `answered`: its answer has
    left, and no other one leaves."""

    topic: str
    key: str | None
    headers: bytes
    answered: bool = False


class Recall(msgspec.Struct, array_like=True):
    """An undo of the command of an instance, as it came: it waits for the end of the instance."""

    topic: str
    key: str | None
    headers: bytes
    value: bytes


class SagaState(msgspec.Struct, omit_defaults=True):
    """One instance. `facts` are the values later commands need, by "source.field"; times are microseconds UTC."""

    saga_id: str
    definition_version: int
    correlation_id: str
    started_us: int
    deadline_us: int
    steps: list[StepState]
    status: Status = "running"
    index: int = 0
    epoch: int = 0
    facts: dict[str, Any] = {}
    user: dict[str, Any] = {}
    reason: str = ""
    due_us: int | None = None
    last_error: str = ""
    last_message_id: str = ""
    last_cause_id: str = ""
    names: tuple[str, ...] = ()
    undone_published: bool = False
    overdue_told: bool = False
    versions: dict[str, int] = {}  # source -> the version of the message that its facts are of, where it is not 1
    is_whole: bool = False  # the facts are all values of its messages, since the saga had hooks when each came
    waiting: dict[str, Waiting] = {}  # steps with times of their own, by name
    sizes: dict[str, int] = {}  # the number of items of each list that was reached, by step, in their order in the line
    caller: Caller | None = None  # of a saga that starts with a command
    recall: Recall | None = None

    @property
    def step(self) -> str:
        """The current step of the instance: the one being undone, else the one being done."""
        if self.status != "running":
            for name, step in zip(reversed(self.names), reversed(self.steps), strict=True):
                if step.phase == "undoing":
                    return name
        for index in range(self.index, len(self.steps)):
            if self.steps[index].phase in AHEAD:
                return self.names[index]
        return self.names[min(self.index, len(self.names) - 1)]

    @property
    def undoing(self) -> bool:
        """Whether an undo waits for its acknowledgement."""
        return any(step.phase == "undoing" for step in self.steps)

    @property
    def waits_for(self) -> list[str]:
        """The ids of the messages whose answers the timer waits for."""
        return [step.message_id for step in self.steps if step.phase in AWAITED]

    @property
    def is_over(self) -> bool:
        """Whether it has reached a terminal state."""
        return self.status in ("completed", "undone")


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(SagaState).decode


def state_to_bytes(state: SagaState) -> bytes:
    """The state as stored bytes."""
    return _encode(state)


def state_from_bytes(data: bytes) -> SagaState:
    """A stored state.

    Raises:
        msgspec.MsgspecError: the bytes are not a state.
    """
    return _decode(data)

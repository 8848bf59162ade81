"""The steps of a saga as declared: `step` can be undone, `pivot` is the point of no return, `retriable` comes after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Never, TypeVar, get_args

from partita.catalog.event import Command, Event
from partita.catalog.place import caller_place
from partita.errors import DeclarationError
from partita.sagas.items import Each
from partita.sagas.timer import Timer, hook_of
from partita.settings.amount import check_seconds

Kind = Literal["step", "pivot", "retriable"]
OnTimeout = Literal["undo", "retry", "ask"]
Hook = TypeVar("Hook", bound=Callable[..., Any])


class Step:
    """A declared step; its decorators fill commands by hand and look at replies and refusals."""

    def __init__(
        self,
        kind: Kind,
        command: type[Any],
        *,
        undo: type[Any] | None,
        ask: type[Any] | None,
        timeout: float,
        on_timeout: OnTimeout,
        no_effect: bool,
        timers: Sequence[Timer],
    ) -> None:
        self.kind: Kind = kind
        self.command_class = command
        self.undo_class = undo
        self.ask_class = ask
        self.timeout_s = timeout
        self.on_timeout: OnTimeout = on_timeout
        self.no_effect = no_effect
        self.timers = tuple(timers)
        self.name = ""
        self.place = caller_place(3)
        check_seconds(DeclarationError, f"{self.place}: timeout", timeout)
        if on_timeout not in get_args(OnTimeout):
            raise DeclarationError(
                f"{self.place}: on_timeout={on_timeout!r} cannot be.",
                hint=f"One of: {', '.join(get_args(OnTimeout))}.",
            )
        self.group: tuple[Step, ...] = ()
        self.each: Each | None = None
        self.hooks: dict[str, Callable[..., Any]] = {}
        for timer in self.timers:
            if not isinstance(timer, Timer):
                raise DeclarationError(
                    f"{self.place}: {timer!r:.80} is no timer.", hint="timers=(after(days(5), RemindSomebody),)"
                )

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self.name = name

    def command(self, hook: Hook) -> Hook:
        """Fill the command by hand: `def _(self) -> ReserveStock`; pure, called again for every resend. The hooks of a step for
        each item get that item too: `def _(self, item) -> ReserveLine`."""
        self.hooks["command"] = hook
        return hook

    def undo_command(self, hook: Hook) -> Hook:
        """Fill the undo by hand: `def _(self) -> ReleaseStock`; the step's reply may be missing. For each item:
        `def _(self, item, reply: LineReserved | None) -> ReleaseLine`."""
        self.hooks["undo"] = hook
        return hook

    def timer(self, command: type[Any]) -> Callable[[Hook], Hook]:
        """Fill the command of the step's timers by hand: `@decide.timer(Remind)` above `def _(self) -> Remind`."""
        if all(timer.command_class is not command for timer in self.timers):
            raise DeclarationError(
                f"{self.place}: the step has no timer that sends {getattr(command, '__name__', command)}.",
                hint=f"timers=(after(days(5), {getattr(command, '__name__', 'Remind')}),)",
            )

        def keep(hook: Hook) -> Hook:
            self.hooks[hook_of(command)] = hook
            return hook

        return keep

    def then(self, hook: Hook) -> Hook:
        """Keep something of the reply in the saga's state: `def _(self, reply: StockReserved) -> None`."""
        self.hooks["then"] = hook
        return hook

    def refused(self, hook: Hook) -> Hook:
        """Look at the refusal: `def _(self, refusal: CardDeclined) -> None`."""
        self.hooks["refused"] = hook
        return hook


def parallel(*steps: Step) -> None:
    """Send these steps together: the saga goes on when all are done. `parallel(flight, hotel)` below the steps in the class.

    When one is refused or times out, all of them are undone that were done or may have been, one at a time and in reverse.
    They have one kind, and none is a pivot: a point of no return among others would be none.

    Raises:
        DeclarationError: fewer than two steps, or one that is in another group already.
    """
    place = caller_place(2)
    if len(steps) < 2 or not all(isinstance(each, Step) for each in steps):
        raise DeclarationError(f"{place}: parallel takes two steps or more.", hint="parallel(flight, hotel)")
    for each in steps:
        if each.group:
            raise DeclarationError(
                f"{place}: {each.command_class.__name__} is in another group already.",
                hint="One parallel(...) with all of them.",
            )
        if each.each is not None:
            raise DeclarationError(
                f"{place}: {each.command_class.__name__} is sent for each of {each.each.items}, and together with other steps.",
                hint="each(...) is a group of its own: the other steps above or below it.",
            )
        each.group = steps


def step(
    command: type[Command[Event, Any]],
    *,
    undo: type[Command[Event, Never]] | None = None,
    timeout: float = 30.0,
    on_timeout: OnTimeout = "undo",
    ask: type[Command[Event, Any]] | None = None,
    no_effect: bool = False,
    timers: Sequence[Timer] = (),
) -> Step:
    """A step that can be undone, before the pivot. Its undo is a command that cannot be refused.

    Args:
        command: the request to the participant.
        undo: takes its effect back; must be safe before, after or without the command.
        timeout: seconds until the outcome counts as unknown.
        on_timeout: "undo" owes the undo of this step too, "retry" sends the same command again, "ask" sends `ask`.
        ask: answered with the command's reply when it was done, refused when not.
        no_effect: the step changes nothing and needs no undo.
        timers: commands that are sent while the step waits for its answer, each with its time: `after(days(5), Remind)`.
    """
    return Step(
        "step",
        command,
        undo=undo,
        ask=ask,
        timeout=timeout,
        on_timeout=on_timeout,
        no_effect=no_effect,
        timers=timers,
    )


def pivot(
    command: type[Command[Event, Any]],
    *,
    undo: type[Command[Event, Never]] | None = None,
    timeout: float = 60.0,
    on_timeout: OnTimeout = "undo",
    ask: type[Command[Event, Any]] | None = None,
    timers: Sequence[Timer] = (),
) -> Step:
    """The point of no return: after its success the saga must complete.

    `undo` is for an unknown outcome: the deadline may pass, or an operator may cancel, before an answer comes. A command
    that cannot be undone or refused is a `retriable`.
    """
    return Step(
        "pivot",
        command,
        undo=undo,
        ask=ask,
        timeout=timeout,
        on_timeout=on_timeout,
        no_effect=False,
        timers=timers,
    )


def retriable(command: type[Command[Event, Never]], *, timeout: float = 30.0, timers: Sequence[Timer] = ()) -> Step:
    """A step after the point of no return: it cannot be refused, and is sent again until it is done.

    Without a pivot the first retriable is the point of no return: once its command is sent nothing is undone.
    """
    return Step(
        "retriable",
        command,
        undo=None,
        ask=None,
        timeout=timeout,
        on_timeout="retry",
        no_effect=False,
        timers=timers,
    )

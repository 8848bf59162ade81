"""Compiling declared steps one by one, and the groups of those that are sent together: `parallel(flight, hotel)`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from partita.catalog.contract import Contract, contract_of
from partita.errors import DeclarationError
from partita.sagas.definition import StepSpec
from partita.sagas.each_lists import with_list
from partita.sagas.step import Step
from partita.sagas.timer import TimerSpec


def specs(declared: Sequence[Step], start: Contract) -> list[StepSpec]:
    """The compiled steps of a saga class, without the plans of their commands.

    Raises:
        DeclarationError: a group of steps that cannot be sent together, or a list of items that cannot be found.
    """
    for number, each in enumerate(declared):
        if each in declared[:number]:
            _refuse(each, f"{each.command_class.__name__} is one step under two names.", "One name for each step.")
    checked: set[int] = set()
    for each in declared:
        if each.group and id(each.group) not in checked:
            checked.add(id(each.group))
            _check_group(declared, each.group)
    found: list[StepSpec] = []
    for each in declared:
        found.append(with_list(_spec(each), each.each, found, start))
    return found


def longest_s(steps: Sequence[StepSpec]) -> float:
    """The longest time that these steps may take until each has timed out."""
    total, group_s, group = 0.0, 0.0, ""
    for spec in steps:
        if not spec.beside or spec.beside != group:
            total, group_s, group = total + group_s, 0.0, spec.beside
        group_s = max(group_s, spec.timeout_s)
    return total + group_s


def _check_group(declared: Sequence[Step], group: tuple[Step, ...]) -> None:
    if any(each not in declared for each in group):
        _refuse(group[0], "parallel names a step of another class.", "parallel(flight, hotel) in the class of both.")
    names = ", ".join(each.name for each in group)
    at = [declared.index(each) for each in group]
    if sorted(at) != list(range(min(at), max(at) + 1)):
        _refuse(
            group[0],
            f"{names} are sent together, and another step is between them.",
            "The steps of a group one below the other.",
        )
    pivots = [each.name for each in group if each.kind == "pivot"]
    if pivots:
        _refuse(
            group[0],
            f"{pivots[0]} is a pivot, and is sent together with others: it could be done while another is refused.",
            f"{pivots[0]} below the group, alone.",
        )
    if len({each.kind for each in group}) > 1:
        _refuse(group[0], f"Of {names} some can be undone and some cannot.", "Groups of one kind each.")
    replies: dict[type[Any] | None, str] = {}
    for each in group:
        reply = contract_of(each.command_class).reply
        if reply is not None and reply in replies:
            _refuse(
                each,
                f"{replies[reply]} and {each.name} are sent together and both answered by {reply.__name__}.",
                "Give one of the commands a reply of its own: the saga could not distinguish the two.",
            )
        replies[reply] = each.name


def _spec(declared: Step) -> StepSpec:
    return StepSpec(
        declared.name,
        declared.kind,
        contract_of(declared.command_class),
        contract_of(declared.undo_class) if declared.undo_class is not None else None,
        contract_of(declared.ask_class) if declared.ask_class is not None else None,
        declared.timeout_s,
        declared.on_timeout,
        declared.no_effect,
        declared.place,
        declared.hooks,
        timers=tuple(TimerSpec(timer.after_s, contract_of(timer.command_class)) for timer in declared.timers),
        beside=next((first.name for first in declared.group), ""),
    )


def _refuse(step: Step, what: str, hint: str) -> NoReturn:
    raise DeclarationError(f"{step.place}: {what}", hint=f"Write: {hint}")

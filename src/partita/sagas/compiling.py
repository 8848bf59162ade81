"""Compiling a saga class: a saga that could not be completed or undone is refused here, with the line to write."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NoReturn

from partita.catalog.contract import VERSION_MAX, Contract, contract_of
from partita.catalog.place import Place
from partita.catalog.retry import Retry
from partita.catalog.service import Service, service_of
from partita.errors import DeclarationError
from partita.sagas.answers import Answers, Asker, answers_of
from partita.sagas.definition import SagaDefinition, StepSpec
from partita.sagas.each_lists import check_uses, item_source
from partita.sagas.filling import Plan, Source, plan
from partita.sagas.items import is_of_item
from partita.sagas.listener import Listener, ListenerSpec
from partita.sagas.listener_checks import check_listeners
from partita.sagas.step import Step
from partita.sagas.step_groups import longest_s, specs
from partita.sagas.timer_checks import check_timers
from partita.settings.amount import check_count, check_seconds

FACTS = {"reason": str}
NAME = re.compile(r"\w[\w.-]{0,99}")
RESERVED = {"start", "replies"}


def compile_saga(
    cls: type[object],
    *,
    name: str,
    start: type[Any],
    service: Service,
    deadline_s: float,
    undone: type[Any] | None,
    version: int,
    place: Place,
) -> SagaDefinition:
    """The definition of a saga class.

    Raises:
        DeclarationError: the saga cannot work.
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        _refuse(place, f"{ascii(name):.80} is not valid as a saga's name.", "Letters, digits, . _ and -, 100 at most.")
    for held in service.declared.sagas:
        if (held.name, held.version) == (name, version) and held.place != place:
            _refuse(place, f"{name} version {version} is declared already at {held.place}.", f"version={version + 1}")
    check_seconds(DeclarationError, f"{place}: deadline of {name}", deadline_s)
    check_count(DeclarationError, f"{place}: version of {name}", version, most=VERSION_MAX)
    start_contract = _starting(start, name, place)
    by_command = start_contract.kind == "command"
    steps = specs([declared for declared in vars(cls).values() if isinstance(declared, Step)], start_contract)
    if not steps:
        _refuse(place, f"{name} has no steps.", "reserve = step(ReserveStock, undo=ReleaseStock)")
    _check_order(name, steps)
    for spec in steps:
        _check_step(spec, service)
    check_timers(steps, start_contract)
    pivot_index = max((i for i, s in enumerate(steps) if s.kind != "retriable"), default=-1)
    total = longest_s(steps[: pivot_index + 1])
    if deadline_s < total:
        _refuse(
            place,
            f"{name} has a deadline of {deadline_s:g} s, its steps up to the pivot may take {total:g} s.",
            f"deadline=seconds({total:g}) or more, or shorter timeouts.",
        )
    if undone is None and pivot_index >= 0 and not by_command:
        _refuse(place, f"{name} can be undone, but names no event for it.", "undone=OrderCancelled")
    compiled = tuple(_fill(spec, steps, index, start_contract) for index, spec in enumerate(steps))
    listeners = tuple(_heard(each) for each in vars(cls).values() if isinstance(each, Listener))
    check_listeners(listeners, steps, start_contract, pivot_index)
    # A saga of retriables only is never undone, so it needs no event.
    undone_contract = contract_of(undone) if undone is not None and pivot_index >= 0 and not by_command else None
    undone_plan = None
    if undone_contract is not None:
        sources, hint = [Source.of("start", start_contract)], "Give the field a default, or drop it."
        undone_plan = plan(undone_contract, sources, FACTS, str(place), hint)
    answers = _answers(Asker(cls, name, start_contract, place), compiled, undone, pivot_index) if by_command else None
    return SagaDefinition(
        cls,
        name,
        version,
        service,
        start_contract,
        compiled,
        deadline_s,
        undone_contract,
        undone_plan,
        place,
        _facts(compiled, undone_plan, answers),
        _attributes(cls, place),
        pivot_index,
        listeners,
        answers=answers,
    )


def _starting(start: type[Any], name: str, place: Place) -> Contract:
    contract = contract_of(start)
    if contract.kind not in ("event", "command") or contract.key_field is None:
        _refuse(place, f"{name} starts with {start.__name__}, which has no key.", "order_id: Key[OrderId]")
    return contract


def _answers(asker: Asker, steps: Sequence[StepSpec], undone: type[Any] | None, pivot_index: int) -> Answers:
    replies = [_reply_source(spec) for spec in reversed(steps)]
    return answers_of(asker, replies, undone, undoable=pivot_index >= 0)


def _heard(declared: Listener) -> ListenerSpec:
    event = contract_of(declared.event_class)
    return ListenerSpec(declared.name, event, declared.cancels, declared.place, declared.function)


def _check_order(name: str, steps: Sequence[StepSpec]) -> None:
    pivots = [s for s in steps if s.kind == "pivot"]
    if len(pivots) > 1:
        _refuse(
            pivots[1].place,
            f"{name} has two pivots, {pivots[0].name} and {pivots[1].name}.",
            f"There is one point of no return; make {pivots[0].name} a step(..., undo=...).",
        )
    last: StepSpec | None = None  # the pivot, or the first retriable: no step behind it can be undone
    for spec in steps:
        if last is not None and spec.kind == "step":
            where = "the pivot" if last.kind == "pivot" else f"{last.name}, which cannot be undone once it is sent"
            _refuse(
                spec.place,
                f"{spec.name} can be undone, but comes after {where}.",
                f"{spec.name} = retriable({spec.command.name}), or move it before {last.name}.",
            )
        if spec.kind == "retriable" and last is None and pivots:
            _refuse(
                spec.place,
                f"{spec.name} is retriable, but comes before the pivot.",
                f"Move it after the pivot, or write {spec.name} = step({spec.command.name}, undo=...).",
            )
        last = last or (spec if spec.kind != "step" else None)


def _check_step(spec: StepSpec, service: Service) -> None:
    where, command = spec.place, spec.command
    if command.kind != "command":
        _refuse(
            where, f"{spec.name} names {command.name}, which is not a command.", f"{spec.name} = step(SomeCommand, ...)"
        )
    for sent in (command, spec.undo, spec.ask):
        if sent is not None and sent.key_field is None:
            _refuse(
                sent.place,
                f"{sent.name} is sent by a saga and has no key.",
                "order_id: Key[OrderId]",
            )
    if spec.kind == "step" and spec.undo is None and not spec.no_effect:
        _refuse(
            where,
            f"{spec.name} comes before the pivot and cannot be undone.",
            f"{spec.name} = step({command.name}, undo=Undo{command.name}), or no_effect=True if it changes nothing.",
        )
    if spec.kind == "pivot" and spec.undo is None:
        _refuse(
            where,
            f"{spec.name} may time out with an unknown outcome, and no undo is declared for it: the steps before it would be "
            "undone, and it might still take effect.",
            f"{spec.name} = pivot({command.name}, undo=Undo{command.name})"
            if command.refusals
            else f"{spec.name} = retriable({command.name}): it cannot be refused, so it is sent until it is done. "
            f"Or {spec.name} = pivot({command.name}, undo=Undo{command.name}).",
        )
    if spec.undo is not None and spec.undo.refusals:
        names = ", ".join(r.__name__ for r in spec.undo.refusals)
        _refuse(
            where,
            f"{spec.undo.name} undoes {spec.name} and can be refused ({names}).",
            f"class {spec.undo.name}(Command[{_name(spec.undo.reply)}], of=...): an undo cannot be refused.",
        )
    if spec.kind == "retriable" and command.refusals:
        names = ", ".join(r.__name__ for r in command.refusals)
        _refuse(
            where,
            f"{spec.name} comes after the pivot and can be refused ({names}).",
            f"class {command.name}(Command[{_name(command.reply)}], of=...), or move the step before the pivot.",
        )
    if spec.on_timeout == "ask" and spec.ask is None:
        _refuse(where, f"{spec.name} asks on timeout, but has no question.", 'on_timeout="ask", ask=AskSomething')
    if spec.ask is not None and spec.ask.reply is not command.reply:
        _refuse(
            where,
            f"{spec.ask.name} is answered by {_name(spec.ask.reply)}, {command.name} by {_name(command.reply)}.",
            f"class {spec.ask.name}(Command[{_name(command.reply)}, NotDone], of=...)",
        )
    _check_replies(spec)
    _check_timeout(spec)


def _check_replies(spec: StepSpec) -> None:
    """Check that each reply differs from every other: a participant in another language echoes no step."""
    if spec.undo is not None and spec.undo.reply is spec.command.reply:
        _refuse(
            spec.place,
            f"{spec.command.name} and its undo {spec.undo.name} are both answered by {_name(spec.command.reply)}.",
            "Give the undo a reply of its own: the saga could not distinguish the two.",
        )
    for command in (spec.command, spec.undo):
        if command is not None and command.reply is not None:
            owner = contract_of(command.reply).service
            if owner is not command.service:
                _refuse(
                    spec.place,
                    f"{command.name} is answered by {_name(command.reply)} of {owner.name}: no step handles that reply.",
                    f"A reply is an event of the service that handles the command: of={command.service.name}.",
                )


def _check_timeout(spec: StepSpec) -> None:
    horizon = retry_horizon_s(service_of(spec.command).retry_for(spec.command))
    if spec.timeout_s < horizon:
        _refuse(
            spec.place,
            f"{spec.name} times out after {spec.timeout_s:g} s, {spec.command.service.name} retries in place for "
            f"{horizon:.3g} s.",
            f"timeout=seconds({horizon:.3g}) or more.",
        )


def retry_horizon_s(retry: Retry) -> float:
    """The longest time in which a participant may retry in place, in seconds."""
    waits = (min(retry.wait_s_max, retry.first_wait_s * 2**n) for n in range(retry.in_place))
    total: float = sum(waits)
    return total * (1 + retry.jitter)


def _facts(steps: Sequence[StepSpec], undone_plan: Plan | None, answers: Answers | None) -> frozenset[str]:
    """The facts that any plan uses."""
    plans = [undone_plan, *(answers.plans if answers is not None else ())]
    for spec in steps:
        plans += [spec.plan, spec.undo_plan, spec.ask_plan, *(timer.plan for timer in spec.timers)]
    found = {fact for each in plans if each is not None for _, fact in each.fills if not is_of_item(fact)}
    return frozenset(found | {spec.each.fact for spec in steps if spec.each is not None})


def _fill(spec: StepSpec, steps: Sequence[StepSpec], index: int, start: Contract) -> StepSpec:
    """The plans of a step's commands: from the start event first, then the replies, the newest first."""
    earlier = [Source.of("start", start)]
    first = index  # the replies of steps beside it may come later
    while first and spec.beside and steps[first - 1].beside == spec.beside:
        first -= 1
    earlier += [_reply_source(s) for s in reversed(steps[:first]) if s.command.reply is not None]
    own = replace(_reply_source(spec), certain=False, times="")
    where = str(spec.place)

    def planned(contract: Contract | None, sources: Sequence[Source], hook: str) -> Plan | None:
        if contract is None or hook in spec.hooks:
            return None
        decorator = {"undo": "undo_command", "command": "command", "ask": "command"}.get(
            hook, f"timer({contract.name})"
        )
        arguments = "self" if spec.each is None else "self, item, reply" if hook == "undo" else "self, item"
        lines = f"@{spec.name}.{decorator} above def _({arguments}) -> {contract.name}: ..."
        if spec.each is None:
            return plan(contract, sources, {}, where, lines)
        sources = [item_source(spec, contract, sources, lines), *sources]
        found = plan(contract, sources, {}, where, lines)
        return check_uses(spec, found, lines, hook)

    return replace(
        spec,
        plan=planned(spec.command, earlier, "command"),
        undo_plan=planned(spec.undo, [*earlier, own], "undo"),
        ask_plan=planned(spec.ask, earlier, "ask"),
        timers=tuple(replace(timer, plan=planned(timer.command, earlier, timer.hook)) for timer in spec.timers),
    )


def _reply_source(spec: StepSpec) -> Source:
    assert spec.command.reply is not None
    times = spec.each.label if spec.each is not None else ""
    return Source.of(spec.name, contract_of(spec.command.reply), times=times)


def _attributes(cls: type[object], place: Place) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in cls.__dict__.get("__annotations__", {}):
        if name in RESERVED:
            _refuse(place, f"{cls.__name__}.{name} is a name of Saga itself.", "Choose another name.")
        if not hasattr(cls, name):
            _refuse(place, f"{cls.__name__}.{name} has no default.", f"{name}: ... = ...")
        found[name] = getattr(cls, name)
    for name in sorted(RESERVED & {k for k, v in vars(cls).items() if isinstance(v, Step | Listener)}):
        _refuse(place, f"{type(vars(cls)[name]).__name__} {name} has a name of Saga itself.", "Choose another name.")
    return found


def _name(cls: type[Any] | None) -> str:
    return cls.__name__ if cls is not None else "nothing"


def _refuse(place: Place, what: str, hint: str) -> NoReturn:
    raise DeclarationError(f"{place}: {what}", hint=f"Write: {hint}")

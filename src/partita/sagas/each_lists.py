"""The lists of declared `each` steps: finding them, and refusing those that could not be sent item by item."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, NoReturn, get_args, get_origin, get_type_hints

from partita.catalog.contract import Contract, contract_of
from partita.errors import DeclarationError
from partita.sagas.definition import StepSpec
from partita.sagas.filling import Plan, Source, fits
from partita.sagas.items import ITEM, Each, Items, is_of_item
from partita.schemas.fields.annotation import bare, union_members
from partita.schemas.fields.field import fields_of

PARAMETERS = {"command": "item", "undo": "item, reply", "then": "item, reply", "refused": "item, refusal"}


def with_list(spec: StepSpec, declared: Each | None, earlier: Sequence[StepSpec], start: Contract) -> StepSpec:
    """A step with its list found among the start event and the replies of earlier steps.

    Raises:
        DeclarationError: there is no such list, or several.
    """
    if declared is None:
        return spec
    source, _, name = declared.items.rpartition(".")
    found: list[tuple[Items, Contract]] = []
    near: list[str] = []
    for whose, contract, times in _sources(earlier, start):
        if source not in ("", whose) or name not in contract.hints:
            continue
        kind = _item_type(contract.hints[name])
        if times:
            near.append(f"{contract.name} comes once for each of {times}")
        elif kind is None:
            near.append(f"{contract.name}.{name} is {_shown(contract.hints[name])}, no list[T] or tuple[T, ...]")
        elif not _is_plain(kind) and Items("", "", "", kind, 1).struct is None:
            near.append(f"the items of {contract.name}.{name} are {_shown(kind)}, neither a Struct nor plain values")
        else:
            wire = next(field.wire_name for field in fields_of(contract.shape.struct) if field.name == name)
            found.append((Items(whose, name, wire, kind, declared.at_most), contract))
    if not found:
        looked = ", ".join(dict.fromkeys(contract.name for _, contract, _ in _sources(earlier, start)))
        _refuse(
            spec,
            f"{spec.name} is sent for each of {declared.items}, and there is no such list before it "
            f"(looked in {looked}{'; ' + '; '.join(near) if near else ''}).",
            f'lines: list[Line] in {start.name}, and each("lines", ...).',
        )
    if len(found) > 1:
        names = [f"{items.source}.{items.field}" for items, _ in found]
        both = ", ".join(f"{contract.name}.{items.field}" for items, contract in found)
        _refuse(
            spec,
            f"{spec.name} is sent for each of {declared.items}, and several lists have that name: {both}.",
            " or ".join(f'each("{each}", ...)' for each in names) + ".",
        )
    _check_hooks(spec)
    return replace(spec, each=found[0][0])


def item_source(spec: StepSpec, contract: Contract, others: Sequence[Source], line: str) -> Source:
    """The source of an item's values for a command. The fields of a Struct fill by name and type; a plain value fills the only
    field of its type that nothing else fills.

    Raises:
        DeclarationError: a plain value fits no field, or several.
    """
    items = spec.each
    assert items is not None
    if items.struct is not None:
        return Source(ITEM, items.struct.__name__, get_type_hints(items.struct, include_extras=True))
    free = {
        name: hint
        for name, hint in contract.hints.items()
        if not any(name in other.hints and fits(hint, other.hints[name]) for other in others)
    }
    same = [name for name, hint in free.items() if _stripped(hint) == _stripped(items.type)]
    fitting = same or [name for name, hint in free.items() if fits(hint, items.type)]
    if len(fitting) > 1:
        _refuse(
            spec,
            f"An item of {items.label} is {_shown(items.type)}, and fits {' and '.join(fitting)} of {contract.name}.",
            line,
        )
    return Source(ITEM, f"item of {items.label}", dict.fromkeys(fitting, items.type))


def check_uses(spec: StepSpec, plan: Plan, line: str, hook: str) -> Plan:
    """A plan that fills something from the item. An undo may use the reply of its own step instead; a reminder may concern all
    items.

    Raises:
        DeclarationError: the command would be the same for every item.
    """
    items = spec.each
    assert items is not None
    used = [fact for _, fact in plan.fills if is_of_item(fact) or (hook == "undo" and fact.startswith(f"{spec.name}."))]
    if not used and hook in ("command", "undo", "ask"):
        _refuse(
            spec,
            f"{spec.name} is sent for each of {items.label}, and no field of {plan.contract.name} is filled from an item: all "
            "would be equal.",
            line,
        )
    if items.struct is not None:
        return plan
    return replace(plan, fills=tuple((wire, f"{ITEM}." if is_of_item(fact) else fact) for wire, fact in plan.fills))


def _sources(earlier: Sequence[StepSpec], start: Contract) -> Iterator[tuple[str, Contract, str]]:
    yield "start", start, ""
    for spec in reversed(earlier):
        if spec.command.reply is not None:
            yield spec.name, contract_of(spec.command.reply), spec.each.label if spec.each is not None else ""


def _item_type(annotation: Any) -> Any:
    """The type of a list's items; None for another type. A list may be absent: it has no items then."""
    members = [each for each in union_members(annotation) if each is not type(None)]
    kind = bare(members[0]) if len(members) == 1 else None
    if get_origin(kind) is list:
        return get_args(kind)[0]
    if get_origin(kind) is tuple and get_args(kind)[1:] == (Ellipsis,):
        return get_args(kind)[0]
    return None


def _is_plain(annotation: Any) -> bool:
    kind = bare(annotation)
    return isinstance(kind, type) and get_origin(kind) is None or get_origin(kind) is Literal


def _check_hooks(spec: StepSpec) -> None:
    for name, hook in spec.hooks.items():
        wanted = PARAMETERS.get(name, "item")
        try:
            inspect.signature(hook).bind(*range(1 + len(wanted.split(", "))))
        except TypeError:
            _refuse(
                spec,
                f"The hook {name} of {spec.name} takes other arguments than its item.",
                f"def _(self, {wanted}): a hook of a step for each item gets that item.",
            )


def _stripped(annotation: Any) -> Any:
    """An annotation without notes: two new names of one type differ."""
    while hasattr(annotation, "__metadata__"):
        annotation = get_args(annotation)[0]
    return annotation


def _shown(annotation: Any) -> str:
    plain: Mapping[str, Any] = getattr(annotation, "__dict__", {})
    return str(
        plain.get("__name__", getattr(annotation, "__name__", annotation)) if not get_args(annotation) else annotation
    )


def _refuse(step: StepSpec, what: str, hint: str) -> NoReturn:
    raise DeclarationError(f"{step.place}: {what}", hint=f"Write: {hint}")

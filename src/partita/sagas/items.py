"""Items: the values of a list for each of which a saga sends one step, and the commands that are filled from one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from partita.sagas.filling import Plan, plain
from partita.schemas.fields.annotation import bare
from partita.schemas.fields.field import fields_of

ITEM = "*"
"""The source of facts that are an item's own values; no step has this name."""


@dataclass(frozen=True, slots=True)
class Each:
    """The declared list of a step: a field of the start event or of a reply."""

    items: str
    at_most: int


@dataclass(frozen=True, slots=True)
class Items:
    """The compiled list of a step. The state of an instance keeps it once, as a fact of its message, so that an upcaster of
    that message changes it too."""

    source: str  # "start", or the step whose reply has the list
    field: str
    wire: str  # the field's name on the wire: another name in Python is no other list
    type: Any  # the annotation of one item
    at_most: int

    @property
    def fact(self) -> str:
        """The name of the list among the facts of a state."""
        return f"{self.source}.{self.field}"

    @property
    def label(self) -> str:
        """The list's name for people: without the start event's."""
        return self.field if self.source == "start" else self.fact

    @property
    def struct(self) -> type[msgspec.Struct] | None:
        """The class of an item that has fields."""
        kind = bare(self.type)
        return kind if isinstance(kind, type) and issubclass(kind, msgspec.Struct) else None

    def count(self, facts: Mapping[str, Any]) -> int:
        """The number of items. An absent list has none."""
        return len(facts.get(self.fact) or ())

    def item(self, facts: Mapping[str, Any], number: int) -> Any:
        """One item, as declared now.

        Raises:
            msgspec.ValidationError: the kept value no longer fits the item's type.
        """
        return msgspec.convert(self.renamed(facts[self.fact][number]), self.type)

    def renamed(self, kept: Any) -> Any:
        """A kept item under the present names of its fields: an instance may have kept it under earlier ones."""
        if self.struct is None or not isinstance(kept, dict):
            return kept
        values = dict(kept)
        for field in fields_of(self.struct):
            for earlier in field.aliases:
                if field.wire_name not in values and earlier in values:
                    values[field.wire_name] = values.pop(earlier)
        return values


@dataclass(frozen=True, slots=True)
class ItemPlan(Plan):
    """The way a message is filled for one item: first the item's values, as (field on the wire, field of the item; empty = the
    item itself)."""

    items: Items
    number: int
    from_item: tuple[tuple[str, str], ...]

    def make(self, facts: Mapping[str, Any]) -> Any:
        """The message, filled."""
        item = self.items.item(facts, self.number)
        values = {wire: facts[fact] for wire, fact in self.fills if fact in facts}
        values |= {wire: plain(getattr(item, name) if name else item) for wire, name in self.from_item}
        return msgspec.convert(values, self.contract.cls)


def of_item(plan: Plan | None, items: Items, step: str, number: int) -> Plan | None:
    """The plan of a step for one item of its list. `step`: the step's declared name, under which its own reply is found."""
    if plan is None:
        return None
    own = {fact: fact for _, fact in plan.fills} | {
        fact: f"{step}/{number}.{fact.partition('.')[2]}" for _, fact in plan.fills if fact.startswith(f"{step}.")
    }
    return ItemPlan(
        plan.contract,
        tuple((wire, own[fact]) for wire, fact in plan.fills if not is_of_item(fact)),
        frozenset(own[fact] for fact in plan.needed if not is_of_item(fact)),
        items,
        number,
        tuple((wire, fact.partition(".")[2]) for wire, fact in plan.fills if is_of_item(fact)),
    )


def is_of_item(fact: str) -> bool:
    """Whether a fact is a value of an item."""
    return fact.startswith(f"{ITEM}.")

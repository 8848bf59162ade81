"""An app is held to the rules of a brief: the shop passes, and contradictions planted in its code or beside it are found."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from tests.unit.design.conftest import Changed

from partita.design.checking.rules import check
from partita.design.derived.beside import read_beside
from partita.design.derived.of_app import design_of
from partita.design.model.finding import Finding

FACTS = (Path(__file__).parents[4] / "docs/designs/shop.yaml").read_text(encoding="utf-8")
LAST_EVENT = '''

class OrderArchived(Event, of=orders):
    """The order is out of reach."""

    order_id: Key[OrderId]
'''
# (the contradiction, its file, the old text, the new text, the rule, the part with the fault)
IN_CODE = [
    ("an event that no service hears", "messages.py", "", LAST_EVENT, "orphan-event", "OrderArchived"),
    (
        "steps that take longer than the saga",
        "checkout.py",
        "deadline=minutes(15)",
        "deadline=seconds(100)",
        "deadline-shorter-than-steps",
        "Checkout",
    ),
    (
        "marks that are gone before an effect is settled",
        "services.py",
        '    team="checkout",\n',
        '    team="checkout",\n    window_s=3_600.0,\n',
        "window-not-kept",
        "order_id",
    ),
]
# (the contradiction, the old text, the new text, the rule, the part with the fault)
BESIDE = [
    ("a bound tighter than the polling", "max: 5s", "max: 500ms", "staleness-tighter-than-polling", "revenue"),
    ("a bound on no read model", "read: revenue,", "read: profit,", "unknown-read-model", "profit"),
    ("a key of no event", "key: order_id, window", "key: cart_id, window", "unknown-key", "cart_id"),
    ("an audit of rows", "kind: outbox}", "kind: audit, keep: 10y}", "audit-without-history", "audit"),
    (
        "an invariant of no aggregate",
        "across: [Order, StockItem]",
        "across: [Order, Cart]",
        "unknown-aggregate",
        "Cart",
    ),
]


def findings(app: object, facts: str) -> tuple[Finding, ...]:
    return check(design_of(app, "shop", read_beside(facts, "docs/designs/shop.yaml"))).to_mend  # type: ignore[arg-type]


def the_shop() -> object:
    return importlib.import_module("partita.examples.shop.app").app


def test_the_shop_has_no_finding() -> None:
    """Its refusals travel under the keys of their commands, and a command without a refusal is never refused."""
    assert findings(the_shop(), FACTS) == ()


@pytest.mark.parametrize(("_", "file", "old", "new", "rule", "at"), IN_CODE, ids=[each[0] for each in IN_CODE])
def test_a_contradiction_in_the_code_is_found(
    _: str, file: str, old: str, new: str, rule: str, at: str, changed: Changed
) -> None:
    assert [(each.rule, each.at) for each in findings(changed(file, old, new), FACTS)] == [(rule, at)]


@pytest.mark.parametrize(("_", "old", "new", "rule", "at"), BESIDE, ids=[each[0] for each in BESIDE])
def test_a_contradiction_beside_the_code_is_found(_: str, old: str, new: str, rule: str, at: str) -> None:
    """The facts are of the same form as a brief's, and contradict the code in the same ways."""
    assert old in FACTS
    found = [(each.rule, each.at) for each in findings(the_shop(), FACTS.replace(old, new))]
    assert found == [(rule, at)]

"""Each change of a design is said in the section that it alters, with the services that it hurts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from partita.design.derived.beside import NOTHING
from partita.design.derived.of_app import design_of
from partita.design.drift.change import Change
from partita.design.drift.comparing import changes
from partita.design.drift.telling import as_comment, as_text
from partita.design.model.choreography import Reaction
from partita.design.model.design import Design
from partita.design.model.message import EventDesign
from partita.design.model.origin import Fact, Origin
from partita.design.model.saga import SagaDesign, StepDesign
from partita.examples.shop.app import app

SAID = Origin("declared", "shop/app.py")
SHOP = design_of(app, "shop.app:app", NOTHING)


def _event(name: str, /, **other: object) -> Design:
    events = tuple(replace(e, **other) if e.name == name else e for e in SHOP.events)  # type: ignore[arg-type]  # by name
    return replace(SHOP, events=events)


def _step(do: str, **other: object) -> Design:
    def of(saga: SagaDesign) -> SagaDesign:
        return replace(saga, steps=tuple(_with(step) for step in saga.steps))

    def _with(step: StepDesign) -> StepDesign:
        return replace(step, **other) if step.do == do else step  # type: ignore[arg-type]  # by name

    return replace(SHOP, sagas=tuple(of(saga) for saga in SHOP.sagas))


def _hears(event: str, who: str) -> Design:
    first = SHOP.choreographies[0]
    heard = Reaction((event,), who, "look for fraud", SAID)
    return replace(SHOP, choreographies=(*SHOP.choreographies[1:], replace(first, reactions=(*first.reactions, heard))))


def _without_field(event: EventDesign, name: str) -> Design:
    return _event(event.name, fields=tuple(field for field in event.fields if field.name != name))


CASES: list[tuple[str, Callable[[], Design], int, str, tuple[str, ...]]] = [
    (
        "an event is renamed",
        lambda: _event("PaymentDisputed", name="ChargeDisputed"),
        1,
        "Event PaymentDisputed is called ChargeDisputed now.",
        ("order-service",),
    ),
    (
        "an event is gone",
        lambda: replace(SHOP, events=tuple(e for e in SHOP.events if e.name != "CustomerNotified")),
        1,
        "Event CustomerNotified of notification-service is gone.",
        ("order-service",),
    ),
    (
        "a key is moved",
        lambda: _event("OrderConfirmed", key="customer_id"),
        6,
        "OrderConfirmed is keyed by customer_id, and was by order_id.",
        ("inventory-service", "analytics", "notification-service", "order-service"),
    ),
    (
        "a field is gone",
        lambda: _without_field(SHOP.event("OrderConfirmed"), "country"),
        2,
        "OrderConfirmed.country is gone.",
        ("inventory-service", "analytics", "notification-service", "order-service"),
    ),
    (
        "an undo is dropped",
        lambda: _step("ReserveStock", undo="", undone=""),
        4,
        "Checkout, ReserveStock: it has no undo any more, and had ReleaseStock.",
        ("inventory-service",),
    ),
    (
        "a consumer is new",
        lambda: _hears("OrderPlaced", "analytics"),
        3,
        "analytics hears OrderPlaced now: look for fraud.",
        (),
    ),
    (
        "a timeout is wider",
        lambda: _step("ReserveStock", timeout=Fact(300.0, SAID)),
        4,
        "Checkout, ReserveStock: its timeout is 5 min, and was 30 s.",
        (),
    ),
    (
        "a timeout is handled in another way",
        lambda: _step("ChargePayment", on_timeout=Fact("retry", SAID)),
        4,
        "Checkout, ChargePayment: after a timeout it will retry, and did undo.",
        ("order-service",),
    ),
    (
        "a step is a pivot",
        lambda: _step("ReserveStock", kind="pivot"),
        4,
        "Checkout, ReserveStock: it is a pivot, and was a step.",
        ("order-service", "inventory-service", "payment-service"),
    ),
    (
        "the window is shorter",
        lambda: replace(SHOP, failure=replace(SHOP.failure, window=Fact(3_600.0, SAID))),
        11,
        "Consumers know their messages for 1 h, and did for 24 h.",
        (),
    ),
    (
        "a retry topic is gone",
        lambda: replace(SHOP, failure=replace(SHOP.failure, retry_topics=Fact((60.0, 300.0), SAID))),
        10,
        "The retry topics are 1 min, 5 min, and were 1 min, 5 min, 30 min.",
        (),
    ),
    (
        "there are more partitions",
        lambda: replace(SHOP, bus=replace(SHOP.bus, partitions=Fact(12, SAID))),
        6,
        "Topics have 12 partitions, and had 4.",
        ("order-service", "inventory-service", "payment-service", "notification-service", "analytics"),
    ),
    (
        "a promise of schemas is weaker",
        lambda: replace(SHOP, compatibility=Fact("NONE", SAID)),
        2,
        f"The schemas promise NONE, and promised {SHOP.compatibility.value}.",
        (),
    ),
    (
        "a saga is gone",
        lambda: replace(SHOP, sagas=tuple(s for s in SHOP.sagas if s.name != "ReturnItems")),
        4,
        "Saga ReturnItems of order-service is gone.",
        ("order-service", "inventory-service", "payment-service"),
    ),
]


@pytest.mark.parametrize(("_", "changed", "section", "what", "hurt"), CASES, ids=[case[0] for case in CASES])
def test_a_change_is_found(
    _: str, changed: Callable[[], Design], section: int, what: str, hurt: tuple[str, ...]
) -> None:
    found = {change.what: change for change in changes(SHOP, changed())}

    assert what in found, "\n".join(found)
    change = found[what]
    assert change.section == section
    assert sorted(change.hurt) == sorted(hurt)
    assert bool(change.hurt) <= bool(change.harm)


def test_the_same_design_has_no_change_wherever_it_was_declared() -> None:
    elsewhere = replace(SHOP, events=tuple(replace(e, origin=Origin("declared", "other.py")) for e in SHOP.events))

    assert changes(SHOP, elsewhere) == ()


def test_a_change_and_its_reverse_are_both_found() -> None:
    changed = _step("ReserveStock", undo="", undone="")

    assert [c.what for c in changes(changed, SHOP)] == [
        "Checkout, ReserveStock: its undo is ReleaseStock, and was none."
    ]


def test_a_terminal_gets_sections_with_the_harm_first() -> None:
    lines = list(as_text(changes(SHOP, _event("OrderConfirmed", key="customer_id"))))

    assert lines[0] == "6 Topics"
    assert lines[1] == "  ! OrderConfirmed is keyed by customer_id, and was by order_id."
    assert lines[2].strip().startswith("Order breaks")
    assert lines[3].strip().startswith("hurt: ")


def test_a_comment_is_inert() -> None:
    hostile = Change(
        section=3, what="The reason is <img src=x onerror=alert(1)> [x](javascript:1)\n# title", hurt=("a`b",)
    )
    text = "\n".join(as_comment([hostile]))

    assert "<img" not in text
    assert "[x](" not in text
    assert "\n# title" not in text
    assert "`a'b`" in text

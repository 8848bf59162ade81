"""The decision table has a row for each saga and each event that services react to, its criteria derived and its reason declared."""

from __future__ import annotations

from tests.unit.flow.cafe import cafe
from tests.unit.flow.test_checking import in_a_row

from partita import App, Command, Event, Key, Saga, Service, minutes, retriable
from partita.examples.shop.app import app as shop
from partita.flow.decision import decisions, table_of
from partita.flow.flow_map import flow_map


def test_a_saga_and_the_events_after_it_are_decisions_of_its_flow() -> None:
    rows = decisions(flow_map(cafe().catalog))
    assert [(each.flow, each.part, each.choice) for each in rows] == [
        ("OrderTea", "ServeOrder", "orchestration"),
        ("OrderTea", "TeaServed", "choreography"),
        ("OrderTea", "TeaCancelled", "choreography"),
    ]
    assert rows[0].reasons == (("till", "tea is paid for"),)
    assert rows[1].reasons == (("board", "no guest waits for the board"),)


def test_the_criteria_of_the_checkout_are_those_of_its_declaration() -> None:
    row = next(each for each in decisions(flow_map(shop.catalog)) if each.part == "Checkout")
    assert dict(table_of(row)) == {
        "money moves": "yes: ChargePayment.total_cents",
        "order of undo matters": "yes: RefundPayment, then ReleaseStock",
        "more than two services": "yes: inventory-service, payment-service and order-service",
        "a deadline": "yes: 15 min",
        "a human decides": "no",
        "must know the outcome": "analytics, inventory-service, notification-service and order-service",
    }
    assert row.criteria.speak_for == "orchestration"


def test_each_part_of_the_shop_says_why() -> None:
    """The reasons are in the code, where a reader of the code finds them too."""
    assert [each.unsaid for each in decisions(flow_map(shop.catalog)) if each.unsaid] == []


def test_each_part_of_the_shop_is_as_its_criteria_say() -> None:
    assert [each.part for each in decisions(flow_map(shop.catalog)) if each.criteria.speak_for != each.choice] == []


def test_a_row_of_services_that_money_goes_through_should_be_a_saga() -> None:
    """The table and the check of hidden sagas have one opinion."""
    row = next(each for each in decisions(flow_map(in_a_row(money=True).catalog)) if each.part == "Ordered")
    assert row.criteria.services == ("order", "stock", "delivery")
    assert (row.choice, row.criteria.speak_for) == ("choreography", "orchestration")
    assert len(row.unsaid) == 1 and "pick of stock" in row.unsaid[0]


def test_a_person_who_decides_is_declared_by_the_message() -> None:
    claims = Service("claims", namespace="t.claims")

    class Filed(Event, of=claims):
        id: Key[str]

    class Decided(Event, of=claims):
        id: Key[str]

    class Decide(Command[Decided], of=claims, concerns=("human", "money")):
        id: Key[str]

    class Handle(Saga, start=Filed, deadline=minutes(9), of=claims):
        decide = retriable(Decide)

    @claims.handles(Decide)
    async def decide(cmd: Decide) -> Decided:
        return Decided(id=cmd.id)

    (row,) = decisions(flow_map(App(claims).catalog))
    assert (row.criteria.human, row.criteria.money) == ("Decide", "Decide")
    assert row.unsaid == ('class Handle(Saga, ..., why="the reason")',)

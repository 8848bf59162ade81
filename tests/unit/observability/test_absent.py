"""A service that is missing in `App(...)`: its messages arrive nowhere, and the app starts without an error."""

from __future__ import annotations

from click.testing import CliRunner

from partita import App, Command, Event, Key, Saga, Service, minutes, retriable
from partita.cli.describe import describe
from partita.observability.doctor.absent import check_absent

orders = Service("orders", namespace="absent.order")
cards = Service("card-service", namespace="absent.card")
abroad = Service("abroad", namespace="absent.abroad")


class Placed(Event, of=orders):
    order_id: Key[str]


class Charged(Event, of=cards):
    order_id: Key[str]


class Arrived(Event, of=abroad):
    order_id: Key[str]


class Charge(Command[Charged], of=cards):
    order_id: Key[str]


class Checkout(Saga, start=Placed, deadline=minutes(15), of=orders):
    charge = retriable(Charge)


@cards.handles(Charge)
async def charge(cmd: Charge) -> Charged:
    return Charged(order_id=cmd.order_id)


@orders.on
async def note(event: Charged | Arrived) -> None:
    """Nothing is done: it is about the subscription."""


app = App(orders)


def test_a_service_that_is_missing_in_the_app_is_a_finding_with_the_line_to_write() -> None:
    """The saga waited for its answer until the deadline, and doctor and describe found nothing."""
    (finding,) = check_absent(app)
    assert finding.level == "bad" and finding.what == "card-service"
    assert "Checkout sends Charge; note of orders takes Charged" in finding.found
    assert "App(..., card_service)" in finding.fix and f"{__file__.rpartition('/')[2]}:" in finding.fix
    assert check_absent(App(orders, cards)) == []


def test_a_service_of_another_app_is_declared_by_its_messages_alone() -> None:
    """Its handlers are declared where it runs; that is no mistake here."""
    (mine, theirs) = app.catalog.absent()
    assert (mine.service, mine.has_handlers, theirs.service, theirs.has_handlers) == (cards, True, abroad, False)


def test_describe_names_the_services_that_are_missing() -> None:
    """The first command that a newcomer asks."""
    said = CliRunner().invoke(describe, ["--app", f"{__name__}:app"]).output
    assert "card-service: its handlers never run: it is missing in App(...); Checkout sends Charge" in said
    assert "abroad: a service of another app; note of orders takes Arrived" in said

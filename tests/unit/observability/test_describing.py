"""An app is described as it is declared, and a name that is not there is answered with those that are."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from partita.cli.describe import describe
from partita.errors import NotFound
from partita.examples.shop.app import app
from partita.observability.catalog.entry import entry_named
from partita.observability.describing import (
    describe_app,
    describe_service,
    saga_named,
)


def test_an_app_is_its_services_and_sagas() -> None:
    found = describe_app(app)
    assert [each.name for each in found.services] == [service.name for service in app.services]
    assert sum(each.sagas for each in found.services) == len(found.sagas) > 0


def test_what_a_service_handles_is_owned_by_one() -> None:
    """Each handled message is described, and names the service among its consumers."""
    for line in describe_app(app).services:
        found = describe_service(app, line.name)
        assert len(found.owns) == line.messages and len(found.handles) == line.handles
        for handled in found.handles:
            if not handled.message.startswith("Fault["):  # made of the message that it is about
                assert line.name in [each.service for each in entry_named(app, handled.message).consumers]


def test_a_message_is_found_by_its_class_and_on_the_wire() -> None:
    found = entry_named(app, "OrderPlaced")
    assert entry_named(app, found.wire_name) == entry_named(app, found.type) == entry_named(app, "orderPLACED") == found
    assert found.key == "orderId" and found.kind == "event"
    assert all(field.type and field.since >= 1 for field in found.fields)


@pytest.mark.parametrize(
    ("ask", "hint"),
    [
        (lambda: describe_service(app, "nothing"), "order"),
        (lambda: entry_named(app, "OrderPlacd"), "Did you mean OrderPlaced?"),
        (lambda: entry_named(app, "zzz"), "The messages are:"),
        (lambda: saga_named(app, "nothing"), "The sagas are: Checkout"),
    ],
    ids=["service", "near message", "message", "saga"],
)
def test_an_absent_name_is_answered_with_those_there_are(ask: object, hint: str) -> None:
    with pytest.raises(NotFound) as raised:
        ask()  # type: ignore[operator]
    assert hint in raised.value.hint


def test_a_saga_is_described_as_json_where_that_is_asked() -> None:
    """A program read a drawing in its place."""
    words = ["saga", "Checkout", "-o", "json", "--app", "partita.examples.shop.app:app"]
    said = json.loads(CliRunner().invoke(describe, words).output)
    assert (said["kind"], said["name"], said["service"]) == ("SagaDefinition", "Checkout", "order-service")
    definition = saga_named(app, "Checkout")
    assert [(each["name"], each["timeout_s"]) for each in said["steps"]] == [
        (spec.name, spec.timeout_s) for spec in definition.steps
    ]
    assert said["steps"][0]["undo"] == definition.steps[0].undo.full_name  # type: ignore[union-attr]  # it has one

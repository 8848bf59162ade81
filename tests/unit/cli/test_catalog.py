"""`partita catalog` prints what a stranger reads, and the same as JSON; `describe event` has the same page."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner
from tests.unit.observability.catalog.test_lint import commanded, fields

from partita.cli.main import cli

SHOP = "partita.examples.shop.app:app"


def run(*words: str) -> str:
    done = CliRunner().invoke(cli, [*words, "--app", SHOP], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def as_json(*words: str) -> Any:
    return json.loads(run(*words, "-o", "json"))


def test_the_list_is_by_owner_with_parties_and_meaning() -> None:
    lines = run("catalog", "list").splitlines()
    assert lines[0] == "order-service   team checkout   on shop.order.events, shop.order.commands"
    assert lines[1].split() == ["message", "kind", "version", "key", "from", "to", "PII", "meaning"]
    cells = ["OrderCancelled", "event", "1.1", "orderId", "order-service", "order-service,", "notification-service"]
    (row,) = [line.split() for line in lines if line.split()[:1] == ["OrderCancelled"]]
    assert row[:7] == cells and " ".join(row[7:]).startswith("The order was undone")


def test_the_list_as_json_has_all_about_each_message() -> None:
    found = as_json("catalog", "list")
    assert (found["v"], found["kind"]) == (1, "Catalog")
    (charge,) = [each for each in found["messages"] if each["declared_as"] == "ChargePayment"]
    page = as_json("catalog", "show", "ChargePayment", "--schemas", "no-such-folder")
    assert page == {"v": 1, "kind": "CatalogEntry", **charge}
    assert charge["message_kind"] == "command" and charge["reply"] == "shop.payment.v1.PaymentCharged"
    assert charge["consumers"] == [{"service": "payment-service", "handlers": ["charge"], "sagas": []}]
    (by,) = charge["producers"]
    assert (by["name"], by["kind"]) == ("Checkout", "saga") and "shop.order.v1.OrderPlaced" in by["upon"]
    assert charge["example"] == {"orderId": "order-id-1", "customerId": "customer-id-1", "totalCents": 1}


def test_the_page_of_a_message() -> None:
    page = run("catalog", "show", "orderplaced")
    assert page.startswith("shop.order.v1.OrderPlaced   event of order-service (team checkout)\nA customer's order")
    for line in (
        "topic        shop.order.events, kept 7d",
        "key          orderId: OrderId",
        "published by place of order-service",
        "consumed by  Checkout (saga) of order-service",
        "1.2      lines, country  shop.order.v1.OrderPlaced/2.avsc  order-service",
        '    "orderId": "order-id-1",',
    ):
        assert f"\n{line}\n" in page, page


def test_describe_event_shows_the_same_page() -> None:
    """One answer: two of them would differ one day."""
    assert run("describe", "event", "PlaceOrder") == run("catalog", "show", "PlaceOrder")


def test_a_search_says_where_each_word_is() -> None:
    found = as_json("catalog", "search", "charge", "customer")
    assert (found["v"], found["kind"]) == (1, "CatalogMatches")
    assert {"in": "meaning", "text": "The customer was charged."} in found["matches"][0]["found"]
    assert [each["declared_as"] for each in found["matches"]] == ["PaymentCharged", "ChargePayment", "OrderCancelled"]
    assert [line.split()[:2] for line in run("catalog", "search", "charge", "customer").splitlines()][1:3] == [
        ["PaymentCharged", "payment-service"],
        ["type", "shop.payment.v1.PaymentCharged"],
    ]


@pytest.mark.parametrize("words", [["nothing-of-this"], [""]])
def test_a_search_without_a_match_says_so(words: list[str]) -> None:
    done = CliRunner().invoke(cli, ["catalog", "search", *words, "--app", SHOP])
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "0 of the app's messages.\n")


@pytest.fixture
def linted() -> Iterator[dict[str, str]]:
    """Apps with an error, with a warning, and with an accepted error, by the names that the command line imports."""
    module: Any = ModuleType("linted")
    module.error = commanded("PlacedOrder")
    module.accepted = commanded("PlacedOrder", accept={"command-no-order": "a reason"})
    module.warning = fields(id=str, qty=int)
    sys.modules["linted"] = module
    yield {name: f"linted:{name}" for name in ("error", "accepted", "warning")}
    del sys.modules["linted"]


@pytest.mark.parametrize(
    ("which", "options", "code", "counts"),
    [
        ("error", [], 3, "1 errors, 0 warnings, 0 accepted."),
        ("accepted", ["--strict"], 0, "0 errors, 0 warnings, 1 accepted."),
        ("warning", [], 0, "0 errors, 1 warnings, 0 accepted."),
        ("warning", ["--strict"], 3, "0 errors, 1 warnings, 0 accepted."),
    ],
)
def test_the_lint_fails_a_build(
    linted: Any, which: str, options: list[str], code: int, counts: str, capsys: Any
) -> None:
    words = ["catalog", "lint", "--app", linted[which], *options]
    assert cli.main(words, standalone_mode=False) == code
    printed = capsys.readouterr()
    assert printed.err == f"{counts}\n" and printed.out
    assert cli.main([*words, "-o", "json"], standalone_mode=False) == code
    found = json.loads(capsys.readouterr().out)
    assert (found["v"], found["kind"], found["clean"]) == (1, "CatalogFindings", code == 0)
    (one,) = found["findings"]
    assert set(one) == {"rule", "severity", "subject", "place", "what", "why", "instead", "accepted"}


def test_the_rules_are_listed() -> None:
    assert (
        run("catalog", "lint", "--rules").splitlines()[1].startswith("unheard-event          error     An event that")
    )
    found = as_json("catalog", "lint", "--rules")
    assert found["kind"] == "CatalogRules" and set(found["rules"][0]) == {"rule", "severity", "why", "instead"}

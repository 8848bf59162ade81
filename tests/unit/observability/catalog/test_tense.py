"""Only a clear breach of the tense of a name is found: a wrong finding would teach people to ignore the right ones."""

from __future__ import annotations

import pytest

from partita.observability.catalog.plain_name import is_plain
from partita.observability.catalog.tense import is_order, is_past


@pytest.mark.parametrize(
    "name",
    "OrderPlaced PaymentSent StockRunOut PriceCut ItemWithdrawn UserLoggedIn RideBegun MailBounced SKUChanged "
    "order_placed OrderPlacedEvent OrderPlacedV2 DriverArrivedEarly InvoicePaid Shipped2 TokenReset".split(),
)
def test_names_of_events(name: str) -> None:
    assert is_past(name)


@pytest.mark.parametrize(
    "name",
    "OrderPlacement PlaceOrder Order SendPayment NewOrder OrderEvent ShippingNeed SeedStock Feed BreedDog".split(),
)
def test_names_that_no_event_has(name: str) -> None:
    assert not is_past(name)


@pytest.mark.parametrize(
    "name",
    "PlaceOrder SendPayment ResetPassword PutBack CutPrice Embed FeedAnimals BringBack PingServer place_order NeedsReview "
    "SplitOrder ReadMeter SetLimit ProceedToCheckout ReturnItemsOrdered SpeedUp LetGo LeftPad".split(),
)
def test_names_of_commands(name: str) -> None:
    assert is_order(name)


@pytest.mark.parametrize("name", "PlacedOrder Charged ProcessingOrder SendingMail SentMail PaidInvoice".split())
def test_names_that_no_command_has(name: str) -> None:
    assert not is_order(name)


@pytest.mark.parametrize(
    "name",
    "orderId totalCents sku url occurredAt name reason statusOfOrder itemCount line2 http2Port countryCode priceKg".split(),
)
def test_plain_names_of_fields(name: str) -> None:
    assert is_plain(name)


@pytest.mark.parametrize("name", "qty x data info custNr val payload statusCode tmp dt1 n_1 prcTot itemInfo".split())
def test_names_of_fields_that_say_nothing(name: str) -> None:
    assert not is_plain(name)

"""The library of Standard Webhooks for Python: it accepts the requests that we sign, and we accept those that it signs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.integration.egress.receiver import Receiver
from tests.integration.egress.test_webhook import HERE, Shop
from tests.integration.ingress.till import BINARY, Till

from partita import Settings
from partita.egress import Webhook

pytestmark = [pytest.mark.oracles]
library: Any = pytest.importorskip("standardwebhooks", reason="make .venv/oracles.ok")

OLD, NEW, OTHER = (f"whsec_{letter * 43}=" for letter in "ABC")


@pytest.mark.parametrize("mode", ["binary", "structured"])
async def test_the_library_accepts_a_webhook_of_ours_by_each_secret(tmp_path: Path, mode: Any) -> None:
    """While a secret is replaced the receiver knows one of the two."""
    async with Receiver() as receiver:
        hook = Webhook("partner", to=receiver.url, networks=HERE, mode=mode, secrets=[NEW, OLD])
        shop = Shop(tmp_path, hook)
        async with shop.app.running():
            await shop.app.send(shop.Ship(order_id="\u00e4 1"))
            await shop.app.settled()
    (got,) = receiver.received
    for secret in (OLD, NEW):
        read = library.Webhook(secret).verify(got.body, got.headers)
        assert (read if mode == "binary" else read["data"])["orderId"] == "\u00e4 1"
    with pytest.raises(library.WebhookVerificationError):
        library.Webhook(OTHER).verify(got.body, got.headers)


@pytest.mark.parametrize("secret", [OLD, OLD.rstrip("="), OLD.removeprefix("whsec_")])
async def test_the_ingress_accepts_a_request_that_the_library_signs(tmp_path: Path, secret: str) -> None:
    """A secret is the same secret with and without its prefix and its padding."""
    till = Till(Settings(data=tmp_path), secrets=[NEW, secret])
    body = json.dumps({"orderId": "o1", "cents": 5})
    now = datetime.now(UTC).replace(microsecond=0)
    for signer, status in ((OLD, 202), (OTHER, 401)):
        headers = {
            "webhook-id": "4711",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": library.Webhook(signer).sign("4711", now, body),
        }
        async with till.app.running():
            assert (await till.post(body.encode(), BINARY | headers))[0] == status

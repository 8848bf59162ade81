"""An ingress with secrets: a request is believed by its signature, which another implementation of Standard Webhooks would make."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.ingress.till import BINARY, STRUCTURED, Till, charged

from partita import Settings, SettingsError

OLD, NEW, OTHER = (f"whsec_{base64.b64encode(name * 32).decode()}" for name in (b"o", b"n", b"x"))
DATA = {"orderId": "o1", "cents": 5}


@pytest.fixture
async def till(tmp_path: Path) -> AsyncIterator[Till]:
    """A running app whose ingress knows a secret and the one that replaces it."""
    made = Till(Settings(data=tmp_path), secrets=[NEW, OLD])
    async with made.app.running():
        yield made


def signed(till: Till, body: bytes, secret: str, *, message_id: str = "4711", age_s: int = 0) -> dict[str, str]:
    """The headers of a signature, written out as the standard has it."""
    time = str(till.app.system.clock.now_us() // 1_000_000 - age_s)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{message_id}.{time}.".encode() + body, hashlib.sha256).digest()
    signature = f"v1a,asymmetric v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": message_id, "webhook-timestamp": time, "webhook-signature": signature}


@pytest.mark.parametrize("secret", [OLD, NEW])
async def test_each_of_the_secrets_is_accepted(till: Till, secret: str) -> None:
    """So a sender and a receiver need not change a secret at one moment."""
    body = json.dumps(DATA).encode()
    assert (await till.post(body, BINARY | signed(till, body, secret)))[0] == 202
    document = json.dumps(charged("2")).encode()
    structured = {"content-type": STRUCTURED} | signed(till, document, secret, message_id="any")
    assert (await till.post(document, structured))[0] == 202


async def test_a_request_that_is_not_signed_well_is_refused_before_it_is_read(till: Till) -> None:
    """Without signature, by a stranger's secret, with another body, and too old or too new."""
    body = json.dumps(DATA).encode()
    good = signed(till, body, NEW)
    wrong = [
        {},
        signed(till, body, OTHER),
        signed(till, body + b" ", NEW),
        signed(till, body, NEW, age_s=400),
        signed(till, body, NEW, age_s=-400),
        good | {"webhook-timestamp": "now"},
        good | {"webhook-id": "4712"},
        good | {"webhook-signature": good["webhook-signature"].replace("v1,", "v2,")},
        good | {"webhook-signature": "v1,?"},
    ]
    for headers in wrong:
        status, problem = await till.post(body, BINARY | headers)
        assert (status, "signature" in problem["detail"]) == (401, True), headers
    assert (await till.post(b"{no json", {"content-type": STRUCTURED}))[0] == 401
    assert not await till.kept()


async def test_a_captured_request_is_no_other_event(till: Till) -> None:
    """Of binary mode the body alone is signed, and the id beside it: the attributes cannot be changed to make it another event."""
    body = json.dumps(DATA).encode()
    captured = signed(till, body, NEW)
    assert (await till.post(body, BINARY | captured))[0] == 202
    assert (await till.post(body, BINARY | captured))[1] == {"accepted": 0, "repeated": 1}
    assert (await till.post(body, BINARY | captured | {"ce-id": "4712"}))[0] == 401
    again = signed(till, body, NEW, age_s=1)
    assert (await till.post(body, BINARY | again))[1] == {"accepted": 0, "repeated": 1}, "a try of the sender itself"
    for each in (captured, again):
        assert (await till.post(body, BINARY | each | {"ce-source": "urn:other"}))[0] == 409
        assert (await till.post(body, BINARY | each | {"ce-type": "till.payment.v1.Refunded"}))[0] == 409
    assert len(await till.kept()) == 1


def test_a_secret_that_cannot_be_one_is_refused_at_the_declaration(tmp_path: Path) -> None:
    """It is not shown."""
    for secret in ("short", "whsec_c2hvcnQ=", "", "whsec_" + "ü" * 40):
        with pytest.raises(SettingsError, match="24 to 64 bytes") as refused:
            Till(Settings(data=tmp_path), secrets=[secret])
        assert not secret or secret not in str(refused.value)

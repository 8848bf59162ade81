"""Signatures of Standard Webhooks."""

from __future__ import annotations

import pytest

from partita.webhooks.signature import NotSigned, Signer

SECRET, NOW_S, BODY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1_614_265_330, b'{"test": 2432232314}'
SIGNED = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": str(NOW_S),
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
OTHER = "whsec_" + "B" * 44


def test_the_signature_is_that_of_the_standards_own_example() -> None:
    """The example of its libraries' tests: secret, id, time and body in, this signature out."""
    assert Signer([SECRET]).headers("msg_p5jXN8AQM9LWM0D4loKWxJek", NOW_S, BODY) == SIGNED
    assert Signer([SECRET]).check(SIGNED, BODY, NOW_S) == SIGNED["webhook-signature"].removeprefix("v1,")


def test_each_secret_signs_and_each_is_believed() -> None:
    """While a secret is replaced, a receiver may know the old one, the new one, or both."""
    both = Signer([OTHER, SECRET]).headers("m", NOW_S, BODY)
    for secrets in ([OTHER], [SECRET], [SECRET, OTHER]):
        Signer(secrets).check(both, BODY, NOW_S)
    with pytest.raises(NotSigned, match="none of the secrets"):
        Signer([OTHER]).check(SIGNED, BODY, NOW_S)


@pytest.mark.parametrize("age_s", [-301, 301, 10**9])
def test_a_time_outside_of_the_tolerance_is_refused(age_s: int) -> None:
    """An hour later a captured request is worth nothing."""
    with pytest.raises(NotSigned, match="no time within 300 s"):
        Signer([SECRET]).check(SIGNED, BODY, NOW_S + age_s)
    Signer([SECRET]).check(SIGNED, BODY, NOW_S + 300)
    Signer([SECRET]).check(SIGNED, BODY, NOW_S - 300)


@pytest.mark.parametrize("name", SIGNED)
def test_each_header_is_needed(name: str) -> None:
    with pytest.raises(NotSigned, match=f"{name} is missing"):
        Signer([SECRET]).check({key: text for key, text in SIGNED.items() if key != name}, BODY, NOW_S)

"""Signatures of requests: HMAC-SHA256 over the id, the time and the body, as Standard Webhooks 1.0 has them.

`webhook-id` names the message, `webhook-timestamp` is the time of the try in seconds since 1970, `webhook-signature` is a list of
`v1,<base64>`, one for each secret: so a secret is replaced without a moment in which requests are refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence

from partita.errors import SettingsError

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
MARK = "whsec_"
VERSION = "v1,"
TOLERANCE_S = 300
"""Between the clocks of both sides, and the age of a captured request that is still taken."""
SECRET_BYTES_MIN, SECRET_BYTES_MAX = 24, 64
SIGNATURES_MAX = 20
_PLAIN = re.compile(r"[A-Za-z0-9_:/+=-]{1,200}\Z", re.ASCII)
_TIME = re.compile(r"[0-9]{1,12}\Z", re.ASCII)


class NotSigned(Exception):
    """A request whose signature is missing, wrong or too old: `str()` says which."""


class Signer:
    """The secrets of one direction. The first one is the newest; each of them signs, and each is enough to be believed."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._keys = tuple(_key(secret) for secret in secrets)
        if not self._keys:
            raise SettingsError("There is no secret to sign with.", hint=f'secrets=("{MARK}<base64>",)')

    def headers(self, message_id: str, now_s: int, body: bytes) -> dict[str, str]:
        """The headers of a signed request."""
        signed = " ".join(VERSION + _signed(key, message_id, str(now_s), body) for key in self._keys)
        return {ID: message_id, TIMESTAMP: str(now_s), SIGNATURE: signed}

    def check(self, headers: Mapping[str, str], body: bytes, now_s: int) -> str:
        """Check the signature of a request, and return the one that is right; header names are in lower case.

        Raises:
            NotSigned: it is missing, older or newer than the tolerance, or of none of the secrets.
        """
        message_id, time, given = (headers.get(name, "") for name in (ID, TIMESTAMP, SIGNATURE))
        for name, text in ((ID, message_id), (TIMESTAMP, time), (SIGNATURE, given)):
            if not text:
                raise NotSigned(f"the header {name} is missing")
        if not _TIME.match(time) or abs(now_s - int(time)) > TOLERANCE_S:
            raise NotSigned(f"{TIMESTAMP} is no time within {TOLERANCE_S} s of now")
        signatures = [each.removeprefix(VERSION) for each in given.split()[:SIGNATURES_MAX] if each.startswith(VERSION)]
        for key in self._keys:
            mine = _signed(key, message_id, time, body)
            # Compared as bytes, in a time that says nothing of the first byte that differs.
            if any(hmac.compare_digest(mine.encode(), each.encode(errors="replace")) for each in signatures):
                return mine
        raise NotSigned(f"{SIGNATURE} fits none of the secrets")


def webhook_id_of(event_id: str) -> str:
    """The `webhook-id` of an event: its id, or a digest of it. The signed text has dots between its parts, so an id with a dot
    could be cut elsewhere, and a header does not have all characters."""
    return event_id if _PLAIN.match(event_id) else hashlib.sha256(event_id.encode(errors="surrogatepass")).hexdigest()


def _signed(key: bytes, message_id: str, time: str, body: bytes) -> str:
    content = f"{message_id}.{time}.".encode() + body
    return base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()


def _key(secret: str) -> bytes:
    try:
        text = secret.removeprefix(MARK).rstrip("=")
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError, AttributeError):
        key = b""
    if not SECRET_BYTES_MIN <= len(key) <= SECRET_BYTES_MAX:
        # The secret itself is never shown.
        raise SettingsError(
            f"A secret of webhooks is no base64 of {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes.",
            hint=f"Make one: python -c \"import base64, os; print('{MARK}' + base64.b64encode(os.urandom(32)).decode())\"",
        )
    return key

"""Tokens for one answer: a link or a form that outsiders get names the pending command, and nothing else.

A token is the id and its last second, with an HMAC-SHA256 over both. It is an authorization: each holder of the link may
answer, until it expires or there is an answer. Several secrets are accepted at once, so one is replaced without a moment in
which links are refused; the first one signs.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

from partita.errors import SettingsError, TokenRefused

VERSION = "v1"
PURPOSE = b"partita reply token\0"
"""The signed bytes begin with it: a signature made for another purpose with the same secret is none here."""
FORM = b"partita form token\0"
"""For the form of one person and one command: its page was read by that person, so no other site has posted it."""
SECRET_BYTES_MIN = 32
TOKEN_CHARS_MAX = 4_000
HOW = 'python -c "import secrets; print(secrets.token_urlsafe(32))"'


class Tokens:
    """Makes and reads tokens of one purpose; `secrets` are texts, the newest first."""

    def __init__(self, secrets: Sequence[str], purpose: bytes = PURPOSE) -> None:
        if not secrets:
            raise SettingsError("There is no secret to sign tokens with.", hint=f"PARTITA_SECRET; make one: {HOW}")
        check_secrets("secret", secrets)
        self._keys = tuple(secret.encode() for secret in secrets)
        self._purpose = purpose

    def make(self, reply_to: str, until_s: int) -> str:
        """A token for the answer to this command, until that second since 1970."""
        body = f"{until_s}.{reply_to}".encode(errors="surrogatepass")
        return ".".join((VERSION, _text(body), _text(self._signature(self._keys[0], body))))

    def read(self, token: str, now_s: int) -> str:
        """The id of the command that a token is for.

        Raises:
            TokenRefused: it is no token, was changed, is signed with none of the secrets, or its time is over.
        """
        body, signature = _parts(token)
        # Compared in a time that says nothing of the first byte that differs, with each secret.
        if sum(hmac.compare_digest(self._signature(key, body), signature) for key in self._keys) == 0:
            raise TokenRefused(
                "The token is not valid here.", hint="It was changed, or its secret is not in use any more."
            )
        until, _, reply_to = body.decode(errors="surrogatepass").partition(".")  # signed here, so it has this form
        if now_s > int(until):
            raise TokenRefused("The token has expired.", hint="Send a new link: app.reply_token(reply_to, lasts=...)")
        return reply_to

    def _signature(self, key: bytes, body: bytes) -> bytes:
        return hmac.digest(key, self._purpose + body, hashlib.sha256)


def check_secrets(called: str, secrets: Sequence[str]) -> None:
    """Refuse a secret that could be guessed; its text is never shown.

    Raises:
        SettingsError: one has fewer than 32 bytes.
    """
    for number, secret in enumerate(secrets, 1):
        if len(secret.encode(errors="surrogatepass")) < SECRET_BYTES_MIN:
            raise SettingsError(
                f"{called}: secret {number} of {len(secrets)} has fewer than {SECRET_BYTES_MIN} bytes.",
                hint=f"Make one: {HOW}",
            )


def _parts(token: str) -> tuple[bytes, bytes]:
    version, *rest = token.split(".") if isinstance(token, str) and len(token) <= TOKEN_CHARS_MAX else ("",)
    try:
        if version == VERSION and len(rest) == 2:
            body, signature = (_bytes(each) for each in rest)
            # One token has one text: no other spelling of its base64 is taken.
            if [_text(body), _text(signature)] == rest:
                return body, signature
    except (binascii.Error, ValueError):
        pass
    raise TokenRefused("The text is no token of an answer.", hint="Take the whole link.")


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)

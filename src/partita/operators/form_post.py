"""A posted form: its fields as texts, and whether a page of this application posted it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

import msgspec

from partita.asgi.body import BodyTooLarge, whole_body
from partita.asgi.interface import Receive, Scope
from partita.errors import SettingsError, TokenRefused
from partita.operators.refused import Refused
from partita.waiting.token import FORM, Tokens

BODY_MAX = 1_000_000
FIELDS_MAX = 1_000
FORM_TYPE = "application/x-www-form-urlencoded"
FORM_LASTS_S = 12 * 3_600
SAME = ("same-origin", "none")


@dataclass(frozen=True, slots=True)
class Posted:
    """The fields of the answer, the answer's name, the reason, and the token."""

    fields: Mapping[str, str]
    answer: str
    reason: str
    token: str


class FormTokens:
    """Tokens of forms: bound to a person and a command. A page of another site cannot read one, and the token of another person
    is none, so a form with it was filled on a page that this very person has loaded. No session is needed, and each process with
    the same secret takes it.
    """

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._tokens = Tokens(secrets, FORM) if secrets else None

    def make(self, actor: str, reply_to: str, now_s: int) -> str:
        """A token; empty = there is no secret, so no form is taken."""
        return "" if self._tokens is None else self._tokens.make(_subject(actor, reply_to), now_s + FORM_LASTS_S)

    def check(self, token: str, actor: str, reply_to: str, now_s: int) -> bool:
        """Whether the token is one of this person for this command.

        Raises:
            Refused: there is no secret.
        """
        if self._tokens is None:
            raise Refused(403, "Forms need a secret: PARTITA_SECRET. JSON needs none.")
        try:
            return self._tokens.read(token, now_s) == _subject(actor, reply_to)
        except (TokenRefused, SettingsError):
            return False


def headers_of(scope: Scope) -> dict[str, str]:
    """The headers of a request by their names."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def is_form(scope: Scope) -> bool:
    """Whether the body is a form."""
    return headers_of(scope).get("content-type", "").partition(";")[0].strip().lower() == FORM_TYPE


def check_site(scope: Scope) -> None:
    """Refuse a request of which the browser itself says that another site made it.

    Raises:
        Refused: another site made it.
    """
    if headers_of(scope).get("sec-fetch-site", "none") not in SAME:
        raise Refused(403, "Another site sent this form: nothing was kept.")


async def posted(receive: Receive) -> Posted:
    """The form of a request.

    Raises:
        Refused: it is too large, or no form. ClientGone: it is not complete.
    """
    try:
        body = (await whole_body(receive, BODY_MAX)).decode("ascii")
        pairs = parse_qsl(body, keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX)
    except BodyTooLarge as error:
        raise Refused(413, f"The request has more than {BODY_MAX:,} bytes.") from error
    except ValueError as error:  # no text, or too many fields
        raise Refused(400, "The body is no form.") from error
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise Refused(400, f"The form has the field {name:.80} twice.")
        found[name] = value
    own = {name: found.pop(f"partita.{name}", "") for name in ("answer", "reason", "token")}
    return Posted(found, own["answer"], own["reason"].strip(), own["token"])


def _subject(actor: str, reply_to: str) -> str:
    return msgspec.json.encode([actor.encode(errors="surrogatepass").hex(), reply_to]).decode()

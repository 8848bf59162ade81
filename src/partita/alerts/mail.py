"""Mail by SMTP. A password is sent over verified TLS only, or not at all."""

from __future__ import annotations

import contextlib
import functools
import smtplib
import socket
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from urllib.parse import parse_qs, unquote

from partita.alerts.alarms import Told
from partita.alerts.wire import WAIT_S, WHOLE_S, Wire, trust, wired
from partita.settings.address import check_mail
from partita.texts.foreign_text import logger, shown

log = logger(__name__)
TLS_PORT, SUBMISSION_PORT, RELAY_PORT = 465, 587, 25


class MailChannel:
    """`smtps://user:password@host?from=a@b&to=c@d` uses TLS from the start, on port 465; `smtp://` with a user begins TLS by
    STARTTLS, on 587, before it authenticates; without a user it is plain, on 25, for a mail server of one's own."""

    def __init__(self, url: str, ca: str = "", *, whole_s: float = WHOLE_S) -> None:
        parts = check_mail("The alert mail address", url)
        asked = parse_qs(parts.query)
        self._from, self._to = asked["from"][0], asked["to"]
        self._host = str(parts.hostname)
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._is_tls = parts.scheme == "smtps"
        self.port = parts.port or (TLS_PORT if self._is_tls else SUBMISSION_PORT if self._user else RELAY_PORT)
        self._trust, self._whole_s = trust(ca), whole_s
        self.name = f"mail by {parts.hostname}"

    async def send(self, told: Sequence[Told], now_us: int) -> None:
        """Send one mail for all alerts; the watchdog is left out."""
        some = [each for each in told if each.alarm.severity != "none"]
        if some:
            await wired(functools.partial(self._send, self._mail(some)), self._whole_s)

    def _mail(self, told: Sequence[Told]) -> EmailMessage:
        mail = EmailMessage()
        first = told[0]
        more = f" and {len(told) - 1} more" if len(told) > 1 else ""
        mail["Subject"] = shown(f"[{first.status}] {first.alarm.name} in {first.alarm.service}{more}")
        mail["From"], mail["To"] = self._from, ", ".join(self._to)
        lines = [(f"{s}: {a.summary}", f"{a.severity}, first do: {a.hint}", "") for s, a in told]
        mail.set_content("\n".join(shown(line) for three in lines for line in three))
        return mail

    def _send(self, mail: EmailMessage, wire: Wire) -> None:
        try:
            server = _Smtp(self._host, self.port, wire, self._trust if self._is_tls else None)
            with contextlib.closing(server):
                if self._user:
                    self._sign_in(server)
                refused = server.send_message(mail)
                with contextlib.suppress(
                    OSError, ValueError
                ):  # the server has the mail, so its later answers do not matter
                    server.quit()
        except smtplib.SMTPException as error:
            code = getattr(error, "smtp_code", "")
            raise OSError(f"the mail server refused: {type(error).__name__} {code}".rstrip()) from error
        if refused:
            log.warning("%s: %d of %d addresses were refused", self.name, len(refused), len(self._to))

    def _sign_in(self, server: _Smtp) -> None:
        if not self._is_tls:
            server.ehlo_or_helo_if_needed()
            if not server.has_extn("starttls"):
                raise OSError("the mail server offers no STARTTLS, and a password is not sent in plain (smtps://?)")
            server.starttls(context=self._trust)
        server.login(self._user, self._password)


class _Smtp(smtplib.SMTP):
    """A connection on a wire; with `trusted` it uses TLS from the start."""

    def __init__(self, host: str, port: int, wire: Wire, trusted: ssl.SSLContext | None) -> None:
        self._wire, self._trusted = wire, trusted
        super().__init__(host, port, timeout=WAIT_S)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        made = self._wire.connect((host, port))
        return made if self._trusted is None else self._trusted.wrap_socket(made, server_hostname=host)

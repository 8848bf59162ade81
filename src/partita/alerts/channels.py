"""Channels: where people are told. The webhook speaks Alertmanager's payload (version 4), so receivers exist already.

Source of the payload: Prometheus Alertmanager, webhook_config. Addresses may hold passwords and are never logged whole.
"""

from __future__ import annotations

import asyncio
import json
import logging
import smtplib
import urllib.error
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from partita.alerts.alarms import Told
from partita.clock import US
from partita.errors import SettingsError
from partita.foreign_text import logger, shown

log = logger(__name__)
TIMEOUT_S = 5.0
NEVER = "0001-01-01T00:00:00Z"


class Channel(Protocol):
    """Somewhere to tell."""

    @property
    def name(self) -> str:
        """For people; without secrets."""
        ...

    async def tell(self, told: Sequence[Told], now_us: int) -> None:
        """Tell.

        Raises:
            OSError: it could not be told; it is tried again.
        """
        ...


class LogChannel:
    """The process's own log; always there."""

    name = "log"

    async def tell(self, told: Sequence[Told], now_us: int) -> None:
        """One line each; the watchdog is not written."""
        for status, alarm in told:
            if alarm.severity != "none":
                level = logging.ERROR if status == "firing" else logging.WARNING
                log.log(level, "alert %s %s: %s (%s)", alarm.name, status, alarm.summary, alarm.hint)


class WebhookChannel:
    """POSTs to a URL."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsError(
                "The alert webhook is no http or https address.", hint="PARTITA_ALERT_WEBHOOK=https://host/path"
            )
        self._url = url
        self.name = f"webhook at {parts.hostname}"

    async def tell(self, told: Sequence[Told], now_us: int) -> None:
        """One request for firing and one for resolved alerts."""
        for status in ("firing", "resolved"):
            some = [each for each in told if each.status == status]
            if some:
                await asyncio.to_thread(self._post, json.dumps(payload(some, now_us)).encode())

    def _post(self, body: bytes) -> None:
        request = urllib.request.Request(
            self._url, body, {"Content-Type": "application/json", "User-Agent": "partita"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            answer.read(1_024)


class MailChannel:
    """Mails by SMTP: `smtp://user:password@host:25?from=a@b&to=c@d`, `smtps://` for TLS from the start."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        asked = parse_qs(parts.query)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname or not asked.get("from") or not asked.get("to"):
            raise SettingsError(
                "The alert mail address cannot be used.", hint="PARTITA_ALERT_MAIL=smtp://host:25?from=a@b&to=c@d"
            )
        self._parts = parts
        self._from, self._to = asked["from"][0], asked["to"]
        self.name = f"mail by {parts.hostname}"

    async def tell(self, told: Sequence[Told], now_us: int) -> None:
        """One mail for all; the watchdog is not mailed."""
        some = [each for each in told if each.alarm.severity != "none"]
        if some:
            await asyncio.to_thread(self._send, some)

    def _send(self, told: Sequence[Told]) -> None:
        mail = EmailMessage()
        first = told[0]
        more = f" and {len(told) - 1} more" if len(told) > 1 else ""
        mail["Subject"] = shown(f"[{first.status}] {first.alarm.name} in {first.alarm.service}{more}")
        mail["From"], mail["To"] = self._from, ", ".join(self._to)
        lines = [(f"{s}: {a.summary}", f"{a.severity}, first do: {a.hint}", "") for s, a in told]
        mail.set_content("\n".join(shown(line) for three in lines for line in three))
        kind = smtplib.SMTP_SSL if self._parts.scheme == "smtps" else smtplib.SMTP
        try:
            with kind(self._parts.hostname or "", self._parts.port or 25, timeout=TIMEOUT_S) as server:
                if self._parts.username:
                    server.login(self._parts.username, self._parts.password or "")
                server.send_message(mail)
        except smtplib.SMTPException as error:
            raise OSError(f"the mail server refused: {type(error).__name__}") from error


def payload(told: Sequence[Told], now_us: int) -> dict[str, Any]:
    """Alertmanager's webhook payload."""
    alerts = [
        {
            "status": status,
            "labels": {"alertname": alarm.name, "service": alarm.service, "severity": alarm.severity},
            "annotations": {"summary": alarm.summary, "hint": alarm.hint},
            "startsAt": _time(alarm.since_us),
            "endsAt": _time(now_us) if status == "resolved" else NEVER,
            "generatorURL": "",
            "fingerprint": alarm.fingerprint,
        }
        for status, alarm in told
    ]
    return {
        "version": "4",
        "groupKey": "{}:{source=partita}",
        "truncatedAlerts": 0,
        "status": told[0].status,
        "receiver": "partita",
        "groupLabels": {"source": "partita"},
        "commonLabels": _common([a["labels"] for a in alerts]),
        "commonAnnotations": _common([a["annotations"] for a in alerts]),
        "externalURL": "",
        "alerts": alerts,
    }


def channels_of(webhook: str, mail: str) -> list[Channel]:
    """The channels that are configured; the log always is.

    Raises:
        SettingsError: an address cannot be used.
    """
    found: list[Channel] = [LogChannel()]
    if webhook:
        found.append(WebhookChannel(webhook))
    if mail:
        found.append(MailChannel(mail))
    return found


def _common(dicts: Sequence[Any]) -> dict[str, str]:
    return {k: v for k, v in dicts[0].items() if all(d.get(k) == v for d in dicts)}


def _time(us: int) -> str:
    return datetime.fromtimestamp(us / US, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

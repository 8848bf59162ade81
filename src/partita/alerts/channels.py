"""Channels for alerts. Addresses may hold passwords and are never logged whole."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from partita.alerts.alarms import Told
from partita.alerts.mail import MailChannel
from partita.alerts.webhook import WebhookChannel
from partita.texts.foreign_text import logger

log = logger(__name__)


class Channel(Protocol):
    """A way to send alerts to people."""

    @property
    def name(self) -> str:
        """The name for people, without secrets."""
        ...

    async def send(self, told: Sequence[Told], now_us: int) -> None:
        """Send these alerts in one message: all of them fire, or all are over.

        Raises:
            OSError: the message could not be sent; it is sent again later.
        """
        ...


class LogChannel:
    """The process's own log; it is always configured."""

    name = "log"

    async def send(self, told: Sequence[Told], now_us: int) -> None:
        """Write one line for each alert; the watchdog is left out."""
        for status, alarm in told:
            if alarm.severity != "none":
                level = logging.ERROR if status == "firing" else logging.WARNING
                log.log(level, "alert %s %s: %s (%s)", alarm.name, status, alarm.summary, alarm.hint)


def channels_of(webhook: str, mail: str, ca: str = "") -> list[Channel]:
    """The configured channels, and always the log. `ca` is a file with certificates of the user's own authority.

    Raises:
        SettingsError: an address or the file cannot be used.
    """
    found: list[Channel] = [LogChannel()]
    if webhook:
        found.append(WebhookChannel(webhook, ca))
    if mail:
        found.append(MailChannel(mail, ca))
    return found

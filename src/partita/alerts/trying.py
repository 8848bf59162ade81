"""A test of the channels: each sends one test alert, as firing and as resolved."""

from __future__ import annotations

from dataclasses import dataclass

from partita.alerts.alarms import Alarm, Told, fingerprint
from partita.alerts.channels import Channel, channels_of
from partita.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class Tried:
    """The result of a test alert on one channel. `error` is empty when the channel accepted it."""

    channel: str
    error: str = ""


async def try_channels(settings: Settings, now_us: int) -> list[Tried]:
    """Send a test alert through every channel of the settings."""
    channels = channels_of(settings.alert_webhook, settings.alert_mail, settings.alert_ca)
    return [await try_channel(channel, now_us) for channel in channels]


async def try_channel(channel: Channel, now_us: int) -> Tried:
    """Send a test alert through one channel."""
    name = fingerprint("Test", "partita")
    alarm = Alarm(name, "Test", "partita", "info", "this is a test of the alerts", "nothing", now_us, now_us)
    try:
        await channel.send([Told("firing", alarm)], now_us)
        await channel.send([Told("resolved", alarm)], now_us)
    except OSError as error:
        return Tried(channel.name, str(error) or type(error).__name__)
    return Tried(channel.name)

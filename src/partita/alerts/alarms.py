"""Alarms: a pure decision over readings and known alarms; each fires once, is repeated rarely, and resolves once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from partita.alerts.rules import RULES, Reading, Rule, Severity
from partita.clock import US

REPEAT_S = 4 * 3_600.0


class Alarm(NamedTuple):
    """One alert of one service. `told_us` is the time when it was last sent; 0 = never (it is pending)."""

    fingerprint: str
    name: str
    service: str
    severity: Severity
    summary: str
    hint: str
    since_us: int
    told_us: int


class Told(NamedTuple):
    """One message to send."""

    status: Literal["firing", "resolved"]
    alarm: Alarm


def evaluate(
    reading: Reading, known: Mapping[str, Alarm], now_us: int, rules: Sequence[Rule] = RULES
) -> tuple[dict[str, Alarm], list[Told]]:
    """The new alarms, and the messages to send.

    A rule must be broken for its whole time before it fires; it resolves at the first reading within its limit; an alarm
    that never fired is never resolved.
    """
    alarms: dict[str, Alarm] = {}
    told: list[Told] = []
    for rule in rules:
        name = fingerprint(rule.name, reading.service)
        before = known.get(name)
        value = rule.value(reading)
        if value is None:
            if before is not None:
                alarms[name] = before
            continue
        if value <= rule.limit:
            if before is not None and before.told_us:
                told.append(Told("resolved", before))
            continue
        texts = {"service": reading.service, "value": value}
        alarm = Alarm(
            name,
            rule.name,
            reading.service,
            rule.severity,
            rule.summary.format(**texts),
            rule.hint.format(**texts),
            before.since_us if before is not None else now_us,
            before.told_us if before is not None else 0,
        )
        ripe = now_us - alarm.since_us >= rule.for_s * US
        if ripe and (not alarm.told_us or now_us - alarm.told_us >= REPEAT_S * US):
            alarm = alarm._replace(told_us=now_us)
            told.append(Told("firing", alarm))
        alarms[name] = alarm
    return alarms, told


def fingerprint(rule: str, service: str) -> str:
    """The id of an alert: the same rule and service are the same alert."""
    return hashlib.sha256(f"{rule}\0{service}".encode()).hexdigest()[:16]

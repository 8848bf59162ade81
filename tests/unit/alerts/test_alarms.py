"""When an alert fires, how often, and when it is over; the payload that receivers of Alertmanager know."""

from __future__ import annotations

from typing import Any

import pytest

from partita.alerts.alarms import REPEAT_S, Alarm, Told, evaluate
from partita.alerts.channels import channels_of
from partita.alerts.rules import RULES, Reading
from partita.alerts.webhook import payload
from partita.errors import SettingsError

S = 1_000_000
WELL = Reading("svc")
WRONG: dict[str, dict[str, Any]] = {
    "ParkingFull": {"full": 1},
    "DeadLetters": {"open_letters": 1},
    "DeadLettersForgotten": {"oldest_letter_s": 90_000.0},
    "SagaNeedsAttention": {"sagas_needing_attention": 2},
    "CompensationSlow": {"slowest_compensation_s": 601.0},
    "PendingOverdue": {"pending_overdue_s": 61.0},
    "PendingForgotten": {"pending_alone_s": 30 * 86_400.0 + 1},
    "OutboxStalled": {"outbox_oldest_s": 61.0},
    "OutboxRefused": {"outbox_refused": 1},
    "OutboxReaderGone": {"readers_gone": 1},
    "Storm": {"storms": ("T",)},
    "TypeNotKnown": {"not_known": ("T",)},
    "GroupPaused": {"paused_s": 3_601.0},
    "KeyGap": {"gaps": 1},
    "ConsumerLag": {"lag": 10_001},
    "ConsumerLate": {"behind_s": 301.0},
    "NobodyThere": {"members": 0, "lag": 3},
    "WorkerFailing": {"failing": 1},
    "WorkerStuck": {"stuck": 1},
    "BusUnanswered": {"lag": None},
    "Watchdog": {},
}
NO_WATCHDOG = tuple(rule for rule in RULES if rule.name != "Watchdog")


def names(told: list[Told]) -> list[tuple[str, str]]:
    return [(each.status, each.alarm.name) for each in told]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_rule_fires_after_its_time_once_and_resolves(rule: Any) -> None:
    reading = WELL._replace(**WRONG[rule.name])
    known: dict[str, Alarm] = {}
    known, told = evaluate(reading, known, 1_000 * S, [rule])
    if rule.for_s:
        assert told == [] and known, "it is pending"
        known, told = evaluate(reading, known, round((999 + rule.for_s) * S), [rule])
        assert told == [], "a second too early"
        known, told = evaluate(reading, known, round((1_000 + rule.for_s) * S), [rule])
    assert names(told) == [("firing", rule.name)]
    assert "{" not in told[0].alarm.summary + told[0].alarm.hint
    known, told = evaluate(reading, known, round((1_010 + rule.for_s) * S), [rule])
    assert told == [], "told once"
    known, told = evaluate(reading, known, round((1_010 + rule.for_s + REPEAT_S) * S), [rule])
    assert names(told) == [("firing", rule.name)], "and again after hours"
    if rule.name != "Watchdog":
        known, told = evaluate(WELL, known, round((9_999_999) * S), [rule])
        assert names(told) == [("resolved", rule.name)] and not known


def test_what_is_over_before_its_time_is_never_told() -> None:
    known, told = evaluate(WELL._replace(storms=("T",)), {}, 0, NO_WATCHDOG)
    assert known and not told
    known, told = evaluate(WELL, known, 20 * S, NO_WATCHDOG)
    assert not known and not told


def test_the_payload_is_alertmanagers() -> None:
    _, told = evaluate(WELL._replace(open_letters=3, gaps=1), {}, S, NO_WATCHDOG)
    body = payload(told, 2 * S)
    assert (body["version"], body["status"], len(body["alerts"])) == ("4", "firing", 1)
    alert = body["alerts"][0]
    assert alert["labels"] == {"alertname": "DeadLetters", "service": "svc", "severity": "warning"}
    assert alert["startsAt"] == "1970-01-01T00:00:01.000000Z" and alert["endsAt"].startswith("0001")
    assert body["commonLabels"]["service"] == "svc"
    assert {"groupKey", "receiver", "groupLabels", "commonAnnotations", "externalURL", "truncatedAlerts"} <= body.keys()


@pytest.mark.parametrize(("webhook", "mail"), [("ftp://x", ""), ("nothing", ""), ("", "smtp://host"), ("", "mail@x")])
def test_an_address_that_cannot_be_used_is_refused_with_a_pattern(webhook: str, mail: str) -> None:
    with pytest.raises(SettingsError, match="PARTITA_ALERT_"):
        channels_of(webhook, mail)


def test_a_channels_name_holds_no_secret() -> None:
    _, hook, mail = channels_of(
        "https://u:secret@h.example/p?token=t0k3n", "smtp://u:secret@h.example:25?from=a@b&to=c@d"
    )
    assert (hook.name, mail.name) == ("webhook at h.example", "mail by h.example")

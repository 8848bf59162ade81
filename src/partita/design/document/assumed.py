"""The constants that a document assumes beside those of its brief."""

from __future__ import annotations

HANDLE_MS = 5.0
HEADROOM = 2.0
HOP_MS = 20.0
COMMAND_BYTES = 350
COMMANDS_KEPT_S = 7 * 86_400.0
TAIL_S = 3_600.0
"""Of a compacted topic its cleaner has not reached so much yet."""
MARK_BYTES = 250
OUTAGE_S = 6 * 3_600.0
REPLAY_PER_S = 2_000.0
SESSION_S = 10.0
PARTITION_BYTES_PER_S = 5_000_000
SNAPSHOT_EVENTS = 100
AVAILABILITY = 0.999
BUS_MESSAGES_PER_S = {
    "kafka": 300_000.0, "nats": 100_000.0, "rabbitmq": 20_000.0, "eventbridge": 10_000.0, "database": 3_000.0,
}  # fmt: skip
AWAY_S = 3_600.0
"""A participant, a provider or a database is away for so long in the worst hour of a year."""
WEEKEND_S = 63 * 3_600.0
"""From Friday 18:00 to Monday 09:00."""
TASK_S = 900.0
DESK_S = 6.5 * 3_600.0
"""The time of one decision, and the time that a person has for decisions in a day."""
CALL_S = 0.8
"""The answer of a provider outside."""

"""Of the errors that a Kafka client reports, the one with the cause is kept."""

from __future__ import annotations

import pytest

from partita.clock import SystemClock

kafka = pytest.importorskip("confluent_kafka", reason="no Kafka client; to run these: pip install 'partita[kafka]'")
from partita.bus.kafka.errors import LastError, unavailable  # noqa: E402  # needs the client


def test_a_refused_password_is_not_covered_by_what_follows_from_it() -> None:
    """The client retries, and reports each time that no broker is available."""
    last = LastError(SystemClock())
    for code in (kafka.KafkaError._AUTHENTICATION, kafka.KafkaError._ALL_BROKERS_DOWN, kafka.KafkaError._TRANSPORT):
        last(kafka.KafkaError(code))
    assert "The user name or the password is not accepted" in str(unavailable("kafka://b:1", "an append", last.error))


def test_the_newest_error_is_told_otherwise() -> None:
    """A broker that went away after another error is down."""
    last = LastError(SystemClock())
    for code in (kafka.KafkaError.TOPIC_AUTHORIZATION_FAILED, kafka.KafkaError._ALL_BROKERS_DOWN):
        last(kafka.KafkaError(code))
    assert "No broker answers" in str(unavailable("kafka://b:1", "an append", last.error))

"""The positions of groups, asked of brokers that do not answer: an error each time, never "no group", and never the
end of the process. On librdkafka's mock cluster, whose brokers stop and start in milliseconds."""

from __future__ import annotations

import subprocess
import sys

import pytest

from partita.clock import SystemClock
from partita.errors import BusUnavailable

pytest.importorskip("confluent_kafka", reason="no Kafka client; to run these: pip install 'partita[kafka]'")
from confluent_kafka.admin import AdminClient  # needs the client
from tests.mock_kafka import mock_kafka  # needs the client

from partita.bus.kafka.groups import Groups  # needs the client

COORDINATOR_GOES_AND_COMES = """
import time

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from tests.mock_kafka import mock_kafka

from partita.bus.kafka.groups import Groups
from partita.clock import SystemClock
from partita.errors import BusUnavailable

NO_ANSWER = (BusUnavailable, KafkaException)  # in time, or from a broker that went while it was asked

with mock_kafka() as cluster:
    cluster.create("mock.events")
    settings = {"bootstrap.servers": cluster.servers, "log_level": 0, "reconnect.backoff.max.ms": 100}
    groups = Groups(lambda: AdminClient(settings), cluster.url, SystemClock(), patience_s=(0.5, 0.5))
    for _ in range(3):
        assert groups._positions("g") == {}
        cluster.down()
        try:
            groups._positions("g")
        except NO_ANSWER:
            print("unavailable")
        cluster.up()
    until = time.monotonic() + 30
    while True:
        try:
            assert groups._positions("g") == {}
            break
        except NO_ANSWER:
            assert time.monotonic() < until
print("told")
"""


@pytest.mark.slow
def test_a_coordinator_that_did_not_answer_may_come_back() -> None:
    """The client library aborts the process when a broker answers a coordinator's request after the library has given
    it up: a relay that evaluated alerts when the broker died would have died when it came back. So the test is a
    process."""
    done = subprocess.run(
        [sys.executable, "-c", COORDINATOR_GOES_AND_COMES], capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["unavailable"] * 3 + ["told"]


def test_brokers_that_tell_no_groups_are_not_taken_for_brokers_without_groups() -> None:
    """The client returns the answers it got and, beside them, the brokers that did not answer. Without these, no
    group would ever be behind while no broker runs. The mock's brokers do not know the question, which is an error
    like any other."""
    with mock_kafka() as cluster:
        groups = Groups(
            lambda: AdminClient({"bootstrap.servers": cluster.servers, "log_level": 0}), cluster.url, SystemClock()
        )
        with pytest.raises(BusUnavailable, match="asking about groups"):
            groups.lag(None, {})

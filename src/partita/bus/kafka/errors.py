"""What Kafka's errors mean to us, and the clients' own log lines on their way to Python's logging."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from confluent_kafka import KafkaError, KafkaException

from partita.clock import Clock
from partita.errors import BusRefused, BusUnavailable, SettingsError
from partita.texts.foreign_text import logger

log = logger("partita.bus.kafka")
# What librdkafka writes of its own: that a setting we chose is "experimental", and each attempt to connect; the latter
# is told by `LastError`, once a minute.
SILENT = ("CONFWARN", "FAIL", "GETPID", "FETCHERR", "MAXPOLL")
log.addFilter(lambda line: not line.getMessage().startswith(SILENT))
TOLD_AGAIN_S = 60.0
TOO_LARGE = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE})
# A leader that moved, or a broker that was started again: what the client remembers of the cluster is old.
MOVED = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
    }
)
REFUSALS = frozenset({KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED, KafkaError._SSL})
HINTS = {
    KafkaError._AUTHENTICATION: "The user name or the password is not accepted.",
    KafkaError.SASL_AUTHENTICATION_FAILED: "The user name or the password is not accepted.",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "The user may not use this topic: ask for an ACL.",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "The user may not use this consumer group: ask for an ACL.",
    KafkaError._SSL: "TLS failed: look at security.protocol and ssl.ca.location.",
    KafkaError._ALL_BROKERS_DOWN: "No broker answers.",
    KafkaError._TRANSPORT: "No broker answers.",
    KafkaError.INVALID_REPLICATION_FACTOR: "More copies are declared than brokers are up: partita doctor",
    KafkaError._RESOLVE: "The host name is not known.",
}


def error_of(exception: KafkaException) -> KafkaError:
    """The error inside an exception."""
    found: KafkaError = exception.args[0]
    return found


def unavailable(where: str, doing: str, error: KafkaError | None) -> BusUnavailable:
    """The error for people: what, where, why, and what to do."""
    if error is None:
        return BusUnavailable(f"{where}: {doing} is not answered.", hint="Is the broker up? make servers starts one.")
    kind = BusRefused if error.code() in REFUSALS else BusUnavailable
    return kind(f"{where}: {doing} failed: {error.str()}.", hint=HINTS.get(error.code(), "") or error.name())


@contextlib.contextmanager
def making_a_client(where: str) -> Iterator[None]:
    """Nothing is asked of a broker here: what a client refuses is a setting.

    Raises:
        SettingsError: which one, and why.
    """
    try:
        yield
    except KafkaException as error:
        raise SettingsError(
            f"{where}: the Kafka client takes no such settings: {error_of(error).str()}",
            hint="They are in the URL behind the ?, or in the file that config= names.",
        ) from error


# Told after a refusal as well, since the client tries again and again; they say less than it.
SAY_LITTLE = frozenset({KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._TIMED_OUT})


class LastError:
    """The newest error a client told, but for those that say little after a refusal: where a broker refuses the
    password, a send only ever says "timed out", and the client that no broker is there."""

    def __init__(self, clock: Clock) -> None:
        self.error: KafkaError | None = None
        self._clock = clock
        self._told: dict[int, float] = {}

    def __call__(self, error: KafkaError) -> None:
        """The `error_cb` of a client."""
        now = self._clock.monotonic()
        if now - self._told.get(error.code(), -TOLD_AGAIN_S) >= TOLD_AGAIN_S:
            self._told[error.code()] = now
            log.warning("%s", error.str())
        if not (self.refused and error.code() in SAY_LITTLE):
            self.error = error

    @property
    def refused(self) -> bool:
        """Whether the broker does not take this user's word, or its own is not taken."""
        return self.error is not None and self.error.code() in REFUSALS

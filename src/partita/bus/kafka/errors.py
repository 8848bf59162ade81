"""Kafka's errors as Partita's, and the client library's log lines in Python's logging."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from confluent_kafka import KafkaError, KafkaException

from partita.clock import Clock
from partita.errors import BusRefused, BusUnavailable, SettingsError
from partita.texts.foreign_text import logger

log = logger("partita.bus.kafka")
# Log lines that librdkafka writes on its own: that a setting of ours is "experimental", and each attempt to connect;
# `LastError` logs the latter once a minute.
SILENT = ("CONFWARN", "FAIL", "GETPID", "FETCHERR", "MAXPOLL")
log.addFilter(lambda line: not line.getMessage().startswith(SILENT))
TOLD_AGAIN_S = 60.0
TOO_LARGE = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE})
# A leader moved, or a broker was restarted: the client's knowledge of the cluster is outdated.
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
    """The error for people: action, place, cause and remedy."""
    if error is None:
        return BusUnavailable(f"{where}: {doing} is not answered.", hint="Is the broker up? make servers starts one.")
    kind = BusRefused if error.code() in REFUSALS else BusUnavailable
    return kind(f"{where}: {doing} failed: {error.str()}.", hint=HINTS.get(error.code(), "") or error.name())


@contextlib.contextmanager
def making_a_client(where: str) -> Iterator[None]:
    """Turn an error inside the block into a SettingsError: no broker is asked, so the client refuses a setting.

    Raises:
        SettingsError: names the setting and the reason.
    """
    try:
        yield
    except KafkaException as error:
        raise SettingsError(
            f"{where}: the Kafka client takes no such settings: {error_of(error).str()}",
            hint="They are in the URL behind the ?, or in the file that config= names.",
        ) from error


# Reported after a refusal too, since the client tries again and again; the refusal says more.
SAY_LITTLE = frozenset({KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._TIMED_OUT})


class LastError:
    """The newest error of a client, except those that say little after a refusal: where a broker refuses the
    password, a send reports only "timed out", and the client that there is no broker."""

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
        """Whether the broker refuses this user, or this client does not trust the broker."""
        return self.error is not None and self.error.code() in REFUSALS

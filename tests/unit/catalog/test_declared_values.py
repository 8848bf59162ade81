"""Names and numbers of declarations are checked at import; the error has the user's line."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pytest

from partita import (
    App,
    Command,
    DeclarationError,
    Event,
    Key,
    Retry,
    Saga,
    Service,
    hours,
    minutes,
    retriable,
    seconds,
    step,
)
from partita.catalog.retry import RetryAfter, RetryNow
from partita.topics import Cluster, Load, Sizing

NAN, INF = float("nan"), float("inf")
NO_NUMBER: list[Any] = [NAN, INF, -INF, -1, -0.001, 1e300, 10**400, "1", None, True, Decimal(1), datetime.timedelta(1)]
NO_TIME: list[Any] = [*NO_NUMBER, 0]
NO_COUNT: list[Any] = [*NO_NUMBER, 1.5]

HERE = "test_declared_values.py:"
owner = Service("declared", namespace="declared")


class Begun(Event, of=owner):
    id: Key[str]


class Done(Event, of=owner):
    id: Key[str]


class Undone(Event, of=owner):
    id: Key[str]


class Do(Command[Done], of=owner):
    id: Key[str]


class Undid(Event, of=owner):
    id: Key[str]


class Undo(Command[Undid], of=owner):
    id: Key[str]


@pytest.mark.parametrize("value", NO_NUMBER, ids=repr)
@pytest.mark.parametrize("unit", [seconds, minutes, hours])
def test_a_duration_that_is_none(unit: Any, value: Any) -> None:
    """0 is valid: some waits have no length."""
    with pytest.raises(DeclarationError, match="cannot be"):
        unit(value)
    assert unit(0) == 0


@pytest.mark.parametrize("value", NO_TIME, ids=repr)
def test_a_time_of_a_saga_that_is_none(value: Any) -> None:
    """A timer that never fires, or is due at once."""
    for declare in (
        lambda: step(Do, undo=Undo, timeout=value),
        lambda: retriable(Do, timeout=value),
        lambda: _saga(value),
    ):
        with pytest.raises(DeclarationError, match=f"{HERE}.*(timeout|deadline of Doing)=.* cannot be"):
            declare()


def _saga(deadline: float, version: int = 1) -> None:
    class Doing(Saga, start=Begun, deadline=deadline, undone=Undone, of=owner, version=version):
        do = step(Do, undo=Undo)


@pytest.mark.parametrize("value", [*NO_COUNT, 0], ids=repr)
def test_a_version_that_is_none(value: Any) -> None:
    """It is a part of names on the wire and of stored definitions."""
    with pytest.raises(DeclarationError, match=f"{HERE}.*version of Doing=.* cannot be"):
        _saga(60.0, version=value)
    with pytest.raises(DeclarationError, match=f"{HERE}.*version of Changed=.* cannot be"):

        class Changed(Event, of=owner, version=value):
            id: Key[str]


@pytest.mark.parametrize("name", ["a/b", "../a", "a b", "a\nb", "\x1b[2J", "-a", "x" * 101, 5], ids=ascii)
def test_a_name_that_no_saga_can_have(name: Any) -> None:
    """The name is in the ids of steps, in rows and in metrics."""
    with pytest.raises(DeclarationError, match=f"{HERE}.*as a saga's name"):

        class Named(Saga, start=Begun, deadline=60.0, undone=Undone, of=owner, name=name):
            do = step(Do, undo=Undo)


def test_two_sagas_of_one_name_and_version() -> None:
    """Instances of one saga would continue under the other."""

    class Twice(Saga, start=Begun, deadline=60.0, undone=Undone, of=owner):
        do = step(Do, undo=Undo)

    with pytest.raises(DeclarationError, match="Twice version 1 is declared already"):

        class Second(Saga, start=Begun, deadline=60.0, undone=Undone, of=owner, name="Twice"):
            do = step(Do, undo=Undo)


def test_an_answer_to_a_timeout_that_there_is_not() -> None:
    """If it were accepted, another answer would be used."""
    wrong: Any = "rety"
    with pytest.raises(DeclarationError, match="undo, retry, ask"):
        step(Do, undo=Undo, on_timeout=wrong)


RETRY: list[tuple[str, Any]] = [
    *(("in_place", value) for value in NO_COUNT),
    *((name, value) for name in ("storm", "parked_max") for value in [*NO_COUNT, 0]),
    *((name, value) for name in ("first_wait_s", "wait_s_max", "jitter", "storm_pause_s") for value in NO_NUMBER),
    *(("delays", (60.0, value)) for value in NO_TIME),
    ("delays", 60.0), ("delays", "60"), ("delays", None), ("delays", (1e-9,)),
    ("permanent", ValueError), ("permanent", [ValueError]), ("permanent", ("ValueError",)), ("permanent", (int,)),
    ("policy", "never"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), RETRY, ids=lambda value: repr(value))
def test_a_retry_that_cannot_be(name: str, value: Any) -> None:
    """The error has the line of the declaration."""
    with pytest.raises(DeclarationError, match=f"{HERE}.*{name}"):
        Retry(**{name: value})


@pytest.mark.parametrize("value", NO_NUMBER, ids=repr)
def test_a_wait_that_a_policy_answers(value: Any) -> None:
    """It is a failure of the policy, and is reported like any other."""
    for answer in (RetryNow, RetryAfter):
        with pytest.raises(DeclarationError, match="wait_s"):
            answer(value)


@pytest.mark.parametrize("value", NO_TIME, ids=repr)
def test_a_window_that_is_none(value: Any) -> None:
    """Marks would be deleted at once, or a purge would never end."""
    with pytest.raises(DeclarationError, match=f"{HERE}.*window_s"):
        Service("s", namespace="n", window_s=value)


def test_an_order_that_there_is_not() -> None:
    """If it were accepted, messages would have no order."""
    for wrong in ("keys", "KEY", "", None):
        order: Any = wrong
        with pytest.raises(DeclarationError, match=f"{HERE}.*order="):
            Service("s", namespace="n", order=order)


@pytest.mark.parametrize("value", [*NO_COUNT, 0], ids=repr)
def test_a_concurrency_that_is_none(value: Any) -> None:
    """A handler that never runs."""
    here = Service("s", namespace="n")
    with pytest.raises(DeclarationError, match=f"{HERE}.*concurrency"):

        @here.on(concurrency=value)
        async def look(event: Begun) -> None: ...


@pytest.mark.parametrize("value", [*NO_COUNT, 0], ids=repr)
def test_a_size_that_is_none(value: Any) -> None:
    """Of topics and of clusters."""
    for wrong in (
        lambda: Cluster(brokers=value),
        lambda: Cluster(replication=value),
        lambda: Cluster(min_insync=value),
        lambda: Load(messages_per_s=value) if value not in (1.5, True) else Cluster(brokers=0),
        lambda: Sizing(partitions=value) if value is not None else Cluster(brokers=0),
        lambda: Sizing(replication=value) if value is not None else Cluster(brokers=0),
        lambda: Sizing(retention_s=value) if value not in (None, 1.5, True) else Cluster(brokers=0),
    ):
        with pytest.raises(DeclarationError):
            wrong()


NAMES: list[Any] = [
    "", " ", "../evil", "a/b", "a\\b", ".", "..", ".hidden", "a.b", "a.retry", "/etc/x", "C:x", "a b", "a\nb", "a\0b",
    "\x1b[2J", "ä", "\u202ex", "-a", "a-", "a--b", "_a", "1a", "a;DROP", "a'b", 'a"b', "a%b", "a:b", "a,b", "a*b", "x" * 64,
    "public", "PUBLIC", "Public", "information_schema", "log", "LOG", "partita_log", "pg_catalog", "pg_x", None, 1, b"a",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_name_that_no_service_can_have(name: Any) -> None:
    """It becomes a file, a schema, topics, a group and a variable."""
    with pytest.raises(DeclarationError, match=HERE) as told:
        Service(name, namespace="n")
    assert str(told.value).replace("\n", "").isprintable()


NAMESPACES: list[Any] = [
    "", " ", ".", "a.", ".a", "a..b", "a/b", "../a", "a-b", "a b", "a\n", "1a", "a.1", "ä", "a\0", "\x1b", "a:b", "x" * 101,
    "partita", "Partita", None, 7,
]  # fmt: skip


@pytest.mark.parametrize("namespace", NAMESPACES, ids=ascii)
def test_a_namespace_that_cannot_be(namespace: Any) -> None:
    """It becomes topics and the names of records; `partita` is that of faults."""
    with pytest.raises(DeclarationError, match=HERE) as told:
        Service("s", namespace=namespace)
    assert str(told.value).replace("\n", "").isprintable()


def test_names_that_are_taken() -> None:
    """Letters, digits, - and _; also the longest."""
    for name in ("s", "order-service", "order_service", "Orders2", "a-1", "x" * 63, "logs", "publicity", "pgx"):
        Service(name, namespace="n")
    for namespace in ("s", "shop.order", "a_b.C1", "x" * 100, "partita.app", "_a"):
        Service("s", namespace=namespace)


def test_two_services_of_one_namespace_are_refused() -> None:
    """When two events have one full name, the later one would be taken for both."""
    for one, other in (("w.s", "w.s"), ("w.s", "W.s"), ("w.s", "w_s")):
        with pytest.raises(DeclarationError, match=f"the namespace '{other}' of x is that of s"):
            App(Service("s", namespace=one), Service("x", namespace=other))


def test_two_services_of_one_name_are_refused() -> None:
    """Also names that are equal only as a variable, or as a file on a system that ignores case."""
    for one, other in (("s", "s"), ("order-service", "order_service"), ("orders", "Orders")):
        with pytest.raises(DeclarationError, match="Two services are named"):
            App(Service(one, namespace="a"), Service(other, namespace="b"))
    twice = Service("s", namespace="a")
    with pytest.raises(DeclarationError, match="Two services are named"):
        App(twice, twice)

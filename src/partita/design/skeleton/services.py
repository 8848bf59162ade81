"""`services.py` and `topics.py` of a project: each service with its retries, window and promise, and the sizes of its topics."""

from __future__ import annotations

from collections.abc import Iterator

from partita.design.model.service import ServiceDesign
from partita.design.skeleton.blueprint import Blueprint
from partita.design.skeleton.code import call, number, seconds_of
from partita.design.skeleton.file import WholeFile
from partita.design.skeleton.names import variable_of
from partita.design.skeleton.tables import tables_of
from partita.exports.declaring.python_text import comment, literal

WEEK_S = 604_800.0


def services_file(blue: Blueprint) -> WholeFile:
    """The services, each with the folder of its tables."""
    waits = blue.design.failure.retry_topics.value
    retries = f"RETRY = Retry(delays={seconds_of(waits)})"
    lines = [
        '"""The services: each owns its messages and its database, and no service reads the tables of another."""',
        "",
        "from partita import Retry, Service",
        "",
        f"{retries}  # the waits of the retry topics, in seconds; then a dead letter",
    ]
    for service in blue.services:
        lines += ["", *_service(blue, service)]
    return WholeFile(f"{blue.package}/services.py", "\n".join(lines) + "\n")


def _service(blue: Blueprint, service: ServiceDesign) -> Iterator[str]:
    words = [
        literal(service.name),
        f"namespace={literal(service.namespace)}",
        f"team={literal(service.team or service.name)}",
    ]
    if tables_of(blue, service.name):
        words.append(f'migrations="migrations/{variable_of(service.name)}"')
    words += ["retry=RETRY", f"window_s={number(window_s(blue, service.name))}"]
    words.append(f"compatibility={literal(blue.design.compatibility.value)}")
    if service.kind != "service":
        yield comment({
            "projection": "keeps read models alone",
            "human": "its answers are decisions of people",
            "external": "a program of others: its handlers in fakes/ are stand-ins, and do not run in production",
        }[service.kind])  # fmt: skip
    yield call(f"{variable_of(service.name)} = Service", words)


def window_s(blue: Blueprint, service: str) -> float:
    """The seconds for which a service knows its messages: those of the failure policy and of each rule that names an end, and at
    least the deadlines of its sagas with all retries, so that it knows the last copy of a command. A rule without an end is kept
    by `dedupe_by`, whose keys are remembered for ever."""
    design = blue.design
    ends = [rule.window for rule in design.rules if rule.kind == "exactly-once-effect" and rule.window]
    retries_s = sum(design.failure.retry_topics.value)
    sagas = [saga for saga in design.sagas if service in (saga.at, *(step.at for step in saga.steps))]
    return max([design.failure.window.value, *ends, *(saga.deadline.value + retries_s for saga in sagas)])


def topics_file(blue: Blueprint) -> WholeFile:
    """The plan of the topics: partitions, copies and retention."""
    bus = blue.design.bus
    copies = max(1, bus.replication.value)
    sizes = [
        f"        {literal(service.namespace)}: "
        f"Sizing(partitions={bus.partitions.value}, retention_s={_retention(blue, service)}),"
        for service in {each.namespace: each for each in blue.services}.values()
        if any(message.service == service.name for message in blue.messages.values())
    ]
    cluster = f"Cluster(brokers=BROKERS, replication=COPIES, min_insync={'max(1, COPIES - 1)' if copies > 1 else 1})"
    text = "\n".join(
        [
            '"""The topics: `partita topics describe` shows their numbers, `partita topics plan` how a broker differs."""',
            "",
            "from os import environ",
            "",
            "from partita.topics import Cluster, Sizing, TopicPlan",
            "",
            "# The Kafka of compose.yaml has one broker, and one broker holds one copy: KAFKA_BROKERS=1.",
            f'BROKERS = int(environ.get("KAFKA_BROKERS", "{copies}"))',
            f"COPIES = min({copies}, BROKERS)" if copies > 1 else "COPIES = 1",
            "TOPICS = TopicPlan(",
            f"    cluster={cluster},",
            "    of={",
            *sizes,
            "    },",
            ")",
        ]
    )
    return WholeFile(f"{blue.package}/topics.py", text + "\n")


def _retention(blue: Blueprint, service: ServiceDesign) -> str:
    """The longest retention of the service's events: they share a topic."""
    kept = [event.retention.value for event in blue.design.events if event.by == service.name and not event.lossy]
    if None in kept:
        return "None"
    return number(max([each for each in kept if each is not None], default=blue.design.load.retention.value or WEEK_S))

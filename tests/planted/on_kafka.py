"""Bugs in what only Kafka has: a membership that outlives its process, and a broker that moves no group with members."""

from __future__ import annotations

from tests.planted.finders import RUNS
from tests.planted.planting import Plant, swap

ON_KAFKA = {
    "left-with-a-record-in-hand-on-kafka": Plant(
        "Handlers",
        "who runs a handler that takes long loses its partitions; the next member runs it as long, and loses them too (Kafka)",
        "Reader._is_stale",
        swap("return silent and not self._works()", "return silent"),
        "tests/conformance/test_kafka_reader.py::test_who_runs_a_handler_keeps_its_partitions_however_long_it_takes",
    ),
    "reset-beside-members-on-kafka": Plant(
        "Watch",
        "a reset that the broker refuses, because the group has members, says that it was done (Kafka)",
        "Groups.reset",
        swap(
            "if members:",
            "if False:",
            "if place.error is not None}",
            "if place.error is not None and place.partition < 0}",
        ),
        RUNS + "operators/test_reset_groups.py::test_it_is_refused_before_anything_or_done_whole[kafka]",
    ),
}

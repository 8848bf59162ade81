"""Bugs in what only Kafka has: a membership that outlives its process, and a broker that moves no group with members."""

from __future__ import annotations

from tests.planted.finders import BINARY, RUNS
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
    "envelope-left-out-with-the-attributes": Plant(
        "Values",
        "a topic with fewer headers loses our own too: the number of a key and the step of a saga are gone (Kafka)",
        "BinaryMode.headers_of",
        swap("            ours,\n        ]", "        ]"),
        BINARY + "test_each_choice_of_headers_brings_back_each_byte[required]",
    ),
    "attributes-left-out-for-strangers": Plant(
        "Values",
        "commands to a participant in another language lose their attributes by this app's default (Kafka)",
        "Specs.headers",
        swap('"full" if declared is None', '"ours" if declared is None'),
        "tests/unit/topics/test_topics.py::test_the_headers_of_a_topic_of_another_app_are_all",
    ),
    "stranger-not-named": Plant(
        "Watch",
        "headers are taken from a topic that another program reads, and neither plan nor doctor names it (Kafka)",
        "read_elsewhere",
        swap('topic.headers != "full"', 'topic.headers == "required"'),
        "tests/unit/topics/test_topics.py::test_a_reader_from_elsewhere_is_told_where_headers_are_left_out",
    ),
}

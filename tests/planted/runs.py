"""Bugs by which two runs of one seed differ: an order of hashes, the day, the process, or a die without the seed."""

from __future__ import annotations

from tests.planted.finders import RUNS
from tests.planted.planting import Plant, swap

SAME_BYTES = RUNS + "machine/test_virtual_machine.py::test_a_seed_leaves_the_same_bytes_whatever_the_order_of_sets[few]"

SEEDED_RUNS = {
    "woken-in-the-order-of-a-set": Plant(
        "Runs",
        "those who wait for a topic are woken in the order of a set of topics",
        "LogBus.append",
        swap(
            "topics: dict[str, None] = {}",
            "topics: set[str] = set()",
            "topics[record.topic] = None",
            "topics.add(record.topic)",
        ),
        SAME_BYTES.replace("few", "one"),  # topics are woken together only where a backlog is long
    ),
    "started-in-the-order-of-a-set": Plant(
        "Runs",
        "workers are started in the order of a set of names",
        "Supervisor.start",
        swap("for w in self.workers]", "for w in sorted(self.workers, key=lambda w: hash(w.worker.name))]"),
        SAME_BYTES,
    ),
    "relayed-in-the-order-of-a-set": Plant(
        "Runs",
        "what leaves at once is appended in the order of a set of keys",
        "Relay._relay_once",
        swap(
            "        if not taken:\n",
            "        keys = list({row.key for _, row in taken})\n"
            "        taken = sorted(taken, key=lambda each: keys.index(each[1].key))\n"
            "        if not taken:\n",
        ),
        SAME_BYTES,
    ),
    "store-by-the-day": Plant(
        "Runs",
        "the store has a clock of its own",
        "SqliteStore.now_us",
        swap("return self._clock.now_us()", "import time\n        return time.time_ns() // 1_000"),
        SAME_BYTES,
    ),
    "named-after-its-process": Plant(
        "Runs",
        "a member is named after the number of its process",
        "Machine.new_name",
        swap("{self.process}", "{__import__('os').getpid()}"),
        SAME_BYTES,
    ),
    "id-by-chance": Plant(
        "Runs",
        "the ids of messages come from a dice that nobody gave",
        "Composer.compose",
        swap("message_id or self.ids.new()", "message_id or str(__import__('uuid').uuid4())"),
        SAME_BYTES,
    ),
}

"""Each choice of headers on Kafka, in turn in one run on one broker: the CPU time of a record that one process appends and reads, and
that of a checkout by process, whose effects are verified."""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import checkout
from ours import median, throughput
from place import Stage, stage

from partita.bus.connect import connect_bus
from partita.bus.port import Bus, Outgoing, Subscription, TopicSpec
from partita.cloudevents.binary_mode import HEADER_SETS, HeaderSet
from partita.machine.system import this_machine
from partita.message import TRACE_OF_CORRELATION, Envelope, SagaAddress, envelope_to_bytes

ORDER = "0192f3a1-7b1c-7c3e-8000-0123456789ab"
COMMAND = Envelope(
    id="0192f3a1-7b1c-7c3e-8000-0123456789ac",
    source="order-service/0192f3a17b1c7c3e8000.1",
    type="shop.payment.v1.ChargePayment",
    time_us=1_764_000_000_000_042,
    correlation_id=ORDER,
    kind="command",
    causation_id=ORDER,
    traceparent=TRACE_OF_CORRELATION,
    schema="0123456789abcdef",
    saga=SagaAddress("Checkout", ORDER, "pay", 1, "do"),
    key_sequence=3,
)
RECORDS, BATCH = 2_000, 250


async def records(url: str, turns: int) -> Mapping[HeaderSet, Sequence[float]]:
    """Microseconds of CPU for a record, its append and its way back to a consumer of this process, by turn."""
    parts: dict[HeaderSet, tuple[Bus, Subscription, str]] = {}
    for headers in HEADER_SETS:
        bus, topic = connect_bus(url, this_machine(), None).bus, f"bench.{headers}"
        await bus.open()
        await bus.ensure_topics([TopicSpec(name=topic, headers=headers)])
        parts[headers] = bus, bus.subscribe(topic, [topic], "one"), topic
    found: dict[HeaderSet, list[float]] = {headers: [] for headers in HEADER_SETS}
    for turn in range(turns):
        for headers, (bus, subscription, topic) in parts.items():
            envelope = envelope_to_bytes(COMMAND)
            going = [Outgoing(topic, f"k{n % 50}", envelope, b"x" * 60, f"{turn}-{n}") for n in range(RECORDS)]
            begun, left = _spent(), RECORDS
            for first in range(0, RECORDS, BATCH):
                await bus.append(going[first : first + BATCH])
            while left:
                polled = await subscription.poll(BATCH)
                subscription.done(polled.records)
                left -= len(polled.records)
                if not polled.records:
                    await subscription.keep()
                    await asyncio.sleep(0.02)
            found[headers].append((_spent() - begun) / RECORDS * 1e6)
    for bus, subscription, _ in parts.values():
        await subscription.close()
        await bus.close()
    return found


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def checkouts(here: Stage, headers: HeaderSet, count: int) -> tuple[float, Mapping[str, float]]:
    """One run in a new database, without topics of the run before."""
    os.environ["BENCH_HEADERS"] = headers  # for the processes that are started
    checkout.app.topics = checkout.carrying(headers)
    with here.place() as where:
        return throughput(count, where)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=25, help="turns of 2,000 records of each choice (25)")
    parser.add_argument("--runs", type=int, default=5, help="runs of checkouts of each choice (5)")
    parser.add_argument("--count", type=int, default=2_000, help="checkouts of a run (2,000)")
    options = parser.parse_args()
    found: dict[HeaderSet, list[tuple[float, Mapping[str, float]]]] = {headers: [] for headers in HEADER_SETS}
    with stage("kafka") as here:
        with here.place() as where:
            each = asyncio.run(records(where.bus, options.turns))
        for _ in range(options.runs):
            for headers in HEADER_SETS:
                found[headers].append(checkouts(here, headers, options.count))
    lines = [f"{'headers':<10} us a record, append and read: least, median"]
    lines += [f"{headers:<10} {min(spent):.1f}, {median(spent):.1f}" for headers, spent in each.items()]
    for headers, runs in found.items():
        for name in runs[0][1] if runs else ():
            parts = [cpu[name] for _, cpu in runs]
            lines.append(f"{headers:<10} us a checkout, {name}: least {min(parts):,.0f}, median {median(parts):,.0f}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

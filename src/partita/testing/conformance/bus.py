"""The requirements of every bus, as cases: `for case in plan(bus.features).run: await case(open_bus)`.

`open_bus` opens the same log or broker each time it is called within a case, as other processes would. Each case names
its features; `plan(...).left_out` lists the cases that are not run for a bus, with the features that the bus lacks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from partita.bell import Bell
from partita.bus.features import NONE, Feature
from partita.bus.port import BEHIND, Bus, Fence, Record, TopicSpec
from partita.cloudevents.binary_mode import HEADER_SETS
from partita.errors import FeatureAbsent, Fenced
from partita.message import Envelope, SagaAddress, envelope_to_bytes
from partita.size import RECORD_BYTES_MAX
from partita.testing.conformance import groups, positions, topics
from partita.testing.conformance.case import Case, Plan, planned
from partita.testing.conformance.topics import OpenBus as OpenBus


async def records_of_a_key_come_in_order(open_bus: OpenBus) -> None:
    """One (topic, key) is one partition, in append order."""
    async with topics.opened(open_bus) as bus:
        for n in range(0, 60, 6):
            await bus.append([topics.outgoing(n + i, f"k{i % 3}") for i in range(6)])
        subscription = bus.subscribe("group", [topics.TOPIC], "one")
        records = await topics.drain(subscription, 60)
        assert sorted(topics.numbers(records)) == list(range(60)), "each record once"
        for key in ("k0", "k1", "k2"):
            mine = [r for r in records if r.key == key]
            assert topics.numbers(mine) == sorted(topics.numbers(mine)), f"the order of {key} was not kept"
            assert len({r.partition for r in mine}) == 1, "a key is in one partition"
            assert [r.offset for r in mine] == sorted({r.offset for r in mine}), "offsets grow"
        await subscription.close()


async def bytes_and_keys_come_as_they_went(open_bus: OpenBus) -> None:
    """A bus carries bytes and does not read them: junk, emptiness, other scripts, no key."""
    values = [b"", b"\x00\xff" * 10, bytes(range(256))]
    keys = [None, "", "ключ \N{SNOWMAN}"]
    async with topics.opened(open_bus) as bus:
        await bus.append([topics.outgoing(n, k, v) for n, (k, v) in enumerate(zip(keys, values, strict=True))])
        subscription = bus.subscribe("group", [topics.TOPIC], "one")
        records = await topics.drain(subscription, 3)
        got = {(r.key, r.value, r.headers) for r in records}
        assert got == {(k, v, b"\x00headers\xff") for k, v in zip(keys, values, strict=True)}
        await subscription.close()


async def headers_are_chosen_and_each_byte_comes_back(open_bus: OpenBus) -> None:
    """The headers of a topic's records change process by process; readers see all choices in one topic."""
    born = Envelope(
        id="m-1", source="s", type="t.v1.T", time_us=1, correlation_id="c", schema="0" * 16, key_sequence=7,
        saga=SagaAddress("Checkout", "1", "take", 2, "do"),
    )  # fmt: skip
    envelopes = [b"\x00headers\xff", envelope_to_bytes(born)]
    sent: list[tuple[bytes, bytes]] = []
    for carried in (*HEADER_SETS, "full"):
        async with topics.opened(open_bus) as bus:
            await bus.ensure_topics([TopicSpec(name=topics.TOPIC, partitions=4, headers=carried)])
            going = [topics.outgoing(len(sent) + n)._replace(headers=held) for n, held in enumerate(envelopes)]
            assert await bus.append(going) == [None, None]
            sent += [(each.value, each.headers) for each in going]
    async with topics.opened(open_bus) as bus:
        subscription = bus.subscribe("group", [topics.TOPIC], "one")
        records = await topics.drain(subscription, len(sent))
        assert [(r.value, r.headers) for r in records] == sent, "an envelope is lost, changed or out of order"
        await subscription.close()


async def what_is_there_is_read_without_a_group(open_bus: OpenBus) -> None:
    """For people who look at the log: a group still begins at the oldest record."""
    async with topics.opened(open_bus) as bus:
        await bus.append([topics.outgoing(n, f"k{n % 3}") for n in range(9)])
        read = [record async for records in bus.history([topics.TOPIC, "conformance.absent"], 0) for record in records]
        assert sorted(topics.numbers(read)) == list(range(9))
        late = max(record.appended_us for record in read) + 3_600_000_000
        assert not [record async for records in bus.history([topics.TOPIC], late) for record in records]
        assert await bus.partitions([topics.TOPIC, "conformance.absent"]) == {topics.TOPIC: 4}
        subscription = bus.subscribe("group", [topics.TOPIC], "one")
        assert sorted(topics.numbers(await topics.drain(subscription, 9))) == list(range(9))
        await subscription.close()


async def what_was_not_done_comes_again(open_bus: OpenBus) -> None:
    """At least once: when a member dies before `done`, the next member gets the record."""
    async with topics.opened(open_bus) as bus:
        await bus.append([topics.outgoing(n) for n in range(10)])
        first = bus.subscribe("group", [topics.TOPIC], "one")
        records = await topics.drain(first, 10, done=False)
        first.done(records[:4])
        await first.close()
        second = bus.subscribe("group", [topics.TOPIC], "two")
        again = topics.numbers(await topics.drain(second, 6))
        assert again[-6:] == [4, 5, 6, 7, 8, 9], "records that were not done are lost or out of order"
        await second.close()


async def done_out_of_order_holds_the_position_behind_the_oldest(open_bus: OpenBus) -> None:
    """The watermark: an unfinished record comes again after a crash, even when later ones are done."""
    async with topics.opened(open_bus) as bus:
        await bus.append([topics.outgoing(n) for n in range(6)])
        first = bus.subscribe("group", [topics.TOPIC], "one")
        records = await topics.drain(first, 6, done=False)
        first.done([r for r in records if int(r.value) != 2])
        await first.keep()
        await first.close()
        second = bus.subscribe("group", [topics.TOPIC], "two")
        assert 2 in topics.numbers(await topics.drain(second, 1)), "a record that was never done is lost"
        await second.close()


async def what_was_done_does_not_come_again(open_bus: OpenBus) -> None:
    """After an orderly close the group continues behind its last record."""
    async with topics.opened(open_bus) as bus:
        await bus.append([topics.outgoing(n) for n in range(5)])
        first = bus.subscribe("group", [topics.TOPIC], "one")
        await topics.drain(first, 5)
        await first.close()
        await bus.append([topics.outgoing(5)])
        second = bus.subscribe("group", [topics.TOPIC], "two")
        assert topics.numbers(await topics.drain(second, 1)) == [5]
        await second.close()


async def a_topic_that_comes_later_is_joined(open_bus: OpenBus) -> None:
    """The topic of a service that runs in another program may be made after the group has joined."""
    async with topics.opened(open_bus) as bus:
        later = f"{topics.TOPIC}.later"
        await bus.append([topics.outgoing(0)])
        subscription = bus.subscribe("group", [topics.TOPIC, later], "one")
        assert topics.numbers(await topics.drain(subscription, 1)) == [0]
        await bus.append([topics.outgoing(1)._replace(topic=later)])
        found = await topics.drain(subscription, 1)
        for _ in range(4):  # a client may ask for new topics every half minute
            found = found or await topics.drain(subscription, 1)
        assert topics.numbers(found) == [1], "a topic that came later is never read"
        await subscription.close()


async def groups_are_independent(open_bus: OpenBus) -> None:
    """Each group gets every record, from the oldest on."""
    async with topics.opened(open_bus) as bus:
        await bus.append([topics.outgoing(n) for n in range(5)])
        for group in ("a", "b"):
            subscription = bus.subscribe(group, [topics.TOPIC], "one")
            assert sorted(topics.numbers(await topics.drain(subscription, 5))) == [0, 1, 2, 3, 4]
            await subscription.close()


async def two_members_share_and_nothing_goes_to_both(open_bus: OpenBus) -> None:
    """A new member gets its share by a hand-over; while both members live, no record comes twice."""
    async with topics.opened(open_bus) as one_bus, topics.opened(open_bus) as two_bus:
        one = one_bus.subscribe("group", [topics.TOPIC], "one")
        alone = await one.poll(10)
        two = two_bus.subscribe("group", [topics.TOPIC], "two")
        shares: dict[str, int] = {}
        until = asyncio.get_running_loop().time() + topics.PATIENCE_S
        held: dict[str, set[tuple[str, int]]] = {"one": set(alone.assigned), "two": set()}
        while asyncio.get_running_loop().time() < until and min(len(h) for h in held.values()) < 2:
            for name, member in (("one", one), ("two", two)):
                await member.keep()
                polled = await member.poll(10)
                held[name] = (held[name] | set(polled.assigned)) - set(polled.revoked)
                await member.release(polled.revoked)
            await topics.pause()
        await one_bus.append([topics.outgoing(n, f"k{n}") for n in range(40)])
        seen: list[int] = []
        while len(seen) < 40 and asyncio.get_running_loop().time() < until:
            for name, member in (("one", one), ("two", two)):
                polled = await member.poll(100)
                member.done(polled.records)
                seen += topics.numbers(polled.records)
                shares[name] = shares.get(name, 0) + len(polled.records)
            await topics.pause()
        assert sorted(seen) == list(range(40)), "a record came twice or not at all"
        assert min(shares.values()) > 0, "a member got no share"
        await one.close()
        await two.close()


async def who_leaves_is_replaced(open_bus: OpenBus) -> None:
    """The partitions of a member that left go to the other members."""
    async with topics.opened(open_bus) as bus:
        one, two = bus.subscribe("group", [topics.TOPIC], "one"), bus.subscribe("group", [topics.TOPIC], "two")
        for _ in range(3):
            for member in (one, two):
                await member.keep()
                polled = await member.poll(10)
                await member.release(polled.revoked)
        await one.close()
        await bus.append([topics.outgoing(n, f"k{n}") for n in range(20)])
        assert sorted(topics.numbers(await topics.drain(two, 20))) == list(range(20))
        await two.close()


async def a_record_over_the_limit_is_refused_alone(open_bus: OpenBus) -> None:
    """It is refused for good, with the reason. Records of other keys, and without a key, are appended."""
    async with topics.opened(open_bus) as bus:
        big = topics.outgoing(1, "k", b"x" * (RECORD_BYTES_MAX + 1))
        answers = await bus.append([topics.outgoing(0), big, topics.outgoing(2, "other"), topics.outgoing(3, None)])
        assert answers[0] is None and answers[2] is None and answers[3] is None, "another record is refused"
        assert answers[1] not in (None, BEHIND), "the large one is not refused with a reason"
        unkeyed = await bus.append([topics.outgoing(4, None, big.value), topics.outgoing(5, None)])
        assert unkeyed[0] and unkeyed[1] is None, "without a key there is no order"
        subscription = bus.subscribe("group", [topics.TOPIC], "one")
        assert sorted(topics.numbers(await topics.drain(subscription, 4))) == [0, 2, 3, 5]
        await subscription.close()


async def nothing_of_a_key_passes_a_refused_record(open_bus: OpenBus) -> None:
    """Later records of its key in the batch are left out and reported; another topic's key of that name is another key."""
    async with topics.opened(open_bus) as bus:
        await bus.ensure_topics([TopicSpec(name=f"{topics.TOPIC}.more", partitions=4)])
        big = topics.outgoing(0, "k", b"x" * (RECORD_BYTES_MAX + 1))
        elsewhere = topics.outgoing(3)._replace(topic=f"{topics.TOPIC}.more")
        answers = await bus.append(
            [big, topics.outgoing(1), topics.outgoing(2, "other"), elsewhere, topics.outgoing(4)]
        )
        assert answers[0] not in (None, BEHIND) and list(answers[1:]) == [BEHIND, None, None, BEHIND], answers
        assert list(await bus.append([topics.outgoing(0), topics.outgoing(1), topics.outgoing(4)])) == [
            None,
            None,
            None,
        ]
        subscription = bus.subscribe("group", [topics.TOPIC], "one")
        records = await topics.drain(subscription, 4)
        assert [int(r.value) for r in records if r.key == "k"] == [0, 1, 4], "the order of the key was broken"
        await subscription.close()


async def an_old_epoch_appends_nothing(open_bus: OpenBus) -> None:
    """A relay that was paused must not append rows that its successor has already sent. Without fencing the receivers drop
    its copies: the engine's tests show it."""
    async with topics.opened(open_bus) as bus:
        await bus.append([topics.outgoing(0)], [Fence("outbox/0", 1)])
        await bus.append([topics.outgoing(1)], [Fence("outbox/0", 2), Fence("outbox/1", 1)])
        try:
            await bus.append([topics.outgoing(2)], [Fence("outbox/1", 1), Fence("outbox/0", 1)])
        except Fenced:
            pass
        else:
            raise AssertionError("an old epoch was accepted")
        subscription = bus.subscribe("group", [topics.TOPIC], "one")
        assert sorted(topics.numbers(await topics.drain(subscription, 2))) == [0, 1]
        await subscription.close()


async def an_append_makes_a_topic_as_it_was_declared(open_bus: OpenBus) -> None:
    """If the bus did not answer at the declaration of a topic, the relay may be the first to reach it."""
    async with topics.opened(open_bus) as bus:
        topic = f"{topics.TOPIC}-late"
        try:
            async with asyncio.timeout(0):
                await bus.ensure_topics([TopicSpec(name=topic, partitions=7)])
        except TimeoutError:
            pass
        await bus.append([topics.outgoing(0)._replace(topic=topic)])
        subscription = bus.subscribe("group", [topic], "one")
        assigned: set[tuple[str, int]] = set()
        until = asyncio.get_running_loop().time() + topics.PATIENCE_S
        while not assigned and asyncio.get_running_loop().time() < until:
            await subscription.keep()
            assigned |= set((await subscription.poll(0)).assigned)
            await topics.pause()
        assert len(assigned) == 7, "made with other partitions than declared"
        assert topics.numbers(await topics.drain(subscription, 1)) == [0]
        await subscription.close()


async def a_group_is_woken(open_bus: OpenBus) -> None:
    """A caller need not poll in a loop: the subscription signals new records."""
    async with topics.opened(open_bus) as one, topics.opened(open_bus) as two:
        bell = Bell()
        subscription = two.subscribe("group", [topics.TOPIC], "one", bell)
        await topics.drain(subscription, 0)
        await subscription.poll(10)
        bell.begin()
        await one.append([topics.outgoing(0)])
        await asyncio.wait_for(bell.wait(), topics.PATIENCE_S)
        assert topics.numbers(await topics.drain(subscription, 1)) == [0]
        await subscription.close()


async def only_what_every_group_has_handled_is_trimmed(open_bus: OpenBus) -> None:
    """Retention must never take a record from a group that still needs it."""
    async with topics.opened(open_bus) as bus:
        await bus.append([topics.outgoing(n) for n in range(6)])
        fast, slow = bus.subscribe("fast", [topics.TOPIC], "one"), bus.subscribe("slow", [topics.TOPIC], "one")
        await topics.drain(fast, 6)
        records = await topics.drain(slow, 6, done=False)
        slow.done(records[:2])
        await fast.close()
        await slow.close()
        await bus.trim(2**62)
        again = bus.subscribe("slow", [topics.TOPIC], "two")
        assert topics.numbers(await topics.drain(again, 4)) == [2, 3, 4, 5], "retention took what a group still needs"
        await again.close()


async def it_says_that_it_answers(open_bus: OpenBus) -> None:
    """A probe asks each second, so the question needs no topic and no group."""
    async with topics.opened(open_bus) as bus:
        await bus.answers()


async def a_large_batch_comes_whole(open_bus: OpenBus) -> None:
    """Thousands of records at once, over all partitions, arrive once each."""
    async with topics.opened(open_bus) as bus:
        await bus.append([topics.outgoing(n, f"k{n % 97}") for n in range(3_000)])
        subscription = bus.subscribe("group", [topics.TOPIC], "one")
        assert sorted(topics.numbers(await topics.drain(subscription, 3_000))) == list(range(3_000))
        await subscription.close()


async def dense_offsets_have_no_gaps(open_bus: OpenBus) -> None:
    """A subtraction of offsets counts records, also after appends to other partitions and after a refused record."""
    async with topics.opened(open_bus) as bus:
        big = topics.outgoing(99, "k", b"x" * (RECORD_BYTES_MAX + 1))
        await bus.append([topics.outgoing(n, f"k{n % 5}") for n in range(20)])
        await bus.append([topics.outgoing(20, "k1"), big])
        await bus.append([topics.outgoing(n, f"k{n % 5}") for n in range(21, 30)])
        subscription = bus.subscribe("group", [topics.TOPIC], "one")
        places: dict[tuple[str, int], list[int]] = {}
        for record in await topics.drain(subscription, 30):
            places.setdefault(record.at, []).append(record.offset)
        for offsets in places.values():
            assert offsets == list(range(offsets[0], offsets[0] + len(offsets))), "there is a gap"
        await subscription.close()


async def what_is_not_declared_is_refused(open_bus: OpenBus) -> None:
    """A caller would believe an empty answer: that no group is behind, or that no record is left to read again."""
    async with topics.opened(open_bus) as bus:
        await bus.append([topics.outgoing(0)])
        questions: Mapping[str, tuple[Feature, Callable[[], Awaitable[object]]]] = {
            "lag": (Feature.LAG, bus.lag),
            "reset": (Feature.REPLAY, partial(bus.reset, "undeclared", topics.TOPIC, True)),
            "read": (Feature.REPLAY, partial(bus.read, topics.TOPIC, 0, None, 1)),
            "history": (Feature.REPLAY, partial(_history, bus)),
        }
        for name, (feature, question) in questions.items():
            try:
                await question()
            except FeatureAbsent:
                assert feature not in bus.features, f"{name} is refused, though {feature.name} is declared"
            else:
                assert feature in bus.features, f"{name} is answered, though {feature.name} is not declared"


async def _history(bus: Bus) -> list[Record]:
    return [record async for records in bus.history([topics.TOPIC], 0) for record in records]


CASES: tuple[Case, ...] = (
    Case(Feature.KEY_ORDER | Feature.PARTITIONS | Feature.OFFSETS, records_of_a_key_come_in_order),
    Case(NONE, bytes_and_keys_come_as_they_went),
    Case(Feature.KEY_ORDER, headers_are_chosen_and_each_byte_comes_back),
    Case(Feature.REPLAY, what_is_there_is_read_without_a_group),
    Case(Feature.KEY_ORDER, what_was_not_done_comes_again),
    Case(NONE, done_out_of_order_holds_the_position_behind_the_oldest),
    Case(NONE, what_was_done_does_not_come_again),
    Case(NONE, a_topic_that_comes_later_is_joined),
    Case(Feature.REPLAY, groups_are_independent),
    Case(Feature.PARTITIONS, two_members_share_and_nothing_goes_to_both),
    Case(NONE, who_leaves_is_replaced),
    Case(NONE, a_record_over_the_limit_is_refused_alone),
    Case(Feature.KEY_ORDER, nothing_of_a_key_passes_a_refused_record),
    Case(Feature.FENCING, an_old_epoch_appends_nothing),
    Case(Feature.PARTITIONS, an_append_makes_a_topic_as_it_was_declared),
    Case(NONE, a_group_is_woken),
    Case(Feature.DENSE_OFFSETS, dense_offsets_have_no_gaps),
    Case(Feature.REPLAY | Feature.KEY_ORDER, only_what_every_group_has_handled_is_trimmed),
    Case(NONE, a_large_batch_comes_whole),
    Case(NONE, it_says_that_it_answers),
    Case(NONE, what_is_not_declared_is_refused),
    *groups.CASES,
    *positions.CASES,
)


def plan(features: Feature) -> Plan:
    """The cases that a bus with these features must pass, and those that are not run for it."""
    return planned(CASES, features)

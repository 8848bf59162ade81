"""What every bus must do, as cases: `for case in CASES: await case(open_bus)`.

`open_bus` opens the same log or broker each time it is called within a case, as other processes would.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from partita.bus.port import BEHIND, RECORD_BYTES_MAX, Bus, Fence, Outgoing, Record, Stand, Subscription, TopicSpec
from partita.errors import BusUnavailable, Conflict, Fenced

OpenBus = Callable[[], Awaitable[Bus]]
Case = Callable[[OpenBus], Awaitable[None]]
TOPIC = "conformance.events"
PATIENCE_S = 10.0


@asynccontextmanager
async def _opened(open_bus: OpenBus) -> AsyncIterator[Bus]:
    bus = await open_bus()
    await bus.ensure_topics([TopicSpec(name=TOPIC, partitions=4)])
    try:
        yield bus
    finally:
        await bus.close()


def outgoing(number: int, key: str | None = "k", value: bytes | None = None) -> Outgoing:
    """A record for the cases; its value is its number."""
    return Outgoing(TOPIC, key, b"\x00headers\xff", str(number).encode() if value is None else value, f"id{number}")


async def _drain(subscription: Subscription, count: int, *, done: bool = True) -> list[Record]:
    """Poll until so many records came, or patience ends."""
    found: list[Record] = []
    until = asyncio.get_running_loop().time() + PATIENCE_S
    while len(found) < count and asyncio.get_running_loop().time() < until:
        try:
            polled = await subscription.poll(100)
        except BusUnavailable:  # a topic that was just made may change its leader: a consumer asks again
            await _pause()
            continue
        if polled.revoked:
            await subscription.release(polled.revoked)
        found += polled.records
        if done:
            subscription.done(polled.records)
        if not polled.records:
            await subscription.keep()
            await _pause()
    return found


async def _pause() -> None:
    event = asyncio.Event()
    asyncio.get_running_loop().call_later(0.02, event.set)
    await event.wait()


def _numbers(records: Sequence[Record]) -> list[int]:
    return [int(r.value) for r in records]


async def records_of_a_key_come_in_order(open_bus: OpenBus) -> None:
    """One (topic, key) is one partition, in append order."""
    async with _opened(open_bus) as bus:
        for n in range(0, 60, 6):
            await bus.append([outgoing(n + i, f"k{i % 3}") for i in range(6)])
        subscription = bus.subscribe("group", [TOPIC], "one")
        records = await _drain(subscription, 60)
        assert sorted(_numbers(records)) == list(range(60)), "each record once"
        for key in ("k0", "k1", "k2"):
            mine = [r for r in records if r.key == key]
            assert _numbers(mine) == sorted(_numbers(mine)), f"the order of {key} was not kept"
            assert len({r.partition for r in mine}) == 1, "a key is in one partition"
            assert [r.offset for r in mine] == sorted({r.offset for r in mine}), "offsets grow"
        await subscription.close()


async def bytes_and_keys_come_as_they_went(open_bus: OpenBus) -> None:
    """A bus carries, it does not read: junk, emptiness, other scripts, no key."""
    values = [b"", b"\x00\xff" * 10, bytes(range(256))]
    keys = [None, "", "ключ \N{SNOWMAN}"]
    async with _opened(open_bus) as bus:
        await bus.append([outgoing(n, k, v) for n, (k, v) in enumerate(zip(keys, values, strict=True))])
        subscription = bus.subscribe("group", [TOPIC], "one")
        records = await _drain(subscription, 3)
        got = {(r.key, r.value, r.headers) for r in records}
        assert got == {(k, v, b"\x00headers\xff") for k, v in zip(keys, values, strict=True)}
        await subscription.close()


async def a_group_that_is_put_back_reads_again_from_there(open_bus: OpenBus) -> None:
    """Its database was put back from a backup. A successor begins there too; what comes after is read once."""
    async with _opened(open_bus) as bus:
        await bus.append([outgoing(n) for n in range(6)])
        first = bus.subscribe("group", [TOPIC], "one")
        records = await _drain(first, 6)
        await first.keep()
        place = records[0].at
        await first.close()
        second = bus.subscribe("group", [TOPIC], "two")
        stand = await _stands(second, place)
        assert (stand.next, stand.head) == (records[5].offset + 1, records[5].offset + 1)
        assert stand.oldest <= records[0].offset and not stand.cut
        assert stand.log == await bus.identity() != ""
        await second.rewind(place, records[2].offset)
        assert _numbers(await _drain(second, 4, done=False)) == [2, 3, 4, 5]
        await second.keep()
        await second.close()
        third = bus.subscribe("group", [TOPIC], "three")
        assert (await _stands(third, place)).next == records[2].offset
        await bus.append([outgoing(6)])
        assert _numbers(await _drain(third, 5)) == [2, 3, 4, 5, 6]
        assert await third.stand((TOPIC, 99)) is None
        await third.close()


async def _stands(subscription: Subscription, place: tuple[str, int]) -> Stand:
    """Where the group stands in a partition as soon as this member holds it."""
    until = asyncio.get_running_loop().time() + PATIENCE_S
    while asyncio.get_running_loop().time() < until:
        await subscription.keep()
        await subscription.poll(0)
        stand = await subscription.stand(place)
        if stand is not None:
            return stand
        await _pause()
    raise AssertionError("the partition was not assigned")


async def what_is_there_is_read_without_a_group(open_bus: OpenBus) -> None:
    """By people: nobody's place moves by it."""
    async with _opened(open_bus) as bus:
        await bus.append([outgoing(n, f"k{n % 3}") for n in range(9)])
        read = [record async for records in bus.history([TOPIC, "conformance.absent"], 0) for record in records]
        assert sorted(_numbers(read)) == list(range(9))
        late = max(record.appended_us for record in read) + 3_600_000_000
        assert not [record async for records in bus.history([TOPIC], late) for record in records]
        assert not [lag for lag in await bus.lag() if lag.topic == TOPIC and lag.position > 1]
        assert await bus.partitions([TOPIC, "conformance.absent"]) == {TOPIC: 4}


async def what_was_not_done_comes_again(open_bus: OpenBus) -> None:
    """At least once: a member that dies before `done` leaves the record to the next."""
    async with _opened(open_bus) as bus:
        await bus.append([outgoing(n) for n in range(10)])
        first = bus.subscribe("group", [TOPIC], "one")
        records = await _drain(first, 10, done=False)
        first.done(records[:4])
        await first.close()
        second = bus.subscribe("group", [TOPIC], "two")
        again = _numbers(await _drain(second, 6))
        assert again[-6:] == [4, 5, 6, 7, 8, 9], "records that were not done are lost or out of order"
        await second.close()


async def done_out_of_order_holds_the_position_behind_the_oldest(open_bus: OpenBus) -> None:
    """The watermark: what is done later than its successors must still come again after a crash."""
    async with _opened(open_bus) as bus:
        await bus.append([outgoing(n) for n in range(6)])
        first = bus.subscribe("group", [TOPIC], "one")
        records = await _drain(first, 6, done=False)
        first.done([r for r in records if int(r.value) != 2])
        await first.keep()
        await first.close()
        second = bus.subscribe("group", [TOPIC], "two")
        assert 2 in _numbers(await _drain(second, 1)), "a record that was never done is lost"
        await second.close()


async def what_was_done_does_not_come_again(open_bus: OpenBus) -> None:
    """After an orderly close the group goes on where it was."""
    async with _opened(open_bus) as bus:
        await bus.append([outgoing(n) for n in range(5)])
        first = bus.subscribe("group", [TOPIC], "one")
        await _drain(first, 5)
        await first.close()
        await bus.append([outgoing(5)])
        second = bus.subscribe("group", [TOPIC], "two")
        assert _numbers(await _drain(second, 1)) == [5]
        await second.close()


async def groups_are_independent(open_bus: OpenBus) -> None:
    """Each group gets every record, from the oldest on."""
    async with _opened(open_bus) as bus:
        await bus.append([outgoing(n) for n in range(5)])
        for group in ("a", "b"):
            subscription = bus.subscribe(group, [TOPIC], "one")
            assert _numbers(await _drain(subscription, 5)) == [0, 1, 2, 3, 4]
            await subscription.close()


async def two_members_share_and_nothing_goes_to_both(open_bus: OpenBus) -> None:
    """A newcomer gets its share through a hand-over; while both are well, no record comes twice."""
    async with _opened(open_bus) as one_bus, _opened(open_bus) as two_bus:
        one = one_bus.subscribe("group", [TOPIC], "one")
        alone = await one.poll(10)
        two = two_bus.subscribe("group", [TOPIC], "two")
        shares: dict[str, int] = {}
        until = asyncio.get_running_loop().time() + PATIENCE_S
        held: dict[str, set[tuple[str, int]]] = {"one": set(alone.assigned), "two": set()}
        while asyncio.get_running_loop().time() < until and min(len(h) for h in held.values()) < 2:
            for name, member in (("one", one), ("two", two)):
                await member.keep()
                polled = await member.poll(10)
                held[name] = (held[name] | set(polled.assigned)) - set(polled.revoked)
                await member.release(polled.revoked)
            await _pause()
        await one_bus.append([outgoing(n, f"k{n}") for n in range(40)])
        seen: list[int] = []
        while len(seen) < 40 and asyncio.get_running_loop().time() < until:
            for name, member in (("one", one), ("two", two)):
                polled = await member.poll(100)
                member.done(polled.records)
                seen += _numbers(polled.records)
                shares[name] = shares.get(name, 0) + len(polled.records)
            await _pause()
        assert sorted(seen) == list(range(40)), "a record came twice or not at all"
        assert min(shares.values()) > 0, "a member got no share"
        await one.close()
        await two.close()


async def who_leaves_is_replaced(open_bus: OpenBus) -> None:
    """The partitions of a member that left go to those who stay."""
    async with _opened(open_bus) as bus:
        one, two = bus.subscribe("group", [TOPIC], "one"), bus.subscribe("group", [TOPIC], "two")
        for _ in range(3):
            for member in (one, two):
                await member.keep()
                polled = await member.poll(10)
                await member.release(polled.revoked)
        await one.close()
        await bus.append([outgoing(n, f"k{n}") for n in range(20)])
        assert sorted(_numbers(await _drain(two, 20))) == list(range(20))
        await two.close()


async def a_record_over_the_limit_is_refused_alone(open_bus: OpenBus) -> None:
    """For good, with the reason; those of other keys are appended, and those without a key."""
    async with _opened(open_bus) as bus:
        big = outgoing(1, "k", b"x" * (RECORD_BYTES_MAX + 1))
        answers = await bus.append([outgoing(0), big, outgoing(2, "other"), outgoing(3, None)])
        assert answers[0] is None and answers[2] is None and answers[3] is None, "an innocent one is refused"
        assert answers[1] not in (None, BEHIND), "the large one is not refused with a reason"
        unkeyed = await bus.append([outgoing(4, None, big.value), outgoing(5, None)])
        assert unkeyed[0] and unkeyed[1] is None, "without a key there is no order"
        subscription = bus.subscribe("group", [TOPIC], "one")
        assert sorted(_numbers(await _drain(subscription, 4))) == [0, 2, 3, 5]
        await subscription.close()


async def nothing_of_a_key_passes_a_refused_record(open_bus: OpenBus) -> None:
    """What follows it in the batch is left out and says so; another topic's key of that name is another key."""
    async with _opened(open_bus) as bus:
        await bus.ensure_topics([TopicSpec(name=f"{TOPIC}.more", partitions=4)])
        big = outgoing(0, "k", b"x" * (RECORD_BYTES_MAX + 1))
        elsewhere = outgoing(3)._replace(topic=f"{TOPIC}.more")
        answers = await bus.append([big, outgoing(1), outgoing(2, "other"), elsewhere, outgoing(4)])
        assert answers[0] not in (None, BEHIND) and list(answers[1:]) == [BEHIND, None, None, BEHIND], answers
        assert list(await bus.append([outgoing(0), outgoing(1), outgoing(4)])) == [None, None, None]
        subscription = bus.subscribe("group", [TOPIC], "one")
        records = await _drain(subscription, 4)
        assert [int(r.value) for r in records if r.key == "k"] == [0, 1, 4], "the order of the key was broken"
        await subscription.close()


async def an_old_epoch_appends_nothing(open_bus: OpenBus) -> None:
    """A relay that stood still must not append what its successor has sent already."""
    async with _opened(open_bus) as bus:
        if not bus.fences_appends:
            return  # the receivers drop its copies: the engine's tests show it
        await bus.append([outgoing(0)], [Fence("outbox/0", 1)])
        await bus.append([outgoing(1)], [Fence("outbox/0", 2), Fence("outbox/1", 1)])
        try:
            await bus.append([outgoing(2)], [Fence("outbox/1", 1), Fence("outbox/0", 1)])
        except Fenced:
            pass
        else:
            raise AssertionError("an old epoch was accepted")
        subscription = bus.subscribe("group", [TOPIC], "one")
        assert _numbers(await _drain(subscription, 2)) == [0, 1]
        await subscription.close()


async def an_append_makes_a_topic_as_it_was_declared(open_bus: OpenBus) -> None:
    """Where the bus did not answer when it was told of a topic, the relay may be the first to reach it."""
    async with _opened(open_bus) as bus:
        topic = f"{TOPIC}-late"
        try:
            async with asyncio.timeout(0):
                await bus.ensure_topics([TopicSpec(name=topic, partitions=7)])
        except TimeoutError:
            pass
        await bus.append([outgoing(0)._replace(topic=topic)])
        subscription = bus.subscribe("group", [topic], "one")
        assigned: set[tuple[str, int]] = set()
        until = asyncio.get_running_loop().time() + PATIENCE_S
        while not assigned and asyncio.get_running_loop().time() < until:
            await subscription.keep()
            assigned |= set((await subscription.poll(0)).assigned)
            await _pause()
        assert len(assigned) == 7, "made with other partitions than declared"
        assert _numbers(await _drain(subscription, 1)) == [0]
        await subscription.close()


async def schemas_are_found_by_fingerprint(open_bus: OpenBus) -> None:
    """What one process wrote with, another can read with."""
    async with _opened(open_bus) as one, _opened(open_bus) as two:
        await one.put_schema("f1", '{"type":"string"}')
        await two.put_schema("f1", '{"type":"string"}')
        assert await two.get_schema("f1") == '{"type":"string"}'
        assert await two.get_schema("f2") is None


async def a_group_is_woken(open_bus: OpenBus) -> None:
    """A poll need not be repeated in haste: the subscription says when there may be something."""
    async with _opened(open_bus) as one, _opened(open_bus) as two:
        subscription = two.subscribe("group", [TOPIC], "one")
        await _drain(subscription, 0)
        await subscription.poll(10)
        woken = asyncio.Event()
        subscription.on_wake = woken.set
        woken.clear()
        await one.append([outgoing(0)])
        await asyncio.wait_for(woken.wait(), PATIENCE_S)
        assert _numbers(await _drain(subscription, 1)) == [0]
        await subscription.close()


async def lag_counts_what_is_left(open_bus: OpenBus) -> None:
    """For people and metrics: records between the group and the head."""
    async with _opened(open_bus) as bus:
        await bus.append([outgoing(n) for n in range(10)])
        subscription = bus.subscribe("group", [TOPIC], "one")
        records = await _drain(subscription, 10, done=False)
        subscription.done(records[:7])
        await subscription.keep()
        stands = await bus.lag("group")
        assert sum(stand.lag for stand in stands) == 3
        waiting = {(r.topic, r.partition): r.appended_us for r in reversed(records[7:])}
        told = {(s.topic, s.partition): s.oldest_us for s in stands if s.lag}
        assert told == waiting, "since when the oldest waits"
        assert all(stand.oldest_us is None for stand in stands if not stand.lag)
        assert not await bus.lag("nobody")
        await subscription.close()


async def a_group_is_forgotten_when_it_has_no_members(open_bus: OpenBus) -> None:
    """Nothing is kept for it any more; a group of that name begins at the oldest record again."""
    async with _opened(open_bus) as bus:
        await bus.append([outgoing(n, f"k{n}") for n in range(10)])
        subscription = bus.subscribe("group", [TOPIC], "one")
        await _drain(subscription, 10)
        refused = asyncio.create_task(bus.forget("group"))
        while not refused.done():
            await subscription.keep()
            await _pause()
        assert isinstance(refused.exception(), Conflict), "a group at work was forgotten"
        await subscription.close()
        assert await bus.forget("group") > 0
        assert not await bus.lag("group")
        again = bus.subscribe("group", [TOPIC], "one")
        assert len(await _drain(again, 10)) == 10
        await again.close()
        assert await bus.forget("nobody") == 0


async def a_group_is_put_to_its_start_and_to_its_end(open_bus: OpenBus) -> None:
    """In every partition of the topic or in none; and what is told is what moved."""
    async with _opened(open_bus) as bus:
        await bus.append([outgoing(n, f"k{n}") for n in range(8)])
        one = bus.subscribe("group", [TOPIC], "one")
        await _drain(one, 8)
        await one.close()
        stood = {lag.partition: lag.position for lag in await bus.lag("group")}
        moved = await bus.reset("group", TOPIC, True)
        assert [m.partition for m in moved] == [0, 1, 2, 3]
        assert all(m.before in (None, stood.get(m.partition)) for m in moved) and any(
            m.before != m.after for m in moved
        )
        assert sum(lag.lag for lag in await bus.lag("group")) == 8
        again = bus.subscribe("group", [TOPIC], "two")
        assert sorted(_numbers(await _drain(again, 8))) == list(range(8))
        await again.close()
        await bus.reset("group", TOPIC, True)
        ends = {m.partition: m.after for m in await bus.reset("group", TOPIC, False)}
        assert ends == {lag.partition: lag.position for lag in await bus.lag("group")}
        assert sum(lag.lag for lag in await bus.lag("group")) == 0
        assert not await bus.reset("group", f"{TOPIC}.absent", True)


async def a_group_with_members_is_put_elsewhere_whole_or_not_at_all(open_bus: OpenBus) -> None:
    """What a member holds is called back, or it is refused before anything is moved: a member that went on from where it
    was would write its old place over the new one."""
    async with _opened(open_bus) as bus:
        await bus.append([outgoing(n, f"k{n}") for n in range(8)])
        one = bus.subscribe("group", [TOPIC], "one")
        held = await _drain(one, 8, done=False)
        before = {lag.partition: lag.position for lag in await bus.lag("group")}
        try:
            moved = await bus.reset("group", TOPIC, False)
        except Conflict:
            assert {lag.partition: lag.position for lag in await bus.lag("group")} == before
            one.done(held)
        else:
            assert {m.partition: m.after for m in moved} == {x.partition: x.position for x in await bus.lag("group")}
            assert not await _drain_for(one, 0.5), "it handed on what lies before the new place"
            one.done(held)
            await one.keep()
            assert sum(lag.lag for lag in await bus.lag("group")) == 0
        await one.close()


async def _drain_for(subscription: Subscription, seconds: float) -> list[Record]:
    """What comes within that time."""
    found: list[Record] = []
    until = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < until:
        polled = await subscription.poll(100)
        if polled.revoked:
            await subscription.release(polled.revoked)
        found += polled.records
        await subscription.keep()
        await _pause()
    return found


async def only_what_every_group_has_handled_is_trimmed(open_bus: OpenBus) -> None:
    """Retention must never take a record from a group that still needs it."""
    async with _opened(open_bus) as bus:
        await bus.append([outgoing(n) for n in range(6)])
        fast, slow = bus.subscribe("fast", [TOPIC], "one"), bus.subscribe("slow", [TOPIC], "one")
        await _drain(fast, 6)
        records = await _drain(slow, 6, done=False)
        slow.done(records[:2])
        await fast.close()
        await slow.close()
        await bus.trim(2**62)
        again = bus.subscribe("slow", [TOPIC], "two")
        assert _numbers(await _drain(again, 4)) == [2, 3, 4, 5], "retention took what a group still needs"
        await again.close()


async def it_says_that_it_answers(open_bus: OpenBus) -> None:
    """A probe asks each second: the question needs no topic and no group."""
    async with _opened(open_bus) as bus:
        await bus.answers()


async def a_large_batch_comes_whole(open_bus: OpenBus) -> None:
    """Thousands at once, over all partitions, none twice."""
    async with _opened(open_bus) as bus:
        await bus.append([outgoing(n, f"k{n % 97}") for n in range(3_000)])
        subscription = bus.subscribe("group", [TOPIC], "one")
        assert sorted(_numbers(await _drain(subscription, 3_000))) == list(range(3_000))
        await subscription.close()


CASES: tuple[Case, ...] = (
    records_of_a_key_come_in_order,
    bytes_and_keys_come_as_they_went,
    a_group_that_is_put_back_reads_again_from_there,
    what_is_there_is_read_without_a_group,
    what_was_not_done_comes_again,
    done_out_of_order_holds_the_position_behind_the_oldest,
    what_was_done_does_not_come_again,
    groups_are_independent,
    two_members_share_and_nothing_goes_to_both,
    who_leaves_is_replaced,
    a_record_over_the_limit_is_refused_alone,
    nothing_of_a_key_passes_a_refused_record,
    an_old_epoch_appends_nothing,
    an_append_makes_a_topic_as_it_was_declared,
    schemas_are_found_by_fingerprint,
    a_group_is_woken,
    lag_counts_what_is_left,
    a_group_is_forgotten_when_it_has_no_members,
    a_group_is_put_to_its_start_and_to_its_end,
    a_group_with_members_is_put_elsewhere_whole_or_not_at_all,
    only_what_every_group_has_handled_is_trimmed,
    a_large_batch_comes_whole,
    it_says_that_it_answers,
)

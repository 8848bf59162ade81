"""The outbox on PostgreSQL handed to another reader and back, in steps that people interrupt and run in any order."""

from __future__ import annotations

import pytest

from partita.clock import SystemClock
from partita.errors import Conflict
from partita.machine.system import this_machine
from partita.operators.handing_over import Taken, hand_over, take_back, take_back_without_reader
from partita.store.connect import connect_handover, connect_migrations, connect_store
from partita.store.port import Store
from partita.testing.conformance.rows import outbox_row

pytest.importorskip("asyncpg", reason="no asyncpg here; to run these tests: pip install 'partita[postgres]'")
pytestmark = [pytest.mark.slow]


async def pending(store: Store) -> list[str]:
    """The rows that the relays would send."""
    async with store.reading() as session:
        return [row.id for _, row in await session.outbox.unsent([0], 10)]


async def test_a_check_of_the_schema_knows_of_the_trigger(server: str) -> None:
    """A proper hand-over brings no warning; a missing trigger, or one in the wrong place, does."""
    store = connect_store(server, this_machine(), service="checked", tables="")
    await store.open()
    handover = connect_handover(server, this_machine(), ["checked"], "checked_slot")
    await handover.open()
    schema = connect_migrations(server, this_machine(), service="checked", tables="")
    stores, told = {"checked": store}, {"reason": "a test", "by": "a test"}
    try:
        assert await schema.check() == []
        await hand_over(handover, stores, SystemClock(), 0, **told)
        assert await schema.check() == []
        async with store.transaction() as session:
            await session.execute("DROP TRIGGER outbox_is_read_outside ON outbox_queue", {})
        assert [deviation.found for deviation in await schema.check()] == ["missing"]
        await handover.hold()
        assert await schema.check() == []
    finally:
        await take_back_without_reader(handover, stores, **told)
        await handover.close()
        await store.close()
    assert await schema.check() == []


async def test_what_a_reader_has_still_to_read_is_not_passed_by_handing_over_again(server: str) -> None:
    """The relays would send a key's seventh message while its sixth is unread in the slot."""
    store = connect_store(server, this_machine(), service="twice", tables="")
    await store.open()
    handover = connect_handover(server, this_machine(), ["twice"], "twice_slot")
    await handover.open()
    stores, told = {"twice": store}, {"reason": "a test", "by": "a test"}
    try:
        assert await hand_over(handover, stores, SystemClock(), 0, **told) == 0
        async with store.transaction() as session:
            await session.outbox.add([outbox_row("sixth")])
        assert await take_back(handover, stores, SystemClock(), 0, **told) is Taken.READER_BEHIND
        async with store.transaction() as session:
            await session.outbox.add([outbox_row("seventh")])

        with pytest.raises(Conflict, match="take-back"):
            await hand_over(handover, stores, SystemClock(), 0, **told)

        assert await pending(store) == [], "the relays pass what is unread"
        await take_back_without_reader(handover, stores, **told)
        assert await pending(store) == ["sixth", "seventh"]
        assert await hand_over(handover, stores, SystemClock(), 0, **told) == 2
    finally:
        await take_back_without_reader(handover, stores, **told)
        await handover.close()
        await store.close()

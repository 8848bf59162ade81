"""The requirements of every storage of the registry, as cases: `for case in CASES: await case(open_storage)`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from tests.unit.registry_server.registry_desk import field_rules, record

from partita.registry_server.entry import Entry, Submission
from partita.registry_server.ledger import Ledger
from partita.registry_server.registering import register
from partita.registry_server.storage import Storage

OpenStorage = Callable[[], AbstractAsyncContextManager[Storage]]
Case = Callable[[OpenStorage], Awaitable[None]]
STRANGE = "ä\U0001f375 '\\\"$1?%s\x01"


async def post(storage: Storage, subject: str, text: str) -> tuple[int, int]:
    async with storage.writing() as rows:
        made = await register(Ledger(rows), field_rules, subject, Submission("AVRO", text), normalize=False)
    return made.entry.id, made.version


async def a_schema_is_seen_by_another_process_and_outlives_its_own(open_storage: OpenStorage) -> None:
    async with open_storage() as one, open_storage() as two:
        assert await post(one, "s", record("sku")) == (1, 1)
        async with two.reading() as rows:
            entry = await Ledger(rows).entry(1)
        assert entry is not None
    async with open_storage() as later, later.reading() as rows:
        assert await Ledger(rows).entry(1) == entry


async def a_transaction_that_raises_leaves_nothing(open_storage: OpenStorage) -> None:
    async with open_storage() as storage:
        try:
            async with storage.writing() as rows:
                await Ledger(rows).set("s", "mode", "READONLY")
                raise KeyError
        except KeyError:
            pass
        async with storage.reading() as rows:
            assert await Ledger(rows).setting("s", "mode") is None


async def writers_of_several_processes_get_dense_ids_and_one_for_equal_content(open_storage: OpenStorage) -> None:
    """The next id is the last one plus one: two writers at once would give it twice."""
    async with open_storage() as one, open_storage() as two:
        posts = [(storage, f"s{number}", record(f"f{number % 10}")) for number in range(20) for storage in (one, two)]
        made = await asyncio.gather(*(post(*each) for each in posts))
    by_text: dict[str, set[int]] = {}
    for (_, _, text), (number, version) in zip(posts, made, strict=True):
        assert version == 1
        by_text.setdefault(text, set()).add(number)
    assert all(len(ids) == 1 for ids in by_text.values())
    assert sorted(number for ids in by_text.values() for number in ids) == list(range(1, 11))


async def a_text_comes_back_as_it_was(open_storage: OpenStorage) -> None:
    entry = Entry(7, "g", "JSON", STRANGE * 30_000)
    async with open_storage() as storage:
        async with storage.writing() as rows:
            await Ledger(rows).add_entry(entry, "i")
            await Ledger(rows).add_version(STRANGE, 1, entry)
        async with storage.reading() as rows:
            assert await Ledger(rows).entry(7) == entry
            assert [each.subject for each in await Ledger(rows).versions(STRANGE)] == [STRANGE]


async def a_purged_schema_has_no_text_and_keeps_its_id(open_storage: OpenStorage) -> None:
    async with open_storage() as storage:
        await post(storage, "s", record("sku"))
        await post(storage, "t", record("sku"))
        for subject, text_is_there in (("s", True), ("t", False)):
            async with storage.writing() as rows:
                await Ledger(rows).purge(await Ledger(rows).versions(subject))
            async with storage.reading() as rows:
                assert (await Ledger(rows).entry(1) is not None) is text_is_there
        assert await post(storage, "u", record("other")) == (2, 1)
        assert await post(storage, "u2", record("sku")) == (1, 1)


async def subjects_have_one_order_on_every_database(open_storage: OpenStorage) -> None:
    """A database may sort by the rules of a language."""
    subjects = ["B", "a", "_", "Z", "ä", "-", "b"]
    async with open_storage() as storage:
        for subject in subjects:
            await post(storage, subject, record("sku"))
        async with storage.reading() as rows:
            assert [each.subject for each in await Ledger(rows).all_versions()] == sorted(subjects)


CASES: tuple[Case, ...] = (
    a_schema_is_seen_by_another_process_and_outlives_its_own,
    a_transaction_that_raises_leaves_nothing,
    writers_of_several_processes_get_dense_ids_and_one_for_equal_content,
    a_text_comes_back_as_it_was,
    a_purged_schema_has_no_text_and_keeps_its_id,
    subjects_have_one_order_on_every_database,
)

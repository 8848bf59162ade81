"""The requirements of every registry of schemas, as cases: `for case in CASES: await case(open_registry)`.

`open_registry()` is one process's view of the same registry, as a block: `async with open_registry() as registry`. Each case
takes fingerprints of its own, so that a suite may run again on a registry that is kept.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from partita.schemas.registry import Registry

OpenRegistry = Callable[[], AbstractAsyncContextManager[Registry]]
Case = Callable[[OpenRegistry], Awaitable[None]]
TEXT = '{"type":"string","size":"short"}'
JSON = '{"title":"test.Made","type":"object","properties":{"id":{"type":"string"}}}'
OTHER = '"long"'
LARGE = '{"type":"string","text":"' + "\\u0000 ä\U0001f375'\\\"" * 12_000 + '"}'
"""About as large as the largest schema that a codec reads, of all characters that a careless adapter would change."""
MANY = 50


async def a_schema_is_found_by_another_process(open_registry: OpenRegistry) -> None:
    """A reader needs the schema of the process that wrote, whichever language its fingerprint names."""
    name = new_fingerprint()
    async with open_registry() as writer, open_registry() as reader:
        for fingerprint, text in ((name, TEXT), (f"json:{name}", JSON)):
            await writer.publish(fingerprint, text)
            assert await reader.find(fingerprint) == text
            assert await writer.find(fingerprint) == text


async def an_unknown_fingerprint_has_no_schema(open_registry: OpenRegistry) -> None:
    """Also a fingerprint that begins like a known one, and also before any schema was published."""
    fingerprint = new_fingerprint()
    async with open_registry() as registry:
        assert await registry.find(fingerprint) is None
        await registry.publish(fingerprint, TEXT)
        for unknown in (fingerprint[:-1], f"{fingerprint}0", ""):
            assert await registry.find(unknown) is None


async def a_schema_that_comes_later_is_found(open_registry: OpenRegistry) -> None:
    """A reader may see a record before its schema: it must look again for a schema that was missing once."""
    fingerprint = new_fingerprint()
    async with open_registry() as writer, open_registry() as reader:
        assert await reader.find(fingerprint) is None
        await writer.publish(fingerprint, TEXT)
        assert await reader.find(fingerprint) == TEXT


async def a_fingerprint_keeps_its_first_text(open_registry: OpenRegistry) -> None:
    """Each start of each process publishes again; none may change the reading of existing records."""
    fingerprint = new_fingerprint()
    async with open_registry() as one, open_registry() as two:
        await one.publish(fingerprint, TEXT)
        await one.publish(fingerprint, TEXT)
        await two.publish(fingerprint, OTHER)
        assert [await registry.find(fingerprint) for registry in (one, two)] == [TEXT, TEXT]


async def a_schema_outlives_its_process(open_registry: OpenRegistry) -> None:
    """Records are read long after their writer is gone."""
    fingerprint = new_fingerprint()
    async with open_registry() as writer:
        await writer.publish(fingerprint, TEXT)
    async with open_registry() as reader:
        assert await reader.find(fingerprint) == TEXT


async def a_text_comes_back_as_it_was(open_registry: OpenRegistry) -> None:
    """Texts of any characters and any size."""
    fingerprint = new_fingerprint()
    async with open_registry() as writer, open_registry() as reader:
        await writer.publish(fingerprint, LARGE)
        assert await reader.find(fingerprint) == LARGE


async def several_processes_may_publish_at_once(open_registry: OpenRegistry) -> None:
    """In a deployment all processes start together."""
    texts = {new_fingerprint(): f'{{"type":"fixed","name":"F","size":{size}}}' for size in range(MANY)}
    async with open_registry() as one, open_registry() as two:
        await asyncio.gather(*(registry.publish(*each) for registry in (one, two) for each in texts.items()))
        for registry in (one, two):
            assert {fingerprint: await registry.find(fingerprint) for fingerprint in texts} == texts


CASES: tuple[Case, ...] = (
    a_schema_is_found_by_another_process,
    an_unknown_fingerprint_has_no_schema,
    a_schema_that_comes_later_is_found,
    a_fingerprint_keeps_its_first_text,
    a_schema_outlives_its_process,
    a_text_comes_back_as_it_was,
    several_processes_may_publish_at_once,
)


def new_fingerprint() -> str:
    """A fingerprint that no schema has yet."""
    return uuid.uuid4().hex[:16]

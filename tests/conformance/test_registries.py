"""The registry beside the embedded log passes the suite, and deliberately wrong registries do not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.conformance.registries import beside_the_bus

from partita.errors import PartitaError
from partita.schemas.registry import Registry
from partita.testing.conformance import registry as suite


@pytest.mark.parametrize("case", suite.CASES, ids=lambda case: case.__name__)
async def test_the_registry_beside_the_embedded_log(case: suite.Case, tmp_path: Path) -> None:
    await case(beside_the_bus(tmp_path / "log.db"))


class Wrong:
    """A registry that passes everything on; each class below it has one planted bug."""

    def __init__(self, right: Registry) -> None:
        self.right = right

    async def publish(self, fingerprint: str, text: str) -> None:
        await self.right.publish(fingerprint, text)

    async def find(self, fingerprint: str) -> str | None:
        return await self.right.find(fingerprint)


class KeptInTheProcess(Wrong):
    """Works in every test with one process."""

    def __init__(self, right: Registry) -> None:
        super().__init__(right)
        self.held: dict[str, str] = {}

    async def publish(self, fingerprint: str, text: str) -> None:
        self.held.setdefault(fingerprint, text)

    async def find(self, fingerprint: str) -> str | None:
        return self.held.get(fingerprint)


class RemembersWhatIsNotThere(Wrong):
    """A cache of answers, including the answer "none"."""

    def __init__(self, right: Registry) -> None:
        super().__init__(right)
        self.answers: dict[str, str | None] = {}

    async def find(self, fingerprint: str) -> str | None:
        if fingerprint not in self.answers:
            self.answers[fingerprint] = await self.right.find(fingerprint)
        return self.answers[fingerprint]


SHARED: dict[str, str] = {}


class Overwrites(Wrong):
    """The last one wins, as with an upsert."""

    async def publish(self, fingerprint: str, text: str) -> None:
        SHARED[fingerprint] = text

    async def find(self, fingerprint: str) -> str | None:
        return SHARED.get(fingerprint)


class RefusesTheSecond(Wrong):
    """An insert without "on conflict"."""

    async def publish(self, fingerprint: str, text: str) -> None:
        if await self.right.find(fingerprint) is not None:
            raise PartitaError("It is there already.")
        await self.right.publish(fingerprint, text)


class CutsLongTexts(Wrong):
    """A column of 64 KiB."""

    async def publish(self, fingerprint: str, text: str) -> None:
        await self.right.publish(fingerprint, text[:65_535])


class FindsByTheBeginning(Wrong):
    """A lookup with LIKE."""

    async def find(self, fingerprint: str) -> str | None:
        found = await self.right.find(fingerprint)
        return found if found is not None or len(fingerprint) <= 16 else await self.right.find(fingerprint[:16])


class GoneWithItsWriter(Wrong):
    """An ephemeral node, or a table in memory."""

    open = 0

    def __init__(self, right: Registry) -> None:
        super().__init__(right)
        self.life = type(self).open

    async def publish(self, fingerprint: str, text: str) -> None:
        SHARED.setdefault(f"{self.life}/{fingerprint}", text)

    async def find(self, fingerprint: str) -> str | None:
        return SHARED.get(f"{self.life}/{fingerprint}")


BUGS: dict[type[Wrong], suite.Case] = {
    KeptInTheProcess: suite.a_schema_is_found_by_another_process,
    RemembersWhatIsNotThere: suite.a_schema_that_comes_later_is_found,
    Overwrites: suite.a_fingerprint_keeps_its_first_text,
    RefusesTheSecond: suite.several_processes_may_publish_at_once,
    CutsLongTexts: suite.a_text_comes_back_as_it_was,
    FindsByTheBeginning: suite.an_unknown_fingerprint_has_no_schema,
    GoneWithItsWriter: suite.a_schema_outlives_its_process,
}


def made_wrong(right: suite.OpenRegistry, wrong: Callable[[Registry], Registry]) -> suite.OpenRegistry:
    alive = 0

    @asynccontextmanager
    async def open_registry() -> AsyncIterator[Registry]:
        nonlocal alive
        if not alive:
            GoneWithItsWriter.open += 1
        alive += 1
        async with right() as registry:
            yield wrong(registry)
        alive -= 1

    return open_registry


@pytest.mark.parametrize("wrong", BUGS, ids=lambda wrong: wrong.__name__)
async def test_a_wrong_registry_does_not_pass(wrong: type[Wrong], tmp_path: Path) -> None:
    """The right one passes the very case that finds it."""
    case = BUGS[wrong]
    await case(made_wrong(beside_the_bus(tmp_path / "right/log.db"), Wrong))
    with pytest.raises((AssertionError, PartitaError)):
        await case(made_wrong(beside_the_bus(tmp_path / "wrong/log.db"), wrong))


def test_every_case_finds_a_bug() -> None:
    """A case that no wrong registry fails may be one that cannot fail."""
    assert set(BUGS.values()) == set(suite.CASES)

"""Both storages of the registry pass the suite, and deliberately wrong ones do not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from tests.conformance import registry_storages as suite

from partita.errors import StoreMismatch
from partita.machine.system import this_machine
from partita.registry_server.connect import connect_storage
from partita.registry_server.storage import Rows, Storage
from partita.store.connect import connect_store


def stored_at(where: str | Path) -> suite.OpenStorage:
    """Each opening is as of another process."""

    @asynccontextmanager
    async def open_storage() -> AsyncIterator[Storage]:
        storage = connect_storage(where, this_machine())
        await storage.open()
        try:
            yield storage
        finally:
            await storage.close()

    return open_storage


@pytest.mark.parametrize("case", suite.CASES, ids=lambda case: case.__name__)
async def test_the_registry_in_a_file(case: suite.Case, tmp_path: Path) -> None:
    await case(stored_at(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("case", suite.CASES, ids=lambda case: case.__name__)
async def test_the_registry_in_postgresql(case: suite.Case, database: str) -> None:
    await case(stored_at(database))


@pytest.mark.slow
async def test_no_service_takes_the_registrys_schema_for_its_own(database: str) -> None:
    """Its tables would lie among the registry's, and a restore of one would be one of both."""
    async with stored_at(database)():
        pass
    service = connect_store(database, this_machine(), service="partita_registry", tables="")
    with pytest.raises(StoreMismatch):
        await service.open()
        await service.close()


class Wrong:
    """A storage that passes everything on; each class below it has one planted bug."""

    def __init__(self, right: Storage) -> None:
        self.right = right
        self.where = right.where

    async def open(self) -> None:
        await self.right.open()

    async def close(self) -> None:
        await self.right.close()

    def reading(self) -> AbstractAsyncContextManager[Rows]:
        return self.right.reading()

    def writing(self) -> AbstractAsyncContextManager[Rows]:
        return self.right.writing()


class KeepsFailures(Wrong):
    """Commits whatever happened."""

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Rows]:
        raised: BaseException | None = None
        async with self.right.writing() as rows:
            try:
                yield rows
            except KeyError as error:
                raised = error
        if raised is not None:
            raise raised


class Forgets(Wrong):
    """Commits nothing."""

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Rows]:
        try:
            async with self.right.writing() as rows:
                yield rows
                raise LookupError
        except LookupError:
            pass


BUGS: dict[type[Wrong], suite.Case] = {
    KeepsFailures: suite.a_transaction_that_raises_leaves_nothing,
    Forgets: suite.a_schema_is_seen_by_another_process_and_outlives_its_own,
}


@pytest.mark.parametrize("wrong", BUGS, ids=lambda wrong: wrong.__name__)
async def test_a_wrong_storage_does_not_pass(wrong: Callable[[Storage], Storage], tmp_path: Path) -> None:
    right = stored_at(tmp_path)

    @asynccontextmanager
    async def open_storage() -> AsyncIterator[Storage]:
        async with right() as storage:
            yield wrong(storage)

    with pytest.raises(AssertionError):
        await BUGS[wrong](open_storage)

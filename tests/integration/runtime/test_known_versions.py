"""A version that a database has seen is not forgotten in the code: the start is refused before a message of it comes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from partita import App, DeclarationError, Event, Key, Service, Settings
from partita.errors import StoreMismatch


def declared(data: Path, store: str, version: int, *, shape: bool = False, **options: Any) -> App:
    """Source and sink with one event in a version, with the old shape of version 1 if `shape`."""
    source, sink = Service("source", namespace="seen.source"), Service("sink", namespace="seen.sink")
    make: Any = type(Event)
    if shape:

        class SoldV1(Event, of=source, name="Sold", version=1):
            number: Key[str]

    fields = {"number": Key[str]} | ({"size": int} if version > 1 else {})
    Sold: Any = make("Sold", (Event,), {"__annotations__": fields}, of=source, version=version, **options)
    if shape:

        def sold_v2(old: Any) -> Any:
            return Sold(number=old.number, size=1)

        sold_v2.__annotations__ = {"old": SoldV1, "return": Sold}
        source.upcast(sold_v2)

    @sink.on
    async def count(event: Sold) -> None: ...

    return App(source, sink, settings=Settings(data=data, store=store))


async def start(app: App, *services: str) -> None:
    """Start and stop."""
    async with app.running(services=services or None, roles=()):
        pass


@pytest.mark.parametrize("service", ["source", "sink"])
async def test_a_forgotten_version_refuses_the_start_of_its_owner_and_its_readers(
    tmp_path: Path, store: str, service: str
) -> None:
    """The error has the lines to write, and those bring the messages home."""
    await start(declared(tmp_path, store, 1))
    with pytest.raises(StoreMismatch) as refused:
        await start(declared(tmp_path, store, 2), service)
    said = str(refused.value)
    assert f"{service} has used version 1 of Sold" in said and "seen.source.v1.Sold may wait" in said
    assert 'class SoldV1(..., name="Sold", version=1)' in said
    assert "@source.upcast above def sold_v2(old: SoldV1) -> Sold: ..." in said
    await start(declared(tmp_path, store, 2, shape=True))


async def test_an_old_shape_may_go_when_its_messages_are_gone(tmp_path: Path, store: str) -> None:
    """`gone=` says so for good: the database forgets the version."""
    await start(declared(tmp_path, store, 1))
    await start(declared(tmp_path, store, 2, shape=True))
    with pytest.raises(StoreMismatch, match=r"Or gone=\(1,\) on Sold"):
        await start(declared(tmp_path, store, 2))
    await start(declared(tmp_path, store, 2, gone=(1,)))
    await start(declared(tmp_path, store, 2))


async def test_a_start_that_was_refused_changes_nothing(tmp_path: Path) -> None:
    """The deployment of before goes on."""
    await start(declared(tmp_path, "", 1))
    for _ in range(2):
        with pytest.raises(StoreMismatch):
            await start(declared(tmp_path, "", 2))
    await start(declared(tmp_path, "", 1))


@pytest.mark.parametrize("gone", [(2,), (0,), ("1",), (True,), 1, "1", None])
def test_gone_names_older_versions(tmp_path: Path, gone: Any) -> None:
    """The present version is in use."""
    with pytest.raises(DeclarationError, match="names no older versions of it"):
        declared(tmp_path, "", 2, gone=gone)


async def test_an_old_event_from_outside_is_taken_as_the_newest(tmp_path: Path) -> None:
    """A foreign program still sends version 1 to the ingress; one form of each event leaves it."""
    app = declared(tmp_path, "", 2, shape=True)
    source = app.services[0]
    transport = httpx.ASGITransport(app=app.ingress(source))
    headers = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "urn:x", "ce-type": "seen.source.v1.Sold"}
    async with app.running(roles=()), httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        answer = await client.post("/events", json={"number": "a"}, headers=headers)
        assert answer.status_code == 202, answer.text
        async with app.store("source").reading() as session:
            (row,) = await session.fetch("SELECT type, payload FROM outbox", {})
    assert row["type"] == "seen.source.v2.Sold"

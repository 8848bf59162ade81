"""An app whose schemas are in a Confluent registry: found by readers, missed without a loss while the registry is away."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from servers.process import free_port
from tests.integration.registry_server.own_registry import served
from tests.integration.schemas.test_schema_moves_on import Deployment
from tests.waiting import until

from partita import App, Command, Event, Key, Service, Settings, Tx
from partita.clock import SystemClock
from partita.errors import RegistryRefused, RegistryUnavailable, SettingsError
from partita.schemas.confluent.client import RegistryClient
from partita.schemas.confluent.registry import BY_FINGERPRINT, ConfluentRegistry
from partita.schemas.registry import Registry
from partita.testing.conformance import registry as suite


class Nothing:
    """A registry beside the bus that has no schema."""

    async def publish(self, fingerprint: str, text: str) -> None:
        raise AssertionError("the schemas are in the other registry")

    async def find(self, fingerprint: str) -> str | None:
        return None


@pytest.mark.parametrize("case", suite.CASES, ids=lambda case: case.__name__)
async def test_it_passes_the_suite_of_registries(case: suite.Case, tmp_path: Path) -> None:
    async with served(tmp_path) as url:

        @asynccontextmanager
        async def open_registry() -> AsyncIterator[Registry]:
            yield ConfluentRegistry(RegistryClient(url, SystemClock()), {}, Nothing())

        await case(open_registry)


@pytest.mark.parametrize("text", ["a" * 10_000, "xml:1\n", "\0"])
async def test_a_name_that_the_registry_refuses_names_no_schema(text: str, tmp_path: Path) -> None:
    """A message from elsewhere may name its schema by any text. It is a dead letter, instead of being tried for ever."""
    async with served(tmp_path) as url:
        client = RegistryClient(url, SystemClock())
        assert await ConfluentRegistry(client, {}, Nothing()).find(text) is None


def with_registry(settings: Settings, url: str, **more: Any) -> Settings:
    return dataclasses.replace(settings, registry=url, **more)


async def seen(deployment: Deployment) -> list[dict[str, Any]]:
    async with deployment.app.store("sink").reading() as session:
        return [dict(row) for row in await session.fetch("SELECT * FROM seen", {})]


async def published(settings: Settings) -> None:
    """An event of the first deployment is on the bus, and its sink has never run."""
    first = Deployment(settings, "first", works=True)
    async with first.app.running(services=["source"]) as system:
        await first.app.send(first.Happen(name="a"))

        async def is_on_the_bus() -> bool:
            store = first.app.store("source")
            async with store.reading() as session:
                gone = system.relays["source"].relayed + store.left
                return (await session.outbox.status()).pending == 0 and gone > 0

        await until(is_on_the_bus)


@pytest.mark.parametrize(
    ("strategy", "subject"),
    [
        ("topic-record", "moved.source.events-moved.source.v1.Happened"),
        ("record", "moved.source.v1.Happened"),
    ],
)
async def test_a_writers_schema_is_found_by_readers_of_all_kinds(
    strategy: str, subject: str, settings: Settings, tmp_path: Path
) -> None:
    """A newer reader finds it by the fingerprint in the envelope, another program by the subject."""
    async with served(tmp_path / "registry") as url:
        mine = with_registry(settings, url, registry_subjects=strategy)
        await published(mine)

        client = RegistryClient(url, SystemClock())
        version = await client.latest(subject)
        assert version is not None and '"note"' in version.schema.text

        grown = Deployment(mine, "grown", works=True)
        async with grown.app.running(services=["sink"]) as system:
            await until(lambda: seen(grown))
            assert await seen(grown) == [{"name": "a", "what": "grey"}]
            names = {sample.signal.name: sample.value for sample in await system.samples()}
        assert (names["registry.up"], names["registry.failed"]) == (1, 0)
        assert names["registry.asked"] > 0 and names["registry.waited"] > 0
        # The registry beside the bus has nothing: there is one place for schemas.
        version = await client.version(f"{BY_FINGERPRINT}none", 1)
        assert version is None


async def test_a_record_whose_schema_cannot_be_asked_for_waits_and_is_no_dead_letter(
    settings: Settings, tmp_path: Path
) -> None:
    """The registry is restarted, or its network is: no message is at fault. It is handled when the registry is back."""
    port = free_port()
    mine = with_registry(settings, f"http://127.0.0.1:{port}")
    async with served(tmp_path / "registry", port):
        await published(mine)

    grown = Deployment(mine, "grown", works=True)
    async with grown.app.running(services=["sink"]) as system:  # it starts without the registry
        client = system.registry.client
        before = client.traffic.failed
        await until(lambda: client.traffic.failed >= before + 3)
        assert await grown.letters() == []
        assert await seen(grown) == []
        async with served(tmp_path / "registry", port):
            await until(lambda: seen(grown))
        assert await grown.letters() == []
        assert await seen(grown) == [{"name": "a", "what": "grey"}]


async def test_a_schema_that_the_registry_does_not_know_is_a_dead_letter(settings: Settings, tmp_path: Path) -> None:
    """Waiting would hold up the partition for ever: the registry answers, and has no such schema."""
    async with served(tmp_path / "registry") as url:
        await published(with_registry(settings, url))
    async with served(tmp_path / "another") as url:
        grown = Deployment(with_registry(settings, url), "grown", works=True)
        async with grown.app.running(services=["sink"]):
            await until(grown.letters)


async def test_nothing_is_relayed_before_its_schema_is_registered(settings: Settings, tmp_path: Path) -> None:
    """Else a reader would ask for the schema while the writer has not published it, and make a dead letter."""
    port = free_port()
    first = Deployment(with_registry(settings, f"http://127.0.0.1:{port}"), "first", works=True)
    async with first.app.running() as system:
        await first.app.send(first.Happen(name="a"))
        client = system.registry.client
        before = client.traffic.failed
        await until(lambda: client.traffic.failed > before)
        assert isinstance(system.unintroduced, RegistryUnavailable)
        assert system.relays["source"].relayed == 0
        async with served(tmp_path / "registry", port):
            await until(lambda: seen(first))
        assert system.unintroduced is None


async def test_records_from_before_the_registry_are_read(settings: Settings, tmp_path: Path) -> None:
    """Their schemas are beside the bus."""
    await published(settings)
    async with served(tmp_path / "registry") as url:
        grown = Deployment(with_registry(settings, url), "grown", works=True)
        async with grown.app.running(services=["sink"]):
            await until(lambda: seen(grown))
            assert await seen(grown) == [{"name": "a", "what": "grey"}]


async def test_an_incompatible_schema_ends_the_start_before_anything_is_sent(
    settings: Settings, tmp_path: Path
) -> None:
    """The registry's words name the field."""
    async with served(tmp_path / "registry") as url:
        mine = with_registry(settings, url)
        await published(mine)
        other = Deployment(mine, "renamed", works=True)
        with pytest.raises(RegistryRefused, match="remark"):
            async with other.app.running():
                pass


async def test_messages_in_json_have_json_schemas_there(settings: Settings, tmp_path: Path) -> None:
    """The language of a schema is that of its service's codec, and programs of other kinds have to see it."""
    source = Service("source", namespace="moved.source", codec="json")
    sink = Service("sink", namespace="moved.sink", tables="CREATE TABLE IF NOT EXISTS seen (name TEXT, what TEXT);")

    class Happened(Event, of=source):
        name: Key[str]

    class Happen(Command[Happened], of=source):
        name: Key[str]

    @source.handles(Happen)
    async def happen(cmd: Happen) -> Happened:
        return Happened(name=cmd.name)

    @sink.on
    async def see(event: Happened, tx: Tx) -> None:
        await tx.execute("INSERT INTO seen VALUES (:n, 'json')", n=event.name)

    async with served(tmp_path / "registry") as url:
        app = App(source, sink, settings=with_registry(settings, url))
        async with app.running():
            await app.send(Happen(name="a"))

            async def rows() -> int:
                async with app.store("sink").reading() as session:
                    return len(await session.fetch("SELECT * FROM seen", {}))

            await until(rows)
        found = await RegistryClient(url, SystemClock()).latest("moved.source.events-moved.source.v1.Happened")
        assert found is not None and found.schema.language == "JSON"


@pytest.mark.parametrize(
    "url", ["kafka://host:1", "127.0.0.1:8081", "http://", "http://host/?a=b", "http://host/#a", "http://ho st"]
)
def test_an_address_of_no_registry_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(SettingsError, match="PARTITA_REGISTRY") as caught:
        Settings(registry=url)
    assert url not in caught.value.what


def test_a_registrys_password_is_not_shown() -> None:
    settings = Settings(registry="https://ann:secret@host:8081/base")
    assert "secret" not in repr(settings) and "ann" not in repr(settings)
    with pytest.raises(SettingsError, match="PARTITA_REGISTRY_SUBJECTS"):
        Settings(registry_subjects="best")

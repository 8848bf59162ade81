"""`Adapters`: the bus with its registry, the stores and the codec that the settings name. They are chosen here alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from partita.bus.connect import connect_bus
from partita.bus.connected import Connected
from partita.catalog.catalog import Catalog
from partita.catalog.service import Service
from partita.codec.connect import connect_codec
from partita.codec.port import Codec
from partita.machine.port import Machine, Wake
from partita.schemas.confluent.client import RegistryClient
from partita.schemas.confluent.registry import ConfluentRegistry
from partita.schemas.confluent.subject import subject_of
from partita.schemas.registry import Registry
from partita.settings.address import hurried
from partita.settings.settings import Settings
from partita.store.connect import connect_store
from partita.store.port import Store


@dataclass(frozen=True, slots=True)
class Adapters:
    """Makes adapters and opens none. Without `create`, a server's database without data stays untouched. With
    `in_haste`, connecting to a server and each statement end after `ask_s`: for a command that only asks.
    """

    settings: Settings
    machine: Machine
    wake: Wake | None = None
    create: bool = True
    in_haste: bool = False

    def bus(self) -> Connected:
        """The embedded log, the log in PostgreSQL, or Kafka, with the registry of its schemas.

        Raises:
            SettingsError: the URL names no bus of this build.
        """
        settings = self.settings
        return connect_bus(
            self._place(settings.bus_place()),
            self.machine,
            self.wake,
            settings.instance,
            create=self.create,
            migrate=settings.migrate,
            ask_s=settings.ask_s,
            registry=settings.registry,
        )

    def store(self, service: Service) -> Store:
        """The store of a service: its SQLite file, or its schema in PostgreSQL.

        Raises:
            SettingsError: the URL names no store of this build. DeclarationError: a migration has no file for that database.
        """
        return connect_store(
            self._place(self.settings.store_place(service.name)),
            self.machine,
            service=service.name,
            tables=service.tables,
            wake=self.wake,
            create=self.create,
            migrate=self.settings.migrate,
        )

    def registry(self, beside: Registry, catalog: Catalog, codec: Codec) -> Registry:
        """The registry of schemas that the settings name, else the one beside the bus.

        Raises:
            SettingsError: the URL names no registry.
        """
        settings = self.settings
        if not settings.registry:
            return beside
        client = RegistryClient(settings.registry, self.machine.clock)
        subjects = {
            codec.learn(contract.shape): subject_of(settings.registry_subjects, contract.topic, contract.full_name)
            for contract in catalog.written().values()
        }
        return ConfluentRegistry(client, subjects, beside)

    def codec(self) -> Codec:
        """The codec of all messages."""
        return connect_codec()

    def _place(self, place: str | Path) -> str | Path:
        return hurried(place, self.settings.ask_s) if self.in_haste else place

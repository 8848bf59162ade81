"""Settings of a running app: from code, from `PARTITA_*`, with defaults that need no server."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from partita.errors import SettingsError

SWITCH = {"1": True, "true": True, "on": True, "0": False, "false": False, "off": False}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Settings:
    """Where an app keeps its data and how it runs.

    `data` is the folder of the embedded tier (one SQLite file per service, the log). `store` and `bus` are URLs
    (`postgresql://user@host/database`: a schema per service, one for the log; `kafka://host:port`); empty means
    embedded. `stores` are URLs of services that have a server of their own, by their names
    (`PARTITA_STORE_ORDER_SERVICE`). `instance` is a name this process keeps over restarts: a Kafka group gives it its
    partitions back at once. `time_scale` multiplies the times of sagas and of retry tiers (demo and tests run the
    same code in seconds). `batch` is how many messages may share a transaction. `coalesce` lets handlers of one
    statement run in waves; `at_once` lets a service handle what it sends to itself in the transaction that writes it.
    `alert_webhook` and `alert_mail` (`smtps://user:password@host?from=a@b&to=c@d`) are told alerts; `alert_ca` is a file
    with certificates that are trusted there beside the system's; `alert_every_s` is how often the rules are looked at.
    `metrics` is an address (`127.0.0.1:9464`) to serve `/metrics` on. `grace_s` is how long a
    stop may take to finish what is in work. Without `migrate` (`PARTITA_MIGRATE=off`) no schema or table is made or changed
    at the start: that is left to `partita db upgrade`.
    """

    data: Path = Path(".partita")
    store: str = ""
    stores: Mapping[str, str] = field(default_factory=dict)
    bus: str = ""
    instance: str = ""
    time_scale: float = 1.0
    batch: int = 1_000
    coalesce: bool = True
    at_once: bool = True
    alert_webhook: str = ""
    alert_mail: str = ""
    alert_ca: str = ""
    alert_every_s: float = 5.0
    metrics: str = ""
    migrate: bool = True
    grace_s: float = 10.0

    def __repr__(self) -> str:
        """For people and logs: of a URL neither user nor password nor options."""
        shown = {f.name: getattr(self, f.name) for f in fields(self)}
        shown["stores"] = {name: without_secrets(url) for name, url in self.stores.items()}
        told = (f"{n}={(without_secrets(v) if isinstance(v, str) else v)!r}" for n, v in shown.items())
        return f"Settings({', '.join(told)})"

    @classmethod
    def from_environment(cls, **given: Any) -> Settings:
        """What is given, else `PARTITA_<NAME>`, else the default.

        Raises:
            SettingsError: a variable has no usable value.
        """
        values = {name: value for name, value in given.items() if value is not None}
        own = {
            name.removeprefix(STORE_OF): url for name, url in os.environ.items() if name.startswith(STORE_OF) and url
        }
        values.setdefault("stores", own)
        for each in fields(cls):
            text = os.environ.get(f"PARTITA_{each.name.upper()}")
            if text is not None and each.name not in values:
                values[each.name] = _parse(each.name, text)
        return cls(**values)

    def store_of(self, service: str) -> str:
        """The URL of a service's database: its own, else the one of all, else empty (a file in `data`)."""
        own = {variable_of(name): url for name, url in self.stores.items()}
        return own.get(variable_of(service)) or self.store

    def check_stores(self, services: Iterable[str]) -> None:
        """Every store of its own belongs to one of these services: a misspelt one would be another database's data.

        Raises:
            SettingsError: it belongs to none.
        """
        names = list(services)
        for name in self.stores:
            if variable_of(name) not in map(variable_of, names):
                raise SettingsError(
                    f"{STORE_OF}{variable_of(name)} names no service of this app.",
                    hint=f"There is: {', '.join(STORE_OF + variable_of(each) for each in names)}.",
                )


STORE_OF = "PARTITA_STORE_"


def variable_of(service: str) -> str:
    """A service's name as variables have it: `order-service` is ORDER_SERVICE."""
    return re.sub(r"\W", "_", service).upper()


def without_secrets(url: str) -> str:
    """A URL as people may see it: without user, password and options."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        return url
    place, _, options = rest.partition("?")
    # A password with a "?" in it looks like options with an "@" in them: then nothing is shown.
    return f"{scheme}://..." if "@" in options else f"{scheme}://{place.rpartition('@')[2]}"


def _parse(name: str, text: str) -> Any:
    try:
        if name == "data":
            return Path(text)
        if name in ("time_scale", "alert_every_s", "grace_s"):
            return float(text)
        if name == "batch":
            return int(text)
        if name in ("coalesce", "at_once", "migrate"):
            return SWITCH[text.lower()]
    except (ValueError, KeyError):
        raise SettingsError(f"PARTITA_{name.upper()}={text!r} cannot be read.", hint="See `partita doctor`.") from None
    return text

"""Settings of a running app: from code, from `PARTITA_*`, with defaults that need no server."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from partita.errors import SettingsError
from partita.settings.address import (
    check_bus,
    check_folder,
    check_listening,
    check_mail,
    check_registry,
    check_store,
    check_webhook,
    folder_of,
    without_path,
    without_secrets,
)
from partita.settings.amount import check_count, check_number, check_seconds
from partita.waiting.token import check_secrets

SWITCH = {"1": True, "true": True, "on": True, "0": False, "false": False, "off": False}
TEXTS = (
    "store",
    "bus",
    "registry",
    "registry_subjects",
    "instance",
    "alert_webhook",
    "alert_mail",
    "metrics",
    "secret",
)
SWITCHES = ("coalesce", "at_once", "migrate")
SECONDS = ("alert_every_s", "grace_s", "ask_s")
BATCH_MAX = 100_000
TIME_SCALE_MAX = 1_000.0
DAY_S = 86_400.0
STRATEGIES = ("topic-record", "topic", "record")
"""The names of subjects in a schema registry."""
INSTANCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", re.ASCII)
"""The form that Kafka accepts for the name of a static member, with room for the group's name before it."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Settings:
    """Where an app keeps its data, and how it runs.

    `data` is the folder of the embedded tier (one SQLite file per service, the log). `store` and `bus` are URLs
    (`postgresql://user@host/database`: a schema per service, one for the log; `kafka://host:port`); empty means embedded.
    `registry` is the URL of a schema registry (`http://127.0.0.1:8081`; empty = the schemas are kept by the bus), and
    `registry_subjects` the strategy by which its subjects are named. `stores` are URLs of services that have a server of
    their own, by their names (`PARTITA_STORE_ORDER_SERVICE`). `instance` is a name this process keeps over restarts: a
    Kafka group gives it its partitions back at once. `time_scale` multiplies the times of sagas and of retry delays (demo
    and tests run the same code in seconds). `batch` is how many messages may share a transaction. `coalesce` lets handlers
    of one statement run in waves; `at_once` lets a service handle what it sends to itself in the transaction that writes
    it. `alert_webhook` and `alert_mail` (`smtps://user:password@host?from=a@b&to=c@d`) receive alerts; `alert_ca` is a file
    with certificates trusted there beside the system's; `alert_every_s` is the interval of the rules' evaluation. `metrics`
    is an address (`127.0.0.1:9464`) to serve `/metrics` on. `grace_s` is how long a stop may take to finish the work in
    progress. `ask_s` is how long a query of people or machines (metrics, alerts, probes, doctor, why, ...) waits for a
    database or the bus. Without `migrate` (`PARTITA_MIGRATE=off`) no schema or table is made or changed at the start:
    `partita db upgrade` does that. `secret` signs tokens for answers (`app.reply_token`): a text of 32 bytes or
    more, or several with spaces between them, the newest first.

    Raises:
        SettingsError: a value is not valid; no error quotes an address.
    """

    data: Path = Path(".partita")
    store: str = ""
    stores: Mapping[str, str] = field(default_factory=dict)
    bus: str = ""
    registry: str = ""
    registry_subjects: str = "topic-record"
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
    ask_s: float = 3.0
    secret: str = ""

    def __post_init__(self) -> None:
        self._check_kinds()
        check_folder(_called("data"), str(self.data))
        object.__setattr__(self, "data", Path(os.path.expanduser(self.data)))
        check_store(_called("store"), self.store)
        for service, url in self.stores.items():
            check_store(f"{STORE_OF}{variable_of(service)}", url)
        if len(set(map(variable_of, self.stores))) < len(self.stores):
            raise SettingsError(
                f"Of the stores {', '.join(map(ascii, self.stores))} two are one service's.", hint="Leave one of them."
            )
        check_bus(_called("bus"), self.bus)
        if self.registry:
            check_registry(_called("registry"), self.registry)
        if self.registry_subjects not in STRATEGIES:
            raise SettingsError(
                f"{_called('registry_subjects')}={self.registry_subjects!r} is no strategy.",
                hint=f"It is one of: {', '.join(STRATEGIES)}.",
            )
        if self.instance and not INSTANCE.fullmatch(self.instance):
            raise SettingsError(
                f"{_called('instance')}={self.instance!r} is not valid as a process's name.",
                hint="Letters, digits, . _ and -, 200 at most.",
            )
        check_number(SettingsError, _called("time_scale"), self.time_scale, above=0, most=TIME_SCALE_MAX)
        check_count(SettingsError, _called("batch"), self.batch, most=BATCH_MAX)
        check_seconds(SettingsError, _called("alert_every_s"), self.alert_every_s, most=DAY_S)
        check_seconds(SettingsError, _called("ask_s"), self.ask_s, most=60.0)
        check_seconds(SettingsError, _called("grace_s"), self.grace_s, positive=False, most=DAY_S)
        if self.alert_webhook:
            check_webhook(_called("alert_webhook"), self.alert_webhook)
        if self.alert_mail:
            check_mail(_called("alert_mail"), self.alert_mail)
        check_secrets(_called("secret"), self.secrets)
        if self.metrics:
            check_listening(_called("metrics"), self.metrics)

    def _check_kinds(self) -> None:
        """Check texts and switches; the value is not quoted, since it may be an address."""
        for name in TEXTS:
            if not isinstance(getattr(self, name), str):
                raise SettingsError(
                    f"{_called(name)} is not a text.", hint="Settings(data=Path(...)) is a path, all others str."
                )
        for name in SWITCHES:
            if not isinstance(getattr(self, name), bool):
                raise SettingsError(f"{_called(name)}={getattr(self, name)!r} cannot be.", hint="True or False.")
        if not isinstance(self.data, (str, Path)):
            raise SettingsError(f"{_called('data')} is not a path.", hint='Settings(data=Path("..."))')
        stores = self.stores if isinstance(self.stores, Mapping) else {None: ""}
        if not all(isinstance(text, str) for pair in stores.items() for text in pair):
            raise SettingsError(
                "stores are not texts by services.", hint='Settings(stores={"order-service": "postgresql://..."})'
            )

    def __repr__(self) -> str:
        """For people and logs: an address without user, password and options, a webhook without its path, no secret."""
        shown: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        shown |= {name: without_secrets(shown[name]) for name in ("store", "bus", "registry")}
        shown |= {name: without_path(shown[name]) for name in ("alert_webhook", "alert_mail")}
        del shown["secret"]
        shown["stores"] = {name: without_secrets(url) for name, url in self.stores.items()}
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    @classmethod
    def from_environment(cls, **given: Any) -> Settings:
        """The given values, else `PARTITA_<NAME>`, else the default; an empty variable counts as unset.

        Raises:
            SettingsError: a variable has no usable value, or names no setting.
        """
        check_environment()
        values = {name: value for name, value in given.items() if value is not None}
        own = {
            name.removeprefix(STORE_OF): url
            for name, url in os.environ.items()
            if name.startswith(STORE_OF) and url and not _is_link(name, url)
        }
        values.setdefault("stores", own)
        for name in NAMES:
            text = os.environ.get(f"PARTITA_{name.upper()}")
            if text and name not in values:
                values[name] = _parse(name, text)
        return cls(**values)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets of tokens, the newest first."""
        return tuple(self.secret.split())

    def store_of(self, service: str) -> str:
        """The URL of a service's database: its own, else the common one, else empty (a file in `data`)."""
        own = {variable_of(name): url for name, url in self.stores.items()}
        return own.get(variable_of(service)) or self.store

    def store_place(self, service: str) -> str | Path:
        """The place of a service's database: the URL of a server, or its file."""
        url = self.store_of(service)
        folder = folder_of(url) if url else self.data
        return url if folder is None else folder / f"{service}.db"

    def bus_place(self) -> str | Path:
        """The place of the bus: the URL of a server, or the log's file."""
        folder = folder_of(self.bus) if self.bus else self.data
        return self.bus if folder is None else folder / "log.db"

    def is_embedded(self, services: Iterable[str]) -> bool:
        """Whether the data folder holds the log, or the database of one of these services."""
        places = [self.bus_place(), *map(self.store_place, services)]
        return any(isinstance(place, Path) and place.parent == self.data for place in places)

    def check_stores(self, services: Iterable[str]) -> None:
        """Check that every store of its own belongs to one of these services: a misspelt one would use another database.

        Raises:
            SettingsError: it belongs to none.
        """
        names = list(services)
        for name in self.stores:
            if variable_of(name) not in map(variable_of, names):
                raise SettingsError(
                    f"{STORE_OF}{variable_of(name)} names no service of this app.",
                    hint=f"The variables are: {', '.join(STORE_OF + variable_of(each) for each in names)}.",
                )


STORE_OF = "PARTITA_STORE_"
NAMES = tuple(each.name for each in fields(Settings) if each.name != "stores")
PROFILE = "PARTITA_PROFILE"
PROFILES = ("development", "production")
# These are read by the command line, the shop, Debezium's worker, the project's own tests
OTHERS = (
    "PARTITA_APP", PROFILE, "PARTITA_ACTOR", "PARTITA_TRACE", "PARTITA_SHOP_STOCK", "PARTITA_DEBEZIUM_USER",
    "PARTITA_DEBEZIUM_PASSWORD", "PARTITA_LONG",
)  # fmt: skip
KNOWN = (*(f"PARTITA_{name.upper()}" for name in NAMES), *OTHERS)
# Kubernetes and Docker give each container variables about other services: one called partita-metrics is PARTITA_METRICS_PORT.
LINK = re.compile(
    r"PARTITA(_\w+?)??_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?|(?P<bare>PORT))"
)


def check_environment() -> None:
    """Refuse unknown variables with our prefix: a misspelt one would be silently ignored.

    Raises:
        SettingsError: shows it and the nearest name; or the profile does not exist.
    """
    for name, text in os.environ.items():
        plain = re.sub(r"\W", "_", name).upper()
        if not plain.startswith("PARTITA_") or name in KNOWN or _is_link(name, text):
            continue
        if name.startswith(STORE_OF):
            continue  # of a service; `check_stores` knows the services
        near = get_close_matches(plain, KNOWN, 1)
        told = f"Was {near[0]} meant?" if near else f"The settings are: {', '.join(KNOWN[: len(NAMES)])}."
        raise SettingsError(f"The variable {name!a} is not a setting.", hint=told)
    profile()


def profile() -> Literal["", "development", "production"]:
    """The purpose of the databases: in "production" changing verbs need a reason.

    Raises:
        SettingsError: PARTITA_PROFILE is another word.
    """
    text = os.environ.get(PROFILE, "")
    if text == "production":
        return "production"
    if text not in ("", "development"):
        raise SettingsError(f"{PROFILE}={text!a} is not a profile.", hint=f"It is one of: {', '.join(PROFILES)}.")
    return "development" if text else ""


def variable_of(service: str) -> str:
    """A service's name in variables: `order-service` is ORDER_SERVICE."""
    return re.sub(r"\W", "_", service).upper()


def _is_link(name: str, text: str) -> bool:
    found = LINK.fullmatch(name)
    return found is not None and (found["bare"] is None or "://" in text)


def _called(name: str) -> str:
    """A setting's name for people."""
    return f"{name} (PARTITA_{name.upper()})"


def _parse(name: str, text: str) -> Any:
    try:
        if name == "data":
            check_folder(_called(name), text)
            return Path(text)
        if name in ("time_scale", *SECONDS):
            return float(_plain(text))
        if name == "batch":
            return int(_plain(text))
        if name in SWITCHES:
            return SWITCH[text.lower()]
    except (ValueError, KeyError):
        good = "on or off" if name in SWITCHES else "a number"
        raise SettingsError(f"PARTITA_{name.upper()}={text!a} cannot be read.", hint=f"It is {good}.") from None
    return text


def _plain(text: str) -> str:
    """A number in plain digits: Python would also accept 1_0 and the digits of other scripts."""
    if not text.isascii() or "_" in text or text != text.strip():
        raise ValueError(text)
    return text

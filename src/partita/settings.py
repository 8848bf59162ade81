"""Settings of a running app: from code, from `PARTITA_*`, with defaults that need no server."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from partita.errors import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where an app keeps its data and how it runs.

    `data` is the folder of the embedded tier (one SQLite file per service, the log). `store` and `bus` are URLs
    (`postgresql://user@host/database`: a schema per service); empty means embedded. `time_scale` multiplies the times
    of sagas and of retry tiers (demo and tests run the same code in seconds). `batch` is how many messages may share a
    transaction. `coalesce` lets handlers of one statement run in waves; `at_once` lets a service handle what it sends
    to itself in the transaction that writes it. `alert_webhook` and `alert_mail` (`smtp://host:25?from=a@b&to=c@d`) are
    told alerts; `alert_every_s` is how often the rules are looked at. `metrics` is an address (`127.0.0.1:9464`) to
    serve `/metrics` on.
    """

    data: Path = Path(".partita")
    store: str = ""
    bus: str = ""
    time_scale: float = 1.0
    batch: int = 1_000
    coalesce: bool = True
    at_once: bool = True
    alert_webhook: str = ""
    alert_mail: str = ""
    alert_every_s: float = 5.0
    metrics: str = ""

    @classmethod
    def from_environment(cls, **given: Any) -> Settings:
        """What is given, else `PARTITA_<NAME>`, else the default.

        Raises:
            SettingsError: a variable has no usable value.
        """
        values = {name: value for name, value in given.items() if value is not None}
        for field in fields(cls):
            text = os.environ.get(f"PARTITA_{field.name.upper()}")
            if text is not None and field.name not in values:
                values[field.name] = _parse(field.name, text)
        return cls(**values)


def _parse(name: str, text: str) -> Any:
    try:
        if name == "data":
            return Path(text)
        if name in ("time_scale", "alert_every_s"):
            return float(text)
        if name == "batch":
            return int(text)
        if name in ("coalesce", "at_once"):
            return {"1": True, "true": True, "0": False, "false": False}[text.lower()]
    except (ValueError, KeyError):
        raise SettingsError(f"PARTITA_{name.upper()}={text!r} cannot be read.", hint="See `partita doctor`.") from None
    return text

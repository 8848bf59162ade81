"""Compatibility levels and modes: those of the whole registry, and those of a subject, which come first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from partita.registry_server.ledger import Ledger
from partita.registry_server.refusal import (
    invalid_level,
    invalid_mode,
    no_level,
    no_mode,
    no_subject,
    not_kept,
    not_permitted,
    referenced,
)
from partita.schemas.evolution.level import Level

WHOLE = ""
"""The subject of settings of the whole registry."""
LEVEL, MODE = "config", "mode"
DEFAULT_LEVEL = Level.BACKWARD
MODES = ("READWRITE", "READONLY", "IMPORT")
Config = Mapping[str, Any]
"""`compatibilityLevel` and `normalize`, as the protocol names them. Any: values of JSON."""


async def own_config(ledger: Ledger, subject: str) -> Config | None:
    """The settings of a subject alone; the whole registry always has a level."""
    text = await ledger.setting(subject, LEVEL)
    own: Config | None = None if text is None else json.loads(text)
    return {"compatibilityLevel": DEFAULT_LEVEL.value, **(own or {})} if subject == WHOLE else own


async def config_of(ledger: Ledger, subject: str) -> Config:
    """The settings by which a subject is checked."""
    return {**(await own_config(ledger, WHOLE) or {}), **(await own_config(ledger, subject) or {})}


async def level_of(ledger: Ledger, subject: str) -> Level:
    """The level by which a subject is checked."""
    return Level((await config_of(ledger, subject))["compatibilityLevel"])


async def config_or_refusal(ledger: Ledger, subject: str) -> Config:
    """The settings of a subject alone.

    Raises:
        Refusal: it has none.
    """
    own = await own_config(ledger, subject)
    if own is None:
        raise no_level(subject)
    return own


async def change_config(ledger: Ledger, subject: str, request: Config) -> Config:
    """Set the level, or `normalize`; settings that the request leaves out stay. Returns the request.

    Raises:
        Refusal: the level does not exist, or the registry does not keep such a setting.
    """
    wanted = {name: value for name, value in request.items() if value is not None}
    for name in wanted:
        if name not in ("compatibility", "normalize"):
            raise not_kept(f"The setting {name!r:.40}")
    config: dict[str, Any] = {}
    if "compatibility" in wanted:
        level = wanted["compatibility"]
        if not isinstance(level, str) or level.upper() not in Level.__members__:
            raise invalid_level(level)
        config["compatibilityLevel"] = level.upper()
    if "normalize" in wanted:
        if not isinstance(wanted["normalize"], bool):
            raise not_kept(f"normalize={wanted['normalize']!r:.40}")
        config["normalize"] = wanted["normalize"]
    text = await ledger.setting(subject, LEVEL)
    await ledger.set(subject, LEVEL, json.dumps({**(json.loads(text) if text else {}), **config}))
    return {"compatibility": config["compatibilityLevel"], **wanted} if "compatibility" in wanted else wanted


async def drop_config(ledger: Ledger, subject: str) -> Config:
    """Return to the settings of the whole registry, or to the default; returns the former settings.

    Raises:
        Refusal: the subject has none.
    """
    own = await own_config(ledger, subject)
    if own is None:
        raise no_subject(subject)
    await ledger.unset(subject, LEVEL)
    return own


async def mode_of(ledger: Ledger, subject: str) -> str:
    """The mode that holds for a subject."""
    return await ledger.setting(subject, MODE) or await ledger.setting(WHOLE, MODE) or MODES[0]


async def mode_or_refusal(ledger: Ledger, subject: str) -> str:
    """The mode of a subject alone; the whole registry always has one.

    Raises:
        Refusal: it has none.
    """
    own = await ledger.setting(subject, MODE)
    if own is None and subject != WHOLE:
        raise no_mode(subject)
    return own or MODES[0]


async def change_mode(ledger: Ledger, subject: str, mode: object, *, force: bool) -> None:
    """Set the mode. An import begins without versions: those deleted softly are purged, unless it is forced.

    Raises:
        Refusal: the mode does not exist, or there are versions that an import would mix with its own.
    """
    if not isinstance(mode, str) or mode.upper() not in MODES:
        raise invalid_mode(mode)
    if mode.upper() == "IMPORT" and await mode_of(ledger, subject) != "IMPORT" and not force:
        there = await (ledger.all_versions() if subject == WHOLE else ledger.versions(subject))
        if not all(version.deleted for version in there):
            raise not_permitted("Cannot import since found existing subjects")
        for version in there:
            if await ledger.referrers(version.subject, version.version):
                raise referenced(version.subject, version.version)
        await ledger.purge(there)
    await ledger.set(subject, MODE, mode.upper())


async def drop_mode(ledger: Ledger, subject: str) -> str:
    """Return to the mode of the whole registry, or to the default; returns the former mode.

    Raises:
        Refusal: the subject has none.
    """
    own = await ledger.setting(subject, MODE)
    if own is None and subject != WHOLE:
        raise no_subject(subject)
    await ledger.unset(subject, MODE)
    return own or MODES[0]


async def check_writable(ledger: Ledger, subject: str) -> None:
    """Check that versions of a subject may be deleted.

    Raises:
        Refusal: its mode is READONLY.
    """
    if await mode_of(ledger, subject) == "READONLY":
        raise not_permitted(f"Subject {subject} is in read-only mode")


async def check_register(ledger: Ledger, subject: str, *, imported: bool) -> None:
    """Check that a schema may be registered: an import gives ids, and nothing else does.

    Raises:
        Refusal: the mode forbids it.
    """
    mode = await mode_of(ledger, subject)
    if mode == "READONLY":
        raise not_permitted(f"Subject {subject} is in read-only mode")
    if imported and mode != "IMPORT":
        raise not_permitted(f"Subject {subject} is not in import mode: only an import gives ids")
    if not imported and mode != "READWRITE":
        raise not_permitted(f"Subject {subject} is not in read-write mode: an import gives the id of each schema")

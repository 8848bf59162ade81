"""The operations of the protocol by method and path: each takes a request within a transaction and returns the answer's JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from partita.registry_server import configuration
from partita.registry_server.configuration import WHOLE
from partita.registry_server.deleting import delete_subject, delete_version
from partita.registry_server.entry import Entry, Version
from partita.registry_server.languages import LANGUAGES, RulesOf
from partita.registry_server.ledger import Ledger
from partita.registry_server.refusal import Refusal, no_schema, no_subject, no_version
from partita.registry_server.registering import Registered, compatibility, formatted, known, look_up, register
from partita.registry_server.request import LATEST, Request, checked_subject

Answer = Any
"""JSON, or `Plain`. Any: JSON has all kinds of values."""
Operation = Callable[[Ledger, Request], Awaitable[Answer]]


class Plain(NamedTuple):
    """An answer that is JSON already: a schema as it was submitted."""

    text: str


class Route(NamedTuple):
    """A path with `*` for the parts that a client chooses, its operation, and whether that one writes. `looked` is tried first in
    a reading transaction; where it returns None the operation runs."""

    method: str
    path: tuple[str, ...]
    operation: Operation
    writes: bool = False
    looked: Operation | None = None


def routes(rules_of: RulesOf) -> Sequence[Route]:
    """All routes of the protocol that this registry has."""
    registering = _Registering(rules_of)
    subjects, schemas = ("subjects",), ("schemas",)
    versions, checks = ("subjects", "*", "versions"), ("compatibility", "subjects", "*", "versions")
    found = [
        Route("GET", ("",), _root),
        Route("GET", ("contexts",), _contexts),
        Route("GET", subjects, _subjects),
        Route("POST", (*subjects, "*"), registering.look_up),
        Route("DELETE", (*subjects, "*"), _delete_subject, True),
        Route("GET", versions, _versions),
        Route("POST", versions, registering.register, True, registering.known),
        Route("GET", (*versions, "*"), _version),
        Route("GET", (*versions, "*", "schema"), _version_text),
        Route("GET", (*versions, "*", "referencedby"), _referenced_by),
        Route("DELETE", (*versions, "*"), _delete_version, True),
        Route("GET", schemas, _schemas),
        Route("GET", (*schemas, "types"), _types),
        Route("GET", (*schemas, "ids", "*"), _schema),
        Route("GET", (*schemas, "ids", "*", "schema"), _schema_text),
        Route("GET", (*schemas, "ids", "*", "subjects"), _subjects_of_id),
        Route("GET", (*schemas, "ids", "*", "versions"), _versions_of_id),
        Route("GET", (*schemas, "guids", "*"), _schema_of_guid),
        Route("POST", checks, registering.compatible),
        Route("POST", (*checks, "*"), registering.compatible_with),
    ]
    for end in ((), ("*",)):
        found += [
            Route("GET", ("config", *end), _config),
            Route("PUT", ("config", *end), _set_config, True),
            Route("DELETE", ("config", *end), _drop_config, True),
            Route("GET", ("mode", *end), _mode),
            Route("PUT", ("mode", *end), _set_mode, True),
            Route("DELETE", ("mode", *end), _drop_mode, True),
        ]
    return found


class _Registering:
    """The operations on a submitted schema, with the rules by which it is checked."""

    def __init__(self, rules_of: RulesOf) -> None:
        self._rules_of = rules_of

    async def look_up(self, ledger: Ledger, request: Request) -> Answer:
        found = await look_up(
            ledger,
            request.subject,
            request.submission(),
            normalize=request.flag("normalize"),
            deleted=request.flag("deleted"),
        )
        return _full(await _formatted(ledger, request, found))

    async def known(self, ledger: Ledger, request: Request) -> Answer:
        found = await known(ledger, request.subject, request.submission(), normalize=request.flag("normalize"))
        return None if found is None else _registered(found)

    async def register(self, ledger: Ledger, request: Request) -> Answer:
        return _registered(
            await register(
                ledger, self._rules_of, request.subject, request.submission(), normalize=request.flag("normalize")
            )
        )

    async def compatible(self, ledger: Ledger, request: Request) -> Answer:
        return await self._compatible(ledger, request, None)

    async def compatible_with(self, ledger: Ledger, request: Request) -> Answer:
        live = [each for each in await ledger.versions(request.subject) if not each.deleted]
        found = live[-1:] if request.version == LATEST else [each for each in live if each.version == request.version]
        if not found and request.version != LATEST:
            raise no_version(request.version)
        return await self._compatible(ledger, request, found)

    async def _compatible(self, ledger: Ledger, request: Request, against: Sequence[Version] | None) -> Answer:
        verbose = request.flag("verbose")
        try:
            messages = await compatibility(
                ledger,
                self._rules_of,
                request.subject,
                request.submission(),
                normalize=request.flag("normalize"),
                against=against,
            )
        except Refusal as refusal:
            if not verbose or refusal.code != 42201:
                raise
            messages = [refusal.message]
        return {"is_compatible": not messages} | ({"messages": messages} if verbose else {})


async def _root(_: Ledger, __: Request) -> Answer:
    return {}


async def _contexts(_: Ledger, __: Request) -> Answer:
    """The default context is the only one."""
    return ["."]


async def _types(_: Ledger, __: Request) -> Answer:
    return list(LANGUAGES)


async def _subjects(ledger: Ledger, request: Request) -> Answer:
    found = [each for each in await ledger.all_versions() if each.subject.startswith(_prefix(request))]
    return request.cut(list(dict.fromkeys(each.subject for each in _wanted(request, found, by_subject=True))))


async def _schemas(ledger: Ledger, request: Request) -> Answer:
    versions = [each for each in await ledger.all_versions() if each.subject.startswith(_prefix(request))]
    if not request.flag("deleted"):
        versions = [each for each in versions if not each.deleted]
    if request.flag("latestOnly"):
        versions = list({each.subject: each for each in versions}.values())
    found = [await _read(ledger, each) for each in request.cut(versions)]
    return [_full(each) for each in found]


async def _versions(ledger: Ledger, request: Request) -> Answer:
    there = await ledger.versions(request.subject)
    if not there or (not _also_deleted(request) and all(each.deleted for each in there)):
        raise no_subject(request.subject)
    return request.cut([each.version for each in _wanted(request, there)])


async def _version(ledger: Ledger, request: Request) -> Answer:
    found = await _asked(ledger, request, deleted=request.flag("deleted"))
    return _full(await _formatted(ledger, request, found))


async def _version_text(ledger: Ledger, request: Request) -> Answer:
    found = await _asked(ledger, request, deleted=request.flag("deleted"))
    return Plain((await _formatted(ledger, request, found)).entry.text)


async def _referenced_by(ledger: Ledger, request: Request) -> Answer:
    found = await _asked(ledger, request, deleted=True)
    referrers = await ledger.referrers(found.subject, found.version)
    ids = sorted({each.id for each in referrers if request.flag("deleted") or not each.deleted})
    return request.cut(ids)


async def _delete_subject(ledger: Ledger, request: Request) -> Answer:
    return await delete_subject(ledger, request.subject, permanent=request.flag("permanent"))


async def _delete_version(ledger: Ledger, request: Request) -> Answer:
    return await delete_version(ledger, request.subject, request.version, permanent=request.flag("permanent"))


async def _schema(ledger: Ledger, request: Request) -> Answer:
    found = _content(await formatted(ledger, await _entry(ledger, request), request.text("format")))
    return found | ({"maxId": await ledger.last_id()} if request.flag("fetchMaxId") else {})


async def _schema_text(ledger: Ledger, request: Request) -> Answer:
    return Plain((await formatted(ledger, await _entry(ledger, request), request.text("format"))).text)


async def _subjects_of_id(ledger: Ledger, request: Request) -> Answer:
    return request.cut(list(dict.fromkeys(each.subject for each in await _uses(ledger, request))))


async def _versions_of_id(ledger: Ledger, request: Request) -> Answer:
    uses = await _uses(ledger, request)
    return request.cut([{"subject": each.subject, "version": each.version} for each in uses])


async def _schema_of_guid(ledger: Ledger, request: Request) -> Answer:
    entry = await ledger.entry_of_guid(request.given[0].lower())
    if entry is None:
        raise no_schema(request.given[0][:40])
    return _content(await formatted(ledger, entry, request.text("format")))


async def _config(ledger: Ledger, request: Request) -> Answer:
    if request.flag("defaultToGlobal"):
        return await configuration.config_of(ledger, _scope(request))
    return await configuration.config_or_refusal(ledger, _scope(request))


async def _set_config(ledger: Ledger, request: Request) -> Answer:
    return await configuration.change_config(ledger, _scope(request), request.json())


async def _drop_config(ledger: Ledger, request: Request) -> Answer:
    return await configuration.drop_config(ledger, _scope(request))


async def _mode(ledger: Ledger, request: Request) -> Answer:
    if request.flag("defaultToGlobal"):
        return {"mode": await configuration.mode_of(ledger, _scope(request))}
    return {"mode": await configuration.mode_or_refusal(ledger, _scope(request))}


async def _set_mode(ledger: Ledger, request: Request) -> Answer:
    mode = request.json().get("mode")
    await configuration.change_mode(ledger, _scope(request), mode, force=request.flag("force"))
    return {"mode": mode}


async def _drop_mode(ledger: Ledger, request: Request) -> Answer:
    return {"mode": await configuration.drop_mode(ledger, _scope(request))}


def _scope(request: Request) -> str:
    return request.subject if request.given else WHOLE


def _prefix(request: Request) -> str:
    """The beginning of the subjects that are asked for. A client may write "of every context"."""
    prefix = request.text("subjectPrefix").removeprefix(":*:")
    if prefix:
        checked_subject(prefix)
    return prefix


def _also_deleted(request: Request) -> bool:
    return request.flag("deleted") or request.flag("deletedOnly")


def _wanted(request: Request, versions: Sequence[Version], *, by_subject: bool = False) -> list[Version]:
    """The versions that are asked for. A subject is deleted when all its versions are."""
    if request.flag("deletedOnly"):
        live = {each.subject for each in versions if not each.deleted} if by_subject else frozenset[str]()
        return [each for each in versions if each.deleted and each.subject not in live]
    return [each for each in versions if request.flag("deleted") or not each.deleted]


async def _entry(ledger: Ledger, request: Request) -> Entry:
    entry = await ledger.entry(request.id)
    if entry is None:
        raise no_schema(request.id)
    return entry


async def _uses(ledger: Ledger, request: Request) -> Sequence[Version]:
    await _entry(ledger, request)
    subject = request.text("subject")
    found = [each for each in await ledger.uses(request.id) if subject in ("", each.subject)]
    return [each for each in found if request.flag("deleted") or not each.deleted]


async def _asked(ledger: Ledger, request: Request, *, deleted: bool) -> Registered:
    number = request.version
    versions = [each for each in await ledger.versions(request.subject) if deleted or not each.deleted]
    if not versions:
        raise no_subject(request.subject)
    found = next((each for each in reversed(versions) if number in (LATEST, each.version)), None)
    if found is None:
        raise no_version(number)
    return await _read(ledger, found)


async def _formatted(ledger: Ledger, request: Request, found: Registered) -> Registered:
    return found._replace(entry=await formatted(ledger, found.entry, request.text("format")))


async def _read(ledger: Ledger, version: Version) -> Registered:
    entry = await ledger.entry(version.id)
    assert entry is not None, "a version has its text until it is purged"
    return Registered(version.subject, version.version, entry, version.deleted)


def _content(entry: Entry) -> dict[str, Any]:
    """A schema; what is empty or the default is left out, as clients expect it."""
    found: dict[str, Any] = {"guid": entry.guid}
    if entry.language != "AVRO":
        found["schemaType"] = entry.language
    if entry.references:
        found["references"] = [each._asdict() for each in entry.references]
    return found | {"schema": entry.text}


def _full(found: Registered) -> dict[str, Any]:
    whole = {"subject": found.subject, "version": found.version, "id": found.entry.id, **_content(found.entry)}
    return whole | ({"deleted": True} if found.deleted else {})


def _registered(found: Registered) -> dict[str, Any]:
    return {"id": found.entry.id, "version": found.version, **_content(found.entry)}

"""Registration: a submitted schema becomes a version of a subject, or is found to be one already."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

from partita.errors import UnknownSchema
from partita.registry_server.configuration import check_register, config_of, level_of, mode_of
from partita.registry_server.entry import ID_MAX, Entry, Reference, Submission, Version, guid_of, identity_of
from partita.registry_server.language import TEXT_MAX, Parsed
from partita.registry_server.languages import RulesOf, language_of
from partita.registry_server.ledger import Ledger
from partita.registry_server.refusal import (
    incompatible,
    invalid_schema,
    no_schema,
    no_subject,
    not_permitted,
    too_large,
)
from partita.schemas.evolution.checking import Version as Earlier
from partita.schemas.evolution.checking import check
from partita.schemas.evolution.finding import Finding
from partita.schemas.evolution.level import Level

REFERENCES_MAX = 200


class Registered(NamedTuple):
    """A version of a subject with its schema."""

    subject: str
    version: int
    entry: Entry
    deleted: bool = False


class _Read(NamedTuple):
    """A submission as its language reads it."""

    parsed: Parsed
    references: tuple[Reference, ...]
    identity: str


async def look_up(ledger: Ledger, subject: str, submitted: Submission, *, normalize: bool, deleted: bool) -> Registered:
    """The version of a subject that is the submitted schema.

    Raises:
        Refusal: the subject does not exist, none of its versions is that schema, or it is no schema.
    """
    read = await _read(ledger, submitted, await _normalizes(ledger, subject, normalize))
    versions = [each for each in await ledger.versions(subject) if deleted or not each.deleted]
    if not versions:
        raise no_subject(subject)
    found = await _version_of(ledger, versions, read)
    if found is None:
        raise no_schema()
    return found


async def known(ledger: Ledger, subject: str, submitted: Submission, *, normalize: bool) -> Registered | None:
    """The version that a registration would return without a change; None = it has to be registered. So the most frequent
    request, that of each start of each process, waits for no writer.

    Raises:
        Refusal: as `register`.
    """
    await check_register(ledger, subject, imported=submitted.id >= 0)
    if submitted.id >= 0 or submitted.version > 0:
        return None
    read = await _read(ledger, submitted, await _normalizes(ledger, subject, normalize))
    return await _version_of(ledger, [each for each in await ledger.versions(subject) if not each.deleted], read)


async def register(
    ledger: Ledger, rules_of: RulesOf, subject: str, submitted: Submission, *, normalize: bool
) -> Registered:
    """Make the schema the next version of its subject. Equal content keeps its id, whatever the subject.

    Raises:
        Refusal: it is no schema, the level or the mode does not allow it, or an import's id is that of another content.
    """
    found = await known(ledger, subject, submitted, normalize=normalize)
    if found is not None:
        return found  # another client registered it meanwhile
    read = await _read(ledger, submitted, await _normalizes(ledger, subject, normalize))
    versions = await ledger.versions(subject)
    following = max((each.version for each in versions), default=0) + 1
    imports = await mode_of(ledger, subject) == "IMPORT"
    if submitted.version > 0 and submitted.version != following and not imports:
        raise invalid_schema("Version is not one more than previous version")
    if not imports:
        messages = await _clashes(ledger, rules_of, subject, submitted.language, read.parsed.whole, versions)
        if messages:
            raise incompatible(subject, messages)
    entry = await _entry(ledger, submitted, read)
    version = submitted.version or following
    await ledger.add_version(subject, version, entry)
    return Registered(subject, version, entry)


async def compatibility(
    ledger: Ledger,
    rules_of: RulesOf,
    subject: str,
    submitted: Submission,
    *,
    normalize: bool,
    against: Sequence[Version] | None = None,
) -> list[str]:
    """The reasons why the schema could not be registered now, or could not follow the versions `against`.

    Raises:
        Refusal: it is no schema.
    """
    read = await _read(ledger, submitted, await _normalizes(ledger, subject, normalize))
    versions = await ledger.versions(subject) if against is None else against
    return await _clashes(ledger, rules_of, subject, submitted.language, read.parsed.whole, versions)


async def formatted(ledger: Ledger, entry: Entry, form: str) -> Entry:
    """A schema in the form for which a client asks with `format`.

    Raises:
        Refusal: a schema that it refers to was purged.
    """
    if not form:
        return entry
    texts = await _referenced(ledger, entry.language, entry.references)
    return dataclasses.replace(entry, text=language_of(entry.language).formatted(entry.text, texts, form))


async def _normalizes(ledger: Ledger, subject: str, normalize: bool) -> bool:
    return normalize or bool((await config_of(ledger, subject)).get("normalize"))


async def _read(ledger: Ledger, submitted: Submission, normalize: bool) -> _Read:
    if len(submitted.text) > TEXT_MAX:
        raise too_large(f"The schema has {len(submitted.text):,} characters; at most {TEXT_MAX:,} are kept.")
    language = language_of(submitted.language)
    if not submitted.text.strip():
        raise invalid_schema("Empty schema")
    references = tuple(sorted(dict.fromkeys(submitted.references))) if normalize else submitted.references
    texts = await _referenced(ledger, submitted.language, references)
    try:
        parsed = language.parse(submitted.text, texts, normalize=normalize)
    except (ValueError, RecursionError) as error:
        raise invalid_schema(str(error)) from error
    return _Read(parsed, references, identity_of(submitted.language, parsed.canonical, references))


async def _referenced(ledger: Ledger, language: str, references: Sequence[Reference]) -> dict[str, str]:
    """The texts that a schema refers to, directly or through others, each behind those that it uses itself."""
    texts: dict[str, str] = {}
    # A stack instead of recursion: a chain of references may be long. An entry is seen twice: the second time those that it uses
    # are there.
    waiting = [(reference, False) for reference in reversed(references)]
    opened: set[Reference] = set()
    while waiting:
        reference, is_read = waiting.pop()
        if reference.name in texts:
            continue
        if len(opened) > REFERENCES_MAX:
            raise invalid_schema(f"it needs more than {REFERENCES_MAX} other schemas")
        entry = await _target(ledger, reference)
        if entry.language != language:
            raise invalid_schema(f"the reference {reference.name!r:.200} leads to a schema in {entry.language}")
        if is_read or reference in opened:
            texts[reference.name] = entry.text
            continue
        opened.add(reference)
        waiting.append((reference, True))
        waiting += [(inner, False) for inner in reversed(entry.references)]
    return texts


async def _target(ledger: Ledger, reference: Reference) -> Entry:
    versions = await ledger.versions(reference.subject)
    found = next((each for each in versions if each.version == reference.version), None)
    entry = await ledger.entry(found.id) if found is not None else None
    if entry is None:
        what = f"the reference {reference.name!r:.200} leads to version {reference.version} of the subject"
        raise invalid_schema(f"{what} {reference.subject!r:.200}, which does not exist")
    return entry


async def _version_of(ledger: Ledger, versions: Sequence[Version], read: _Read) -> Registered | None:
    ids = await ledger.ids_of(read.identity)
    found = next((each for each in reversed(versions) if each.id in ids), None)
    entry = await ledger.entry(found.id) if found is not None else None
    return None if found is None or entry is None else Registered(found.subject, found.version, entry, found.deleted)


async def _entry(ledger: Ledger, submitted: Submission, read: _Read) -> Entry:
    """The schema under its id: its own, that of the import, or the next one."""
    ids = await ledger.ids_of(read.identity)
    number = submitted.id if submitted.id >= 0 else ids[0] if ids else await ledger.last_id() + 1
    if await ledger.identity_of(number) not in (None, read.identity):
        raise not_permitted(f"Overwrite new schema with id {number} is not permitted.")
    if number > ID_MAX:
        raise not_permitted(f"The id {number} exceeds {ID_MAX}.")
    text = read.parsed.canonical
    entry = Entry(number, guid_of(text, read.references), submitted.language, text, read.references)
    await ledger.add_entry(entry, read.identity)
    return entry


async def _clashes(
    ledger: Ledger, rules_of: RulesOf, subject: str, language: str, whole: str, versions: Sequence[Version]
) -> list[str]:
    """The reasons why a schema cannot follow the versions of its subject that are not deleted."""
    level = await level_of(ledger, subject)
    there = [each for each in versions if not each.deleted]
    if level is Level.NONE or not there:
        return []
    earlier = []
    for each in there if level.is_transitive else there[-1:]:
        entry = await ledger.entry(each.id)
        assert entry is not None, "a version has its text until it is purged"
        if entry.language != language:
            return [f"Incompatible because of different schema type: version {each.version} is in {entry.language}."]
        texts = await _referenced(ledger, language, entry.references)
        parsed = language_of(language).parse(entry.text, texts, normalize=False)
        earlier.append(Earlier(str(each.version), parsed.whole))
    rules = rules_of(language)
    if rules is None:
        raise invalid_schema(
            f"this registry has no rules of evolution for {language}: a second version needs the level NONE"
        )
    try:
        return [_told(finding) for finding in check(whole, earlier, level, rules)]
    except UnknownSchema as error:
        raise invalid_schema(error.what) from error


def _told(finding: Finding) -> str:
    """A finding as a message: the rule, the place, both sides, the version, and what to write instead."""
    what = (
        f"{finding.rule} at {finding.path or '(the schema)'}: version {finding.version} has {finding.old or 'nothing'}"
    )
    return f"{what}, the new schema {finding.new or 'nothing'}.{f' {finding.instead}' if finding.instead else ''}"

"""The schemas of an app beside those that its project has kept: what is new, and who is hurt by it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from partita.catalog.contract import Contract, version_in
from partita.catalog.upcaster import upcaster_line
from partita.errors import NotFound, SettingsError
from partita.observability.commit import Commit
from partita.observability.declarations import Declarations
from partita.observability.kept_messages import KeptMessages
from partita.schemas.evolution.checking import Version, check
from partita.schemas.evolution.connect import rules_of_classes
from partita.schemas.evolution.finding import Finding
from partita.schemas.evolution.level import Level
from partita.schemas.fields.field import latest_revision
from partita.schemas.languages import schema_of
from partita.schemas.protobuf.numbering import give_numbers
from partita.schemas.revisions import FOLDER, Revision, by_message, missing, read_folder, revision_of

RULES = {"avro": "avro", "json": "json-schema", "protobuf": "protobuf"}
PROTOBUF = "protobuf"


def revisions_now(app: Declarations, folder: Path | None = None) -> list[Revision]:
    """Every revision that the classes of an app know, in the message's own language. Field numbers are those of the folder, by
    default those that the app itself finds."""
    return [
        Revision(name, number, shape.language, schema_of(shape, None, number))
        for name, contract in sorted(app.catalog.contracts.items())
        if contract.kind != "fault"
        for shape in [dataclasses.replace(contract.shape, home=folder or contract.shape.home)]
        for number in range(1, latest_revision(shape.struct) + 1)
    ]


def number_fields(app: Declarations, folder: Path) -> Path | None:
    """Give numbers to the fields of the app's own messages in Protobuf, in the lock of a folder; returns its path where it
    changed.

    Raises:
        DeclarationError: the lock gives one number to two names, or cannot be read.
    """
    owned = [
        contract.shape for _, contract in sorted(app.catalog.contracts.items()) if contract.shape.language == PROTOBUF
    ]
    return give_numbers(folder, owned) if owned else None


def read_kept(against: str) -> tuple[list[Revision], bool]:
    """The revisions that a project keeps: in a folder, or in the folder `schemas` of a commit; and whether it was a folder.

    Raises:
        SettingsError: it is neither. NotFound: the commit has no such folder.
    """
    if Path(against).is_dir():
        return read_folder(Path(against)), True
    return _of_commit(against), False


def _of_commit(ref: str) -> list[Revision]:
    try:
        commit = Commit(ref)
    except SettingsError as error:
        raise SettingsError(
            f"{ref} is neither a folder here nor a commit of this repository.",
            hint="--against schemas, or --against HEAD~1",
        ) from error
    files = {line.removeprefix(f"{FOLDER}/"): line for line in commit.files(FOLDER)}

    def held(path: str) -> str | None:
        data = commit.data(files[path]) if path in files else None
        return None if data is None else data.decode(errors="replace")

    found = []
    for path, line in files.items():
        revision = revision_of(path, commit.data(line) or b"", held)
        found += [] if revision is None else [revision]
    if not found:
        raise NotFound(f"{ref} has no revision files in {FOLDER}/.", hint=f"partita schema export {FOLDER}; commit it.")
    return found


def schema_findings(
    app: Declarations,
    kept: Sequence[Revision],
    level: Level | None,
    *,
    stale: bool,
    live: KeptMessages | None = None,
    protobuf_json: bool = False,
) -> list[Finding]:
    """The reasons why the schemas of an app cannot follow the revisions that were kept, at the level that each message declares
    or at the given one; with `stale`, also the newest schemas that no file has. `live` has the messages of the old schemas,
    `protobuf_json` says that values in Protobuf are read in its JSON form, too."""
    now, files, found = by_message(revisions_now(app)), by_message(kept), list[Finding]()
    of_others = {contract.full_name for contract in app.catalog.of_others()}  # copied from their owners
    for message, earlier in files.items():
        contract = app.catalog.contracts.get(message)
        if contract is None:
            newer = _newer(app, message)
            if newer is not None and version_in(message)[1] in newer.gone:
                continue
            held = _held(app, live, message, earlier)
            if newer is not None:
                found.append(_hurting(_without_upcaster(message, earlier[-1], newer), held))
            elif level is not Level.NONE and message not in of_others:
                found.append(_hurting(_removed(message, earlier[-1]), held))
            continue
        newest = now[message][-1]
        rules = rules_of_classes(RULES[newest.language], protobuf_json=protobuf_json)
        same = [each for each in earlier if each.language == newest.language]
        versions = [Version(f"revision {e.number}", e.text) for e in same if e.fingerprint != newest.fingerprint]
        held = _held(app, live, message, [each for each in same if each.fingerprint != newest.fingerprint])
        found += [
            _hurting(each, (*hurt_by(app, contract), *held))
            for each in check(newest.text, versions, level or contract.compatibility, rules)
        ]
    if stale:
        found += [
            Finding(
                "not-exported", each.message, "no file", each.file, f"partita schema export {FOLDER}; commit the file."
            )
            for each in missing(revisions_now(app), kept)
        ]
    return found


def _held(app: Declarations, live: KeptMessages | None, message: str, old: Sequence[Revision]) -> tuple[str, ...]:
    return () if live is None else live.hurt(app, message, {each.fingerprint: each.number for each in old})


def _hurting(finding: Finding, hurts: Sequence[str]) -> Finding:
    return dataclasses.replace(finding, hurts=(*finding.hurts, *hurts))


def promises_nothing(app: Declarations) -> tuple[str, ...]:
    """The messages whose schemas are not compared, as they declare."""
    some = app.catalog.contracts.values()
    return tuple(sorted(each.full_name for each in some if each.compatibility is Level.NONE and each.kind != "fault"))


def _newer(app: Declarations, message: str) -> Contract | None:
    """The newest class of a message whose given version has no class."""
    identity, version = version_in(message)
    same = [c for c in app.catalog.contracts.values() if c.identity == identity and c.version > version]
    return max(same, key=lambda contract: contract.version, default=None)


def _without_upcaster(message: str, last: Revision, newer: Contract) -> Finding:
    version = version_in(message)[1]
    old = f"{newer.name}V{version}"
    return Finding(
        "old-version-without-upcaster",
        message,
        f"revision {last.number}",
        f"no class of version {version}, and no upcaster to {newer.full_name}",
        f'class {old}(..., name="{newer.wire_name}", version={version}) as it was, and {upcaster_line(newer, old)} '
        f"Or gone=({version},) on {newer.name}, where no message of version {version} can exist any more.",
        hurts=(f"messages of {message} in topics, outboxes, retries, dead letters and sagas",),
    )


def _removed(message: str, last: Revision) -> Finding:
    return Finding(
        "message-removed",
        message,
        f"revision {last.number}",
        "no message of this name",
        "Keep the class until no message of it is in a log, an outbox, a dead letter or a saga; then delete its files.",
    )


def hurt_by(app: Declarations, contract: Contract) -> tuple[str, ...]:
    """The consumers of a message and the sagas that wait for it, by the declarations."""
    hurt = []
    for service in app.services:
        interest = app.catalog.interests(service).get(contract.full_name)
        if interest is not None and interest.bindings:
            names = ", ".join(binding.name for binding in interest.bindings)
            hurt.append(
                f"{service.name} ({names}), with old messages on {contract.topic}, among its dead letters and in retry"
            )
        for definition in service.declared.sagas:
            if contract.newest in definition.consumes:
                hurt.append(f"sagas {definition.name} in flight, of {service.name}")
    return tuple(hurt)

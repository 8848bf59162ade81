"""`Entry`: a message in the catalog, with all that is declared about it; no database is needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from partita.catalog.contract import Contract, contract_of, is_key
from partita.catalog.flow_notes import Concern
from partita.catalog.service import service_of
from partita.catalog.type_text import type_text
from partita.catalog.upcaster import olds_of
from partita.observability.catalog.example import example_of
from partita.observability.catalog.meaning import key_meaning, meaning_of
from partita.observability.catalog.personal import has_subject, personal_in
from partita.observability.declarations import Declarations
from partita.observability.describing import FORMAT_OF, contract_named
from partita.schemas.fields.field import fields_of, latest_revision
from partita.schemas.fields.reading import read
from partita.schemas.fields.wire_type import Bounded, Bounds, Items, OneOf, Symbols, WireType
from partita.schemas.languages import schema_of
from partita.schemas.revisions import Revision, by_message
from partita.topics.declared import DeclaredTopic, declared_topics

Files = Mapping[str, Sequence[Revision]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldEntry:
    """A field of a message by its name on the wire. `default` is empty if the field is required; `is_choice` = its type lists
    its values."""

    name: str
    type: str
    default: str
    since: int
    meaning: str
    is_choice: bool
    is_key: bool
    is_pii: bool
    is_subject: bool
    aliases: tuple[str, ...]

    @property
    def marks(self) -> str:
        """Its marks in words."""
        said = (("key", self.is_key), ("PII", self.is_pii), ("subject", self.is_subject))
        return ", ".join([mark for mark, is_so in said if is_so] + [f"was {alias}" for alias in self.aliases])


@dataclass(frozen=True, slots=True)
class Producer:
    """A handler (`on`, `handles`) or a saga that publishes or sends a message, and the types of the messages that cause it."""

    service: str
    name: str
    kind: str
    upon: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Consumer:
    """A service that reads a message: its consumer group, the handlers that take the message, the sagas that wait for it."""

    service: str
    handlers: tuple[str, ...]
    sagas: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VersionEntry:
    """A revision of a message: the fields that arrived with it, its file in the folder of revision files (empty = none), and the
    services that read it. `revision` is None where a file has a schema that the class does not know: its messages are read by the
    schema of their writer."""

    version: int
    revision: int | None
    adds: tuple[str, ...]
    file: str
    readers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A message in the catalog. `personal` are the paths of its personal data, also within records. `answers` are the commands
    that an event or a refusal answers, `example` is a value in JSON. `becomes` is the newest class of an old shape, `old_shapes`
    are those whose messages become this one."""

    type: str
    declared_as: str
    wire_name: str
    kind: str
    meaning: str
    owner: str
    team: str
    version: int
    revision: int
    format: str
    topic: str
    kept: str
    headers: str
    key: str
    key_meaning: str
    personal: tuple[str, ...]
    has_subject: bool
    concerns: tuple[Concern, ...]
    producers: tuple[Producer, ...]
    consumers: tuple[Consumer, ...]
    reply: str
    refusals: tuple[str, ...]
    answers: tuple[str, ...]
    fields: tuple[FieldEntry, ...]
    versions: tuple[VersionEntry, ...]
    becomes: str
    old_shapes: tuple[str, ...]
    example: dict[str, Any] | None
    place: str

    @property
    def called(self) -> str:
        """The name of its class, with the name on the wire where that is another one."""
        return self.declared_as if self.declared_as == self.wire_name else f"{self.declared_as} ({self.wire_name})"


def entries(app: Declarations, kept: Sequence[Revision] = ()) -> tuple[Entry, ...]:
    """Every message of the app's services, old shapes too: by owner, and there in the order of declaration. `kept` are the
    revisions that the project keeps as files."""
    topics = {topic.name: topic for topic in declared_topics(app.catalog, app.topics)}
    files = by_message(kept)
    return tuple(
        _entry(app, contract, topics, files) for service in app.services for contract in service.contracts.values()
    )


def entry_named(app: Declarations, name: str, kept: Sequence[Revision] = ()) -> Entry:
    """One message, by its type, its name on the wire or the name of its class, in any case.

    Raises:
        NotFound: there is none of that name, or there are several; the hint lists the names.
    """
    contract = contract_named(app, name)
    topics = {topic.name: topic for topic in declared_topics(app.catalog, app.topics)}
    return _entry(app, contract, topics, by_message(kept))


def _entry(app: Declarations, contract: Contract, topics: Mapping[str, DeclaredTopic], files: Files) -> Entry:
    topic = topics.get(contract.topic)
    owner = service_of(contract)
    key = contract.key_field
    return Entry(
        type=contract.full_name,
        declared_as=contract.name,
        wire_name=contract.wire_name,
        kind=contract.kind,
        meaning=meaning_of(contract),
        owner=owner.name,
        team=owner.team,
        version=contract.version,
        revision=latest_revision(contract.shape.struct),
        format=FORMAT_OF[contract.shape.language],
        topic=contract.topic,
        kept="" if topic is None else topic.kept,
        headers="full" if topic is None else topic.headers,
        key=next((f.wire_name for f in fields_of(contract.shape.struct) if f.name == key), ""),
        key_meaning=key_meaning(contract),
        personal=personal_in(contract.shape),
        has_subject=has_subject(contract.shape),
        concerns=contract.notes.concerns,
        producers=tuple(
            Producer(by.service, by.name, by.kind, tuple(upon.full_name for upon in by.upon))
            for by in app.catalog.publishers(contract)
        ),
        consumers=tuple(_consumers(app, contract)),
        reply="" if contract.reply is None else contract_of(contract.reply).full_name,
        refusals=tuple(contract_of(each).full_name for each in contract.refusals),
        answers=_answers(app, contract),
        fields=tuple(_fields(contract)),
        versions=tuple(_versions(app, contract, files)),
        becomes="" if contract.upcaster is None else contract.newest.name,
        old_shapes=tuple(old.name for old in olds_of(contract)),
        example=example_of(contract.shape),
        place=str(contract.place),
    )


def _fields(contract: Contract) -> Iterable[FieldEntry]:
    for field, kind, _ in read(contract.shape).root.entries:
        yield FieldEntry(
            name=field.wire_name,
            type=type_text(contract.hints[field.name]),
            default="" if field.required else repr(field.default),
            since=field.since,
            meaning=field.doc,
            is_choice=_is_choice(kind),
            is_key=is_key(contract.hints[field.name]),
            is_pii=field.is_pii,
            is_subject=field.is_subject,
            aliases=field.aliases,
        )


def _is_choice(kind: WireType) -> bool:
    match kind:
        case Symbols() | Bounded(_, Bounds(values=(_, *_))):
            return True
        case Items(of) | OneOf((of,)):
            return _is_choice(of)
    return False


def _consumers(app: Declarations, contract: Contract) -> Iterable[Consumer]:
    for service in app.services:
        interest = app.catalog.interests(service).get(contract.full_name)
        if interest is not None:
            sagas = [d.name for d in service.declared.sagas if _waits_for(d.consumes, contract)]
            yield Consumer(
                service.name, tuple(binding.name for binding in interest.bindings), tuple(dict.fromkeys(sagas))
            )


def _waits_for(consumed: Iterable[Contract], contract: Contract) -> bool:
    return any(each.full_name == contract.full_name for each in consumed)


def _answers(app: Declarations, contract: Contract) -> tuple[str, ...]:
    return tuple(
        each.full_name
        for each in app.catalog.contracts.values()
        if contract.cls is each.reply or contract.cls in each.refusals
    )


def _versions(app: Declarations, contract: Contract, files: Files) -> Iterable[VersionEntry]:
    """The revisions of every version of a message: those that its class knows, then those that a file alone has."""
    siblings = [c for c in contract.service.messages.values() if contract_of(c).wire_name == contract.wire_name]
    for sibling in sorted(map(contract_of, siblings), key=lambda each: each.version):
        readers = tuple(consumer.service for consumer in _consumers(app, sibling))
        kept = files.get(sibling.full_name, [])
        known: list[str] = []
        for number in range(1, latest_revision(sibling.shape.struct) + 1):
            text = schema_of(sibling.shape, None, number)
            fingerprint = Revision(sibling.full_name, number, sibling.shape.language, text).fingerprint
            known += [each.file for each in kept if each.fingerprint == fingerprint]
            file = next((each.file for each in kept if each.fingerprint == fingerprint), "")
            adds = tuple(f.wire_name for f in fields_of(sibling.shape.struct) if f.since == number and number > 1)
            yield VersionEntry(sibling.version, number, adds, file, readers)
        for each in kept:
            if each.file not in known:
                yield VersionEntry(sibling.version, None, (), each.file, readers)

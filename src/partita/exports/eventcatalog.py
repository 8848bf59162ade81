"""The folders of EventCatalog: services with the messages that they own, channels, flows, teams; each page is generated.

A message has the id `<namespace>.<name>` and the version `<version>.<revision>.0`; an older version is in the folder `versioned`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from partita.catalog.contract import Contract
from partita.catalog.service import Service
from partita.errors import SettingsError
from partita.exports.asyncapi.document import asyncapi_document
from partita.exports.file_name import file_names
from partita.exports.json_text import json_text
from partita.exports.naming import Naming
from partita.exports.seal import UNSEALED, sealed
from partita.exports.yaml_text import Value, yaml_text
from partita.flow.flow import flows_of
from partita.flow.flow_map import FlowMap, flow_map
from partita.observability.catalog.entry import Entry, entries
from partita.observability.declarations import Declarations
from partita.schemas.languages import schema_of
from partita.topics.declared import DeclaredTopic, declared_topics

FOLDERS = ("services", "channels", "flows", "teams")
SCHEMA_FILES = {"avro": "schema.avsc", "json-schema": "schema.json", "protobuf": "schema.proto"}
_SEMVER = re.compile(r"\d+\.\d+\.\d+(-[\w.-]+)?", re.ASCII)
NO_TEAM = "no-team"
_MARKDOWN = re.compile(r"[\\`*_{}\[\]()#+\-.!|<>&$~^:=\"'/@]")
Front = Mapping[str, Value]


def eventcatalog(app: Declarations, naming: Naming) -> dict[str, str]:
    """The texts of the files by their paths.

    Raises:
        SettingsError: the version is none of EventCatalog.
    """
    if not _SEMVER.fullmatch(naming.version):
        raise SettingsError(
            f"EventCatalog takes no version {naming.version!r:.60}.", hint="--version 1.0.0: three numbers."
        )
    return dict(_Export(app, naming).files())


@dataclass
class _Export:
    """One export. `names` are the names of files by ids, topics, services and teams; they are the ids of EventCatalog too."""

    app: Declarations
    naming: Naming
    entries: tuple[Entry, ...] = ()
    names: dict[str, str] = field(default_factory=dict)
    topics: dict[str, DeclaredTopic] = field(default_factory=dict)

    def files(self) -> Iterator[tuple[str, str]]:
        self.entries = entries(self.app)
        self.topics = {t.name: t for t in declared_topics(self.app.catalog, self.app.topics) if t.kind in _CHANNELS}
        owners = [service for service in self.app.services if service.messages or service.declared.bindings]
        teams = list(dict.fromkeys(_team(service) for service in owners))
        flow = flow_map(self.app.catalog)
        flows = [each.entry for each in flows_of(flow)]
        ids = [_id(each) for each in self.entries]
        self.names = file_names(
            [*ids, *self.topics, *(s.name for s in owners), *teams, *(f"flow-{each}" for each in flows)]
        )
        for team in teams:
            front = {"id": self.names[team], "name": team, "summary": f"The people to ask about services of {team}."}
            yield f"teams/{self.names[team]}.mdx", _page(front, "")
        for topic in self.topics.values():
            yield f"channels/{self.names[topic.name]}/index.mdx", self._channel(topic)
        for service in owners:
            yield from self._service(service)
        for entry in self.entries:
            yield from self._message(entry)
        for name in flows:
            yield f"flows/{self.names[f'flow-{name}']}/index.mdx", self._flow(flow, name)

    def _service(self, service: Service) -> Iterator[tuple[str, str]]:
        folder = f"services/{self.names[service.name]}"
        sends = [e for e in self.entries if any(by.service == service.name for by in e.producers)]
        receives = [e for e in self.entries if any(to.service == service.name for to in e.consumers)]
        front: dict[str, Value] = {
            "id": self.names[service.name],
            "name": service.name,
            "version": self.naming.version,
            "summary": f"Owns {len(service.messages)} messages of {service.namespace}.",
            "owners": [self.names[_team(service)]],
            "sends": [self._pointer(e, "to") for e in sends],
            "receives": [self._pointer(e, "from") for e in receives],
            "specifications": [{"type": "asyncapi", "path": "asyncapi.json", "name": "AsyncAPI"}],
        }
        yield f"{folder}/index.mdx", _page(front, "<NodeGraph />")
        document = asyncapi_document(self.app, title=service.name, version=self.naming.version, only=service)
        yield f"{folder}/asyncapi.json", json_text(document)

    def _pointer(self, entry: Entry, way: str) -> dict[str, Value]:
        channel: dict[str, Value] = {"id": self.names[entry.topic], "version": self.naming.version}
        return {"id": self.names[_id(entry)], "version": _version(entry), way: [channel]}

    def _message(self, entry: Entry) -> Iterator[tuple[str, str]]:
        owner = self.app.catalog.service(entry.owner)
        kind = "commands" if entry.kind == "command" else "events"
        folder = f"services/{self.names[entry.owner]}/{kind}/{self.names[_id(entry)]}"
        if entry.version < max(each.version for each in self.entries if _id(each) == _id(entry)):
            folder = f"{folder}/versioned/{_version(entry)}"
        contract = self.app.catalog.contracts[entry.type]
        front: dict[str, Value] = {
            "id": self.names[_id(entry)],
            "name": entry.wire_name,
            "version": _version(entry),
            "summary": entry.meaning or f"The {entry.kind} {entry.wire_name} has no description yet.",
            "owners": [self.names[_team(owner)]],
            "badges": [_badge(word) for word in _badges(entry)],
            "schemaPath": SCHEMA_FILES[entry.format],
        }
        yield f"{folder}/index.mdx", _page(front, _body(entry))
        yield f"{folder}/{SCHEMA_FILES[entry.format]}", _schema(contract)

    def _channel(self, topic: DeclaredTopic) -> str:
        owner = self.app.catalog.service(topic.owner)
        carried = "" if topic.headers == "full" else f", headers {topic.headers}"
        front: dict[str, Value] = {
            "id": self.names[topic.name],
            "name": topic.name,
            "version": self.naming.version,
            "summary": f"The {topic.kind} of {topic.owner}: {topic.partitions} partitions, kept {topic.kept}{carried}.",
            "owners": [self.names[_team(owner)]],
            "address": topic.name,
            "protocols": ["kafka"],
            "deliveryGuarantee": "at-least-once",
        }
        return _page(front, "<ChannelInformation />")

    def _flow(self, flow: FlowMap, name: str) -> str:
        """The hops of a flow as steps: each message, service and saga is one, and leads to the next ones."""
        reached = _reached(flow, name)
        numbers = {node: number for number, node in enumerate(reached, 1)}
        kinds = {node.id: node.kind for node in flow.nodes}
        types = {(m.declared_as if flow.messages.get(m.declared_as) else m.type): m for m in self.entries}
        steps: list[Value] = []
        for node in reached:
            step: dict[str, Value] = {"id": numbers[node], "title": node}
            if node in types:
                step["message"] = {"id": self.names[_id(types[node])], "version": _version(types[node])}
            elif kinds[node] == "service" and node in self.names:
                step["service"] = {"id": self.names[node], "version": self.naming.version}
            else:
                step["custom"] = {"title": node, "type": kinds[node], "summary": f"A {kinds[node]} of the flow map."}
            following = sorted({numbers[hop.to] for hop in flow.hops if hop.origin == node and hop.to in numbers})
            if following:
                step["next_steps"] = [*following]
            steps.append(step)
        message = flow.messages[name]
        team = next((_team(s) for s in self.app.services if s.name == message.owner), None)
        front: dict[str, Value] = {
            "id": self.names[f"flow-{name}"],
            "name": f"All that follows from {name}",
            "version": self.naming.version,
            "summary": message.meaning or f"The flow that begins with {name}.",
            "owners": [self.names[team if team is not None else next(_team(s) for s in self.app.services)]],
            "steps": steps,
        }
        return _page(front, "<NodeGraph />")


_CHANNELS = ("events", "commands")


def _reached(flow: FlowMap, name: str) -> list[str]:
    """The nodes that a message leads to, nearest first."""
    found, hops = [name], {node.id: [h.to for h in flow.hops if h.origin == node.id] for node in flow.nodes}
    for node in found:
        found += [each for each in hops[node] if each not in found]
    return found


def _team(service: Service) -> str:
    return service.team or NO_TEAM


def _id(entry: Entry) -> str:
    """The id of a message, the same in all its versions."""
    return entry.type.replace(f".v{entry.version}.", ".", 1)


def _version(entry: Entry) -> str:
    return f"{entry.version}.{entry.revision}.0"


def _badges(entry: Entry) -> list[str]:
    words = [entry.kind, entry.format, *entry.concerns]
    return words + (["PII"] if entry.personal else [])


def _badge(word: str) -> dict[str, Value]:
    return {"content": word, "backgroundColor": "blue", "textColor": "blue"}


def _schema(contract: Contract) -> str:
    text = schema_of(contract.shape)
    return json_text(json.loads(text)) if contract.shape.language != "protobuf" else sealed(f"// {UNSEALED}\n{text}")


def _page(front: Front, body: str) -> str:
    """A page: its front matter with the seal, and its text."""
    return sealed(f"---\n# {UNSEALED}\n{yaml_text(front)}---\n\n{body or 'Generated from the declarations.'}\n")


def _body(entry: Entry) -> str:
    """The text of a message's page. No word of a user is Markdown or JSX in it."""
    parties = [
        ("Published by", sorted({by.service for by in entry.producers})),
        ("Read by", sorted({to.service for to in entry.consumers})),
    ]
    lines = ["| | |", "|---|---|", f"| Topic | {plain(entry.topic)}, kept {plain(entry.kept)} |"]
    if entry.key:
        lines.append(f"| Key | {plain(f'{entry.key}: {entry.key_meaning}' if entry.key_meaning else entry.key)} |")
    lines += [f"| {head} | {plain(', '.join(names))} |" for head, names in parties if names]
    lines += ["", "| field | type | default | since | marks | meaning |", "|---|---|---|---|---|---|"]
    for each in entry.fields:
        cells = (each.name, each.type, each.default, str(each.since), each.marks, each.meaning)
        lines.append(f"| {' | '.join(map(plain, cells))} |")
    return "\n".join([*lines, "", "<NodeGraph />", "", "<SchemaViewer />"])


def plain(text: str) -> str:
    """A text of a user's in Markdown with JSX: one line, every character that could be more than itself as its number."""
    one_line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return _MARKDOWN.sub(lambda found: f"&#{ord(found[0])};", one_line)

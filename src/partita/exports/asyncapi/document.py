"""The AsyncAPI 3.1 document of an app, or of one of its services: channels, operations, messages, and our own extensions.

Each topic is a channel. Each message that a service reads or writes is an operation of its own, where a command has its reply and
a message its retries. Words that AsyncAPI lacks are under `x-partita`; the import reads them back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from partita.catalog.catalog import Interest
from partita.catalog.contract import Contract, contract_of
from partita.catalog.fault import FaultContract
from partita.catalog.service import Service
from partita.cloudevents.binary_mode import HeaderSet
from partita.exports.asyncapi.payload import component_key, media_type, payload_of
from partita.observability.catalog.example import example_of
from partita.observability.catalog.meaning import key_meaning, meaning_of
from partita.observability.declarations import Declarations
from partita.schemas.fields.field import fields_of, latest_revision
from partita.topics.declared import DeclaredTopic, declared_topics
from partita.topics.naming import dlq_topic, retry_topic

VERSION = "3.1.0"
KAFKA = "0.5.0"
OURS = "x-partita"
Json = dict[str, Any]


def asyncapi_document(app: Declarations, *, title: str, version: str, only: Service | None = None) -> Json:
    """The document of an app, or of the service `only`: the same text on every run."""
    return _Document(app).build(title, version, [only] if only is not None else list(app.services))


@dataclass
class _Document:
    """One document in the making."""

    app: Declarations
    channels: Json = field(default_factory=dict)
    operations: Json = field(default_factory=dict)
    messages: Json = field(default_factory=dict)
    schemas: Json = field(default_factory=dict)
    owners: dict[str, Json] = field(default_factory=dict)
    topics: dict[str, DeclaredTopic] = field(default_factory=dict)

    def build(self, title: str, version: str, services: Sequence[Service]) -> Json:
        self.topics = {topic.name: topic for topic in declared_topics(self.app.catalog, self.app.topics)}
        for service in services:
            for contract in service.contracts.values():
                self._message(contract)
        for service in services:
            for contract in self._sent_by(service):
                self._send(service, contract)
            for interest in self.app.catalog.interests(service).values():
                self._receive(service, interest)
        for key, schema in HEADERS.values():
            if any(each["headers"]["$ref"].endswith(f"/{key}") for each in self.messages.values()):
                self.schemas[key] = schema
        components = {"messages": _sorted(self.messages), "schemas": _sorted(self.schemas)}
        return {
            "asyncapi": VERSION,
            "info": {"title": title, "version": version, OURS: {"owners": list(_sorted(self.owners).values())}},
            "channels": _sorted(self.channels),
            "operations": _sorted(self.operations),
            "components": {name: held for name, held in components.items() if held},
        }

    def _sent_by(self, service: Service) -> list[Contract]:
        """The messages that a service publishes, sends or refuses with, as its handlers and sagas declare it."""
        found: list[Contract] = []
        for binding in service.declared.bindings:
            found += [*binding.emits, *(binding.sends or ())]
            if binding.kind == "handles":
                found += [contract_of(refusal) for each in binding.contracts for refusal in each.refusals]
        for definition in service.declared.sagas:
            found += definition.sends
        return list({contract.full_name: contract for contract in found}.values())

    def _send(self, service: Service, contract: Contract) -> None:
        by = [each for each in self.app.catalog.publishers(contract) if each.service == service.name]
        names = {
            "handlers": [b.name for b in by if b.kind != "saga"],
            "sagas": [b.name for b in by if b.kind == "saga"],
        }
        self._operation("send", service, contract, {name: list(dict.fromkeys(held)) for name, held in names.items()})

    def _receive(self, service: Service, interest: Interest) -> None:
        contract, retry = interest.written, interest.retry
        sagas = [
            d.name
            for d in service.declared.sagas
            if any(each.full_name == interest.contract.full_name for each in d.consumes)
        ]
        delays = [{"seconds": wait, "topic": retry_topic(contract.topic, service.name, wait)} for wait in retry.delays]
        ours: Json = {
            "handlers": [binding.name for binding in interest.bindings],
            "sagas": list(dict.fromkeys(sagas)),
            "order": service.order,
            "retry": {"inPlace": retry.in_place, "delays": delays},
            "deadLetters": {"topic": dlq_topic(contract.topic, service.name), "faults": contract.service.faults_topic},
        }
        dedupe = list(dict.fromkeys(b.dedupe_by for b in interest.bindings if b.dedupe_by))
        self._operation("receive", service, contract, ours | ({"dedupeBy": dedupe} if dedupe else {}))

    def _operation(self, action: Literal["send", "receive"], service: Service, contract: Contract, ours: Json) -> None:
        verb = "sends" if action == "send" else "receives"
        found: Json = {
            "action": action,
            "title": f"{service.name} {verb} {contract.name}",
            "channel": self._channel(contract),
            "messages": [self._message(contract)],
            "tags": [{"name": service.name}],
        }
        if action == "receive":
            group = {"type": "string", "enum": [service.name]}
            found["bindings"] = {"kafka": {"groupId": group, "bindingVersion": KAFKA}}
        if contract.kind == "command" and contract.reply is not None:
            answers = [contract_of(each) for each in (contract.reply, *contract.refusals)]
            found["reply"] = {
                "channel": self._channel(answers[0]),
                "messages": [self._message(each) for each in answers],
            }
        found[OURS] = {"service": service.name, **ours}
        self.operations[component_key(f"{service.name}.{action}.{contract.full_name}")] = found

    def _carried(self, contract: Contract) -> HeaderSet:
        """The headers of a message on its topic. A topic of another app has all of them, as far as this app writes it."""
        topic = self.topics.get(contract.topic)
        return "full" if topic is None else topic.headers

    def _channel(self, contract: Contract) -> Json:
        """The topic of a message as a channel, and the reference to it."""
        key = component_key(contract.topic)
        if key not in self.channels:
            topic = self.topics.get(contract.topic)
            kafka: Json = {"topic": contract.topic}
            if topic is not None:
                kafka["partitions"] = topic.partitions
                if topic.replication is not None:
                    kafka["replicas"] = topic.replication
                keeps = -1 if topic.retention_s is None else round(topic.retention_s * 1_000)
                kafka["topicConfiguration"] = {"cleanup.policy": ["delete"], "retention.ms": keeps}
            carried = self._carried(contract)
            self.channels[key] = {
                "address": contract.topic,
                "title": f"{contract.topic.rpartition('.')[2]} of {contract.service.name}",
                "messages": {},
                "bindings": {"kafka": kafka | {"bindingVersion": KAFKA}},
            } | ({} if carried == "full" else {OURS: {"headers": carried}})
        return {"$ref": f"#/channels/{key}"}

    def _message(self, contract: Contract) -> Json:
        """A message as a component and on its channel, and the reference to it there."""
        channel, key = self._channel(contract), component_key(contract.full_name)
        held = self.channels[component_key(contract.topic)]["messages"]
        held[key] = {"$ref": f"#/components/messages/{key}"}
        self.channels[component_key(contract.topic)]["messages"] = _sorted(held)
        if key not in self.messages:
            self.messages[key] = self._component(contract)
            service = contract.service
            team = service.team if isinstance(service, Service) else ""
            owner = {"name": service.name, "namespace": service.namespace, "codec": service.codec}
            self.owners[service.name] = owner | ({"team": team} if team else {})
        return {"$ref": f"{channel['$ref']}/messages/{key}"}

    def _component(self, contract: Contract) -> Json:
        found: Json = {"name": contract.full_name, "title": contract.name, "contentType": media_type(contract.shape)}
        is_fault = isinstance(contract, FaultContract)
        meaning = (
            f"{contract.of.name} became a dead letter." if isinstance(contract, FaultContract) else meaning_of(contract)
        )
        if meaning:
            found["summary"] = meaning
        found["tags"] = [{"name": contract.kind}, {"name": contract.service.name}]
        carried = self._carried(contract)
        if carried == "full":
            found["correlationId"] = {"location": "$message.header#/ce_correlationid"}
        found["headers"] = {"$ref": f"#/components/schemas/{HEADERS[carried][0]}"}
        found["payload"] = payload_of(contract.shape, self.schemas)
        ours = _ours(contract)
        example = None if is_fault else example_of(contract.shape)
        if example is not None and contract.shape.language == "json":
            found["examples"] = [{"name": "plain", "payload": example}]
        elif example is not None:
            ours["example"] = example
        if contract.key_field is not None and not is_fault:
            key: Json = {"type": "string"}
            words = key_meaning(contract)
            found["bindings"] = {
                "kafka": {"key": key | ({"description": words} if words else {}), "bindingVersion": KAFKA}
            }
        return found | {OURS: ours}


def _ours(contract: Contract) -> Json:
    """Everything about a message that AsyncAPI has no word for."""
    found: Json = {
        "kind": contract.kind,
        "class": contract.name,
        "owner": contract.service.name,
        "version": contract.version,
        "revision": latest_revision(contract.shape.struct),
    }
    if contract.kind == "fault":
        return found
    fields = fields_of(contract.shape.struct)
    if contract.key_field is not None:
        found["key"] = next(f.wire_name for f in fields if f.name == contract.key_field)
    if contract.reply is not None:
        found["reply"] = contract_of(contract.reply).full_name
    if contract.refusals:
        found["refusals"] = [contract_of(each).full_name for each in contract.refusals]
    if contract.upcaster is not None:
        found["becomes"] = contract.upcaster.to.full_name
    if contract.notes.concerns:
        found["concerns"] = list(contract.notes.concerns)
    since = {f.wire_name: f.since for f in fields if f.since > 1}
    return found | ({"since": since} if since else {})


def _sorted(held: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(held.items()))


_TEXT = {"type": "string"}
_FOUR: Json = {
    "ce_specversion": {"type": "string", "enum": ["1.0"]},
    "ce_id": _TEXT,
    "ce_source": _TEXT,
    "ce_type": _TEXT,
}
_MORE: Json = {
    "ce_time": {"type": "string", "format": "date-time"},
    "ce_correlationid": _TEXT,
    "ce_causationid": _TEXT,
    "ce_partitionkey": _TEXT,
    "content-type": _TEXT,
    "traceparent": _TEXT,
}
_FULL: Json = {
    "type": "object",
    "description": "CloudEvents 1.0 in binary mode on Kafka; the header `partita` repeats the envelope for Partita itself.",
    "required": list(_FOUR),
    "properties": _FOUR | _MORE,
}
_REQUIRED: Json = {
    "type": "object",
    "description": "CloudEvents 1.0 in binary mode on Kafka, without optional attributes; the header `partita` has the whole "
    "envelope for Partita itself.",
    "required": list(_FOUR),
    "properties": _FOUR | {"content-type": _TEXT},
}
_OURS: Json = {
    "type": "object",
    "description": "The header `partita` has the envelope, which Partita reads. The records are no CloudEvents.",
    "required": ["partita"],
    "properties": {"partita": _TEXT},
}
HEADERS: dict[HeaderSet, tuple[str, Json]] = {
    "full": ("CloudEventsOnKafka", _FULL),
    "required": ("CloudEventsRequiredOnKafka", _REQUIRED),
    "ours": ("PartitaOnKafka", _OURS),
}
"""The schema of the headers of a topic's records, with its name among the components."""

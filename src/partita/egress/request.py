"""The request that carries an event: binary mode, or structured mode in JSON or Avro. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from partita.catalog.injection import Meta
from partita.cloudevents import avro_format
from partita.cloudevents.cloud_event import NAME
from partita.cloudevents.event_id import on_the_wire
from partita.cloudevents.http_headers import headers_of
from partita.cloudevents.time_text import rfc3339
from partita.egress.target import Target

Mode = Literal["binary", "structured", "avro"]
MODES = ("binary", "structured", "avro")
OF_DATA = ("datacontenttype", "dataschema")
JSON = "application/json"
STRUCTURED = "application/cloudevents+json"
IN_AVRO = "application/cloudevents+avro"


def attributes_of(meta: Meta) -> dict[str, str]:
    """The attributes of an event that is handled, as CloudEvents has them. Those of its data as it arrived are left out, since it
    leaves as JSON of its class; and names that no header may have, which only Kafka brings."""
    attributes = {name: text for name, text in meta.attributes.items() if name not in OF_DATA and NAME.match(name)}
    attributes |= {
        "specversion": "1.0",
        "id": on_the_wire(meta.message_id),
        "source": meta.source,
        "type": meta.type,
        "time": rfc3339(meta.occurred_us),
        "correlationid": meta.correlation_id,
    }
    if meta.causation_id is not None:
        attributes["causationid"] = on_the_wire(meta.causation_id)
    if meta.key is not None:
        attributes["partitionkey"] = meta.key
    return attributes


def content_of(attributes: Mapping[str, str], data: bytes, mode: Mode) -> tuple[dict[str, str], bytes]:
    """The headers and the body of an event with data in JSON."""
    if mode == "binary":
        return {"content-type": JSON, **headers_of(attributes)}, data
    if mode == "avro":
        return {"content-type": IN_AVRO}, avro_format.written({**attributes, "datacontenttype": JSON}, data)
    document = {**attributes, "datacontenttype": JSON, "data": msgspec.Raw(data)}
    return {"content-type": STRUCTURED}, msgspec.json.encode(document)


def request_of(target: Target, headers: Mapping[str, str], body: bytes, method: str = "POST") -> bytes:
    """The bytes of a request. All header values are printable ASCII."""
    lines = [
        f"{method} {target.path} HTTP/1.1",
        f"host: {target.authority}",
        "user-agent: partita",
        "connection: close",
    ]
    lines += [f"{name}: {text}" for name, text in headers.items()]
    lines.append(f"content-length: {len(body)}")
    return "\r\n".join((*lines, "", "")).encode("ascii") + body

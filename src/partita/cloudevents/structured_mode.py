"""Structured mode: one JSON document has the attributes and the data.

Source: CloudEvents 1.0.2, its JSON event format. Structured mode is read, not written: binary mode leaves the value as it is.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from partita.cloudevents.cloud_event import CloudEvent, NoCloudEvent
from partita.cloudevents.media_type import is_json

CONTENT_TYPE = "application/cloudevents"
_decode = msgspec.json.Decoder().decode


def is_structured(content_type: str) -> bool:
    """Whether a message of that content type is a CloudEvent in structured mode; the case of letters means nothing."""
    return content_type[: len(CONTENT_TYPE)].lower() == CONTENT_TYPE


def read(content_type: str, value: bytes) -> CloudEvent | None:
    """The event; None = it is no CloudEvent in JSON."""
    if not is_json_format(content_type):
        return None
    try:
        return event_of(parsed(value))
    except NoCloudEvent:
        return None


def is_json_format(content_type: str) -> bool:
    """Whether structured mode is in the JSON format, which is meant where the content type names none."""
    return content_type.partition(";")[0].strip().lower() in (CONTENT_TYPE, f"{CONTENT_TYPE}+json")


def parsed(value: bytes) -> Any:
    """The JSON value of these bytes.

    Raises:
        NoCloudEvent: they are no JSON.
    """
    try:
        return _decode(value)
    except (msgspec.MsgspecError, RecursionError) as error:
        why = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
        raise NoCloudEvent("body", f"it is no JSON: {why}") from error


def event_of(document: Any) -> CloudEvent:
    """The event in a JSON document, its attributes as canonical texts by names in lower case.

    Raises:
        NoCloudEvent: it is no object, or its data cannot be read.
    """
    if not isinstance(document, dict):
        raise NoCloudEvent("body", "an event is a JSON object")
    attributes: dict[str, str] = {}
    for name, held in document.items():
        text = _canonical(held)
        if name not in ("data", "data_base64") and text is not None:
            attributes[name.lower()] = text
    return CloudEvent(attributes, _data_of(document, attributes))


def _canonical(held: Any) -> str | None:
    """An attribute's canonical text; None for a null, which is an absent attribute, and for a list or an object."""
    if isinstance(held, bool):
        return "true" if held else "false"
    if isinstance(held, int):
        return str(held)
    return held if isinstance(held, str) else None


def _data_of(document: dict[str, Any], attributes: dict[str, str]) -> bytes:
    """The data's bytes. Data in a JSON document is JSON unless the content type says otherwise."""
    if document.get("data_base64") is not None:
        try:
            return base64.b64decode(document["data_base64"], validate=True)
        except (binascii.Error, TypeError, ValueError) as error:
            raise NoCloudEvent("data_base64", "it is no text in base64") from error
    if document.get("data") is None:
        return b""
    content_type = attributes.setdefault("datacontenttype", "application/json")
    data = document["data"]
    if isinstance(data, str) and not is_json(content_type):
        return data.encode("utf-8", "surrogatepass")
    return msgspec.json.encode(data)

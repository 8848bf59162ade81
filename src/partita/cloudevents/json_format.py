"""The JSON format: one JSON document has the attributes and the data.

Source: CloudEvents 1.0.2, its JSON event format.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from partita.cloudevents.cloud_event import CloudEvent, NoCloudEvent
from partita.cloudevents.media_type import is_json

_decode = msgspec.json.Decoder().decode


def read(value: bytes) -> CloudEvent:
    """The event in these bytes.

    Raises:
        NoCloudEvent: they are no JSON object, or its data cannot be read.
    """
    return event_of(parsed(value))


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

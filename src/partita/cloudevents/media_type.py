"""Media types: of the value of a message, by its schema, and of values from elsewhere."""

from __future__ import annotations

JSON_SCHEMA = "json:"
"""The schema of JSON from elsewhere, whose writer names none."""
UNKNOWN = b"application/octet-stream"
MEDIA_TYPES = {
    "": "application/avro",
    "avro": "application/avro",
    "json": "application/json",
    "protobuf": "application/protobuf",
}


def media_type_of(schema: str) -> bytes:
    """The media type of a value with this schema, by the language before the colon; without one it is Avro. Another program,
    or a newer version, may name a language that is not known here: its message travels on, as to a topic of dead letters."""
    return _BYTES.get(schema.partition(":")[0] if ":" in schema else "", UNKNOWN)


def is_json(content_type: str) -> bool:
    """Whether a content type is JSON (RFC 8259; RFC 6839: `+json`), with whatever parameters."""
    plain = content_type.partition(";")[0].strip().lower()
    return plain in ("application/json", "text/json") or plain.endswith("+json")


def language_of(content_type: str) -> str:
    """The schema language of a value in binary form. Avro is also that of a value that says nothing of itself."""
    if is_json(content_type):
        return "json"
    return "protobuf" if "protobuf" in content_type.lower() else "avro"


_BYTES = {language: name.encode() for language, name in MEDIA_TYPES.items()}

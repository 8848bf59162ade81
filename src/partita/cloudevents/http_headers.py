"""The attributes of an event in the headers of HTTP: UTF-8, with percent signs for characters that no header has.

Source: CloudEvents 1.0.2, HTTP protocol binding, 3.1.3.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote_to_bytes

from partita.cloudevents.cloud_event import NoCloudEvent

PREFIX = "ce-"
_ESCAPED = re.compile(r"\\(.)")
# All that is printable in ASCII but the space, the double quote and the percent sign.
_PLAIN = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


def attributes_in(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The attributes by their names in lower case.

    Raises:
        NoCloudEvent: one is there twice, or is no text.
    """
    attributes: dict[str, str] = {}
    for name, value in headers:
        if name.startswith(PREFIX):
            plain = name.removeprefix(PREFIX)
            if plain in attributes:
                raise NoCloudEvent(name, "the header is there twice")
            attributes[plain] = _text(name, value)
    return attributes


def headers_of(attributes: Mapping[str, str]) -> dict[str, str]:
    """The headers of these attributes."""
    return {f"{PREFIX}{name}": quote(text, safe=_PLAIN) for name, text in attributes.items()}


def _text(name: str, value: str) -> str:
    value = value.strip()
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = _ESCAPED.sub(r"\1", value[1:-1])
    try:
        return unquote_to_bytes(value.encode("latin-1")).decode()
    except UnicodeError as error:
        raise NoCloudEvent(name, "it is no text in UTF-8") from error

"""`CloudEvent`: an event as it arrived, with its attributes as texts and its data as bytes, before anything is made of it."""

from __future__ import annotations

import re
from typing import NamedTuple

from partita.cloudevents.attributes import REQUIRED
from partita.cloudevents.time_text import microseconds

NAME = re.compile(r"[a-z0-9]+\Z", re.ASCII)
# Control characters, halves of surrogate pairs, and noncharacters: CloudEvents' type String has none of them.
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_SPACE = re.compile(r"\s")


class NoCloudEvent(ValueError):
    """Bytes or headers that are no CloudEvent: `where` names the attribute or the part, `str()` says why."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(why)
        self.where = where


class CloudEvent(NamedTuple):
    """The attributes by their names in lower case, as canonical texts, and the data's bytes; empty = it has no data."""

    attributes: dict[str, str]
    data: bytes

    def check(self) -> None:
        """Check what CloudEvents 1.0 requires of each event, whichever mode brought it.

        Raises:
            NoCloudEvent: names the attribute.
        """
        version = self.attributes.get("specversion", "")
        if version != "1.0":
            raise NoCloudEvent(
                "specversion", f"it is {version!r:.40}, only 1.0 is read here" if version else "it is missing"
            )
        for name in REQUIRED:
            if not self.attributes.get(name):
                raise NoCloudEvent(name, "it is missing or empty")
        for name, text in self.attributes.items():
            if not NAME.match(name):
                raise NoCloudEvent(f"{name!r:.40}", "a name has letters from a to z and digits")
            if _FORBIDDEN.search(text):
                raise NoCloudEvent(name, "it has a control character, or one that is no character")
        if _SPACE.search(self.attributes["source"]):
            raise NoCloudEvent("source", "a URI-reference has no spaces")
        if "time" in self.attributes and not microseconds(self.attributes["time"]):
            raise NoCloudEvent("time", "it is no time as RFC 3339 has it, or one before 1970")

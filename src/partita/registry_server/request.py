"""`Request`: one request of the protocol, with its parts checked; and the answers that need nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard, TypeVar
from urllib.parse import parse_qs, unquote_to_bytes

from partita.registry_server.entry import ID_MAX, Reference, Submission
from partita.registry_server.refusal import Refusal, invalid_schema, invalid_subject, invalid_version, not_kept
from partita.texts.bounded_json import bounded_json

SUBJECT_MAX = 500
BODY_MAX = 8_000_000
"""Bytes: a schema's text at its limit, each character escaped, and its references."""
LATEST = -1
T = TypeVar("T")
MEDIA = (
    "application/vnd.schemaregistry.v1+json",
    "application/vnd.schemaregistry+json",
    "application/json",
)
TAKEN = (*MEDIA, "application/octet-stream")
_SUBMITTED = ("schema", "schemaType", "references", "id", "version")
_NUMBER = re.compile(r"[0-9]{1,10}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Request:
    """A request. `given` are the parts of the path that its route leaves open; a subject may contain any character, so the path
    is cut before it is decoded."""

    method: str
    path: tuple[str, ...]
    query: Mapping[str, Sequence[str]]
    body: bytes = b""
    given: tuple[str, ...] = ()

    @classmethod
    def of(cls, method: str, raw_path: bytes, query: bytes, body: bytes) -> Request:
        """A request as HTTP brings it.

        Raises:
            Refusal: its path is no text.
        """
        try:
            parts = tuple(unquote_to_bytes(part).decode() for part in raw_path.strip(b"/").split(b"/"))
            asked = parse_qs(query.decode(), keep_blank_values=True, max_num_fields=100)
        except ValueError as error:
            raise Refusal(400, 400, "The path or the query is no text in UTF-8.") from error
        return cls(method, parts, asked, body)

    def text(self, name: str, default: str = "") -> str:
        """A parameter of the query."""
        return self.query.get(name, [default])[-1]

    def flag(self, name: str) -> bool:
        """A truth value of the query."""
        return self.text(name).lower() == "true"

    def cut(self, found: Sequence[T]) -> list[T]:
        """The part of a list for which `offset` and `limit` ask."""
        offset, limit = self._number("offset", 0), self._number("limit", -1)
        return list(found[offset:] if limit < 0 else found[offset : offset + limit])

    def _number(self, name: str, default: int) -> int:
        text = self.text(name, str(default))
        if text == "-1":
            return -1 if name == "limit" else 0
        if not _NUMBER.match(text):
            raise not_found()
        return int(text)

    @property
    def subject(self) -> str:
        """The subject in the path.

        Raises:
            Refusal: it can be none.
        """
        return checked_subject(self.given[0])

    @property
    def version(self) -> int:
        """The version in the path behind its subject; -1 = the latest one.

        Raises:
            Refusal: it can be none.
        """
        return version_of(self.given[1])

    @property
    def id(self) -> int:
        """The id in the path.

        Raises:
            Refusal: it is no number.
        """
        if not _NUMBER.match(self.given[0]) or int(self.given[0]) > ID_MAX:
            raise not_found()
        return int(self.given[0])

    def json(self) -> dict[str, Any]:
        """The body.

        Raises:
            Refusal: it is no JSON object, or exceeds a limit.
        """
        try:
            value = bounded_json(self.body.decode())
        except (ValueError, RecursionError) as error:
            raise Refusal(400, 400, f"The body cannot be read as JSON: {error}.") from error
        if not isinstance(value, dict):
            raise Refusal(400, 400, "The body is no JSON object.")
        return value

    def submission(self) -> Submission:
        """The schema in the body.

        Raises:
            Refusal: a part of it is missing, has another type than the protocol says, or would be lost here.
        """
        body = {name: value for name, value in self.json().items() if value is not None}
        for name in body:
            if name in ("ruleSet", "metadata", "schemaTagsToAdd", "schemaTagsToRemove") and body[name]:
                raise not_kept(f"The schema's {name}")
            if name not in (*_SUBMITTED, "ruleSet", "metadata", "schemaTagsToAdd", "schemaTagsToRemove",
                            "propagateSchemaTags", "subject", "guid", "deleted", "ts"):  # fmt: skip
                raise Refusal(422, 422, f"Unrecognized field: {name:.80}")
        text, language = body.get("schema", ""), body.get("schemaType", "AVRO")
        if not isinstance(text, str) or not isinstance(language, str):
            raise invalid_schema("schema and schemaType are texts: the schema is JSON within JSON")
        number, version = body.get("id", -1), body.get("version", 0)
        if not _is_number(number) or not _is_number(version):
            raise invalid_schema("id and version are numbers")
        version = 0 if version == -1 else version
        if number > ID_MAX or number < -1 or not 0 <= version <= ID_MAX:
            raise invalid_schema(f"id and version are numbers up to {ID_MAX}")
        return Submission(language, text, _references(body.get("references", [])), number, version)


def _references(given: Any) -> tuple[Reference, ...]:
    if not isinstance(given, list):
        raise invalid_schema("references are a list")
    found = []
    for each in given:
        if not isinstance(each, dict):
            raise invalid_schema("a reference is an object with name, subject and version")
        name, subject, version = each.get("name"), each.get("subject"), each.get("version")
        if not isinstance(name, str) or not isinstance(subject, str) or not _is_number(version):
            raise invalid_schema("a reference has a name, a subject and the number of a version")
        if not name or not 0 < version <= ID_MAX:
            raise invalid_schema(f"a reference has a name, and a version from 1 to {ID_MAX}")
        found.append(Reference(name, checked_subject(subject), version))
    return tuple(found)


def checked_subject(subject: str) -> str:
    """The subject itself.

    Raises:
        Refusal: it can be none. A subject is never a path or a file's name: all characters but control characters are allowed.
    """
    if subject.startswith((":.", ":*:")):
        raise invalid_subject(subject[:SUBJECT_MAX], "this registry has no contexts, write the subject without one")
    if not subject or subject in ("__GLOBAL", "__EMPTY"):
        raise invalid_subject(subject, "the name is reserved")
    if len(subject.encode()) > SUBJECT_MAX:
        raise invalid_subject(f"{subject:.40}...", f"it has more than {SUBJECT_MAX} bytes")
    if any(ord(character) < 32 or 127 <= ord(character) < 160 for character in subject):
        raise invalid_subject(json.dumps(subject), "it has control characters")
    return subject


def version_of(text: str) -> int:
    """The number of a version, -1 for the latest one.

    Raises:
        Refusal: it is neither a number from 1 on, nor `latest`, nor -1.
    """
    plain = text.lower()
    if plain in ("latest", "-1"):
        return LATEST
    if not _NUMBER.match(plain) or not 0 < int(plain) <= ID_MAX:
        raise invalid_version(text[:40])
    return int(plain)


def not_found() -> Refusal:
    """The path is none of the protocol's."""
    return Refusal(404, 404, "HTTP 404 Not Found")


def answered_in(accept: str) -> str:
    """The media type of the answer, the first one that both sides know.

    Raises:
        Refusal: the client accepts none of them.
    """
    wanted = [part.partition(";")[0].strip().lower() for part in accept.split(",")] if accept.strip() else ["*/*"]
    for kind in MEDIA:
        if kind in wanted:
            return kind
    if any(kind in ("*/*", "application/*") for kind in wanted):
        return MEDIA[0]
    raise Refusal(406, 406, f"The answer is in one of: {', '.join(MEDIA)}.")


def check_taken(content_type: str) -> None:
    """Check the media type of a body.

    Raises:
        Refusal: the protocol has no such one.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind and kind not in TAKEN:
        raise Refusal(415, 415, f"The body is in one of: {', '.join(TAKEN)}.")


def _is_number(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)

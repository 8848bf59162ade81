"""The values of the registry: a schema with its id, a version of a subject, and a schema that was submitted."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

ID_MAX = 2**31 - 1


class Reference(NamedTuple):
    """A schema's use of another one, by the name that its text has for it."""

    name: str
    subject: str
    version: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A schema under its id. Equal content has one id, whatever its subject."""

    id: int
    guid: str
    language: str
    text: str
    references: tuple[Reference, ...] = ()


class Version(NamedTuple):
    """A version of a subject; a deleted one is hidden until it is purged."""

    subject: str
    version: int
    id: int
    deleted: bool


@dataclass(frozen=True, slots=True)
class Submission:
    """A schema as a client submits it. `id` and `version` are given by an import alone."""

    language: str
    text: str
    references: tuple[Reference, ...] = ()
    id: int = -1
    version: int = 0


def identity_of(language: str, text: str, references: Sequence[Reference]) -> str:
    """The name of a schema's content: equal content has an equal one."""
    content = json.dumps([language, text, [list(each) for each in references]], ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()


def guid_of(text: str, references: Sequence[Reference]) -> str:
    """The guid of a schema by Confluent's rule (MD5 of text and references), so that registries agree on it."""
    digest = hashlib.md5(text.encode(), usedforsecurity=False)
    for reference in references:
        digest.update(reference.name.encode() + reference.subject.encode() + reference.version.to_bytes(4, "big"))
    return str(uuid.UUID(bytes=digest.digest()))

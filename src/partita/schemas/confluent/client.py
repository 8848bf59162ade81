"""`RegistryClient`: a Confluent registry as a program asks it. A schema that was found once is never asked for again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from partita.clock import Clock
from partita.errors import RegistryRefused, RegistryUnavailable
from partita.schemas.confluent.exchange import SOON, WHOLE_S, Answer, Exchange
from partita.texts.bounded_json import bounded_json

KEPT_MAX = 10_000
"""Schemas in memory; beyond it the oldest one is asked for again."""
T = TypeVar("T")
NOT_FOUND = (40401, 40402, 40403)
_HINT = "The registry's answer says why; `partita registry` and its guide explain levels and modes."
_NO_PATH = 404
"""A registry's code for a path that it does not have; a missing subject, version or schema has a code of its own."""
_HINT_PATH = "A registry is there, and not at this path. Check the path in PARTITA_REGISTRY."


@dataclass(frozen=True, slots=True)
class Reference:
    """A schema's use of another one."""

    name: str
    subject: str
    version: int


@dataclass(frozen=True, slots=True)
class RegisteredSchema:
    """A schema's text, its language (AVRO, JSON, PROTOBUF), and the schemas that it refers to."""

    text: str
    language: str = "AVRO"
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class SubjectVersion:
    """A version of a subject."""

    subject: str
    version: int
    id: int
    schema: RegisteredSchema


@dataclass(slots=True)
class Traffic:
    """Counts since the client was made. `is_up` is None until the first request."""

    asked: int = 0
    failed: int = 0
    kept: int = 0
    unknown: int = 0
    seconds: float = 0.0
    is_up: bool | None = None


@dataclass(slots=True)
class _Kept:
    """Answers that are true for ever, the oldest first."""

    answers: dict[Any, Any] = field(default_factory=dict)  # Any: ids and texts name schemas and ids

    def add(self, name: Any, answer: Any) -> None:
        if len(self.answers) >= KEPT_MAX:
            del self.answers[next(iter(self.answers))]
        self.answers[name] = answer


class RegistryClient:
    """Errors: `RegistryUnavailable` (retryable) where the registry is down, slow or failing, or its answer makes no sense,
    `RegistryRefused` where it answers with a refusal. A password in the URL is sent as basic authentication and shown nowhere;
    redirects are not followed."""

    def __init__(self, url: str, clock: Clock, *, whole_s: float = WHOLE_S) -> None:
        self._exchange = Exchange(url, clock, whole_s=whole_s)
        self._clock = clock
        self._kept = _Kept()
        self.traffic = Traffic()
        self.where = self._exchange.where

    async def register(self, subject: str, schema: RegisteredSchema, *, normalize: bool = False) -> int:
        """The id of a schema, which is a version of the subject from now on.

        Raises:
            RegistryRefused: it is incompatible, or no schema. RegistryUnavailable: it is not known whether it was registered.
        """
        name = ("register", subject, schema)
        if name in self._kept.answers:
            known: int = self._known(name)
            return known
        path = ("subjects", subject, "versions")
        number = await self._ask("POST", path, self._id, _flag("normalize", normalize), schema)
        self._kept.add(name, number)
        return number

    async def look_up(
        self, subject: str, schema: RegisteredSchema, *, normalize: bool = False
    ) -> SubjectVersion | None:
        """The version of a subject that is this schema; None = none is."""
        return await self._found("POST", ("subjects", subject), self._version, _flag("normalize", normalize), schema)

    async def by_id(self, number: int) -> RegisteredSchema | None:
        """The schema of an id; None = the registry has none."""
        return await self._schema(("id", number), ("schemas", "ids", str(number)))

    async def by_guid(self, guid: str) -> RegisteredSchema | None:
        """The schema of a guid; None = the registry has none."""
        return await self._schema(("guid", guid), ("schemas", "guids", guid))

    async def latest(self, subject: str) -> SubjectVersion | None:
        """The latest version of a subject, asked for each time; None = there is none."""
        return await self.version(subject, "latest")

    async def version(self, subject: str, version: int | str) -> SubjectVersion | None:
        """A version of a subject; None = there is none."""
        return await self._found("GET", ("subjects", subject, "versions", str(version)), self._version)

    async def versions(self, subject: str) -> Sequence[int]:
        """The numbers of a subject's versions; empty = there is no such subject."""
        return await self._found("GET", ("subjects", subject, "versions"), self._numbers) or []

    async def compatibility(self, subject: str, schema: RegisteredSchema) -> Sequence[str]:
        """The reasons why the schema could not be registered now; empty = it could."""
        path = ("compatibility", "subjects", subject, "versions")
        # None: a subject without versions takes any schema.
        return await self._found("POST", path, self._verdict, "verbose=true", schema) or []

    async def _schema(self, name: tuple[str, int | str], path: tuple[str, ...]) -> RegisteredSchema | None:
        if name in self._kept.answers:
            found: RegisteredSchema = self._known(name)
            return found
        schema = await self._found("GET", path, self._text)
        if schema is None:
            self.traffic.unknown += 1  # not kept: it may be registered in the next moment
            return None
        self._kept.add(name, schema)
        return schema

    def _known(self, name: Any) -> Any:
        self.traffic.kept += 1
        return self._kept.answers[name]

    async def _found(
        self,
        method: str,
        path: tuple[str, ...],
        read: Callable[[Any], T],
        query: str = "",
        schema: RegisteredSchema | None = None,
    ) -> T | None:
        """An answer; None where the subject, version or schema does not exist."""
        try:
            return await self._ask(method, path, read, query, schema)
        except RegistryRefused as error:
            if error.error_code in NOT_FOUND:
                return None
            raise

    async def _ask(
        self,
        method: str,
        path: tuple[str, ...],
        read: Callable[[Any], T],
        query: str = "",
        schema: RegisteredSchema | None = None,
    ) -> T:
        self.traffic.asked += 1
        began = self._clock.monotonic()
        is_up = False
        try:
            answer = await self._exchange.ask(method, path, query, None if schema is None else _body_of(schema))
            found = read(self._read(answer))
            is_up = True
            return found
        except RegistryRefused:
            is_up = True
            raise
        finally:
            self.traffic.is_up = is_up
            self.traffic.failed += not is_up
            self.traffic.seconds += self._clock.monotonic() - began

    def _read(self, answer: Answer) -> Any:
        status = answer.status
        if status in (401, 403):
            raise self._exchange.unavailable(
                f"does not accept this user (status {status})", "Check the user and the password in PARTITA_REGISTRY."
            )
        if 300 <= status < 400:
            raise self._exchange.unavailable(
                f"answers with a redirect ({status}), which is not followed", "Set PARTITA_REGISTRY to the new address."
            )
        if status in (408, 429) or status >= 500 or status < 200:
            raise self._exchange.unavailable(f"failed (status {status})")
        try:
            body = bounded_json(answer.body.decode())
        except (ValueError, RecursionError):
            raise self._nonsense() from None
        if status < 300:
            return body
        code = body.get("error_code") if isinstance(body, dict) else None
        if not isinstance(code, int):
            raise self._nonsense()  # a page of a proxy is no refusal of a registry
        raise RegistryRefused(
            f"The schema registry at {self.where} refuses ({code}): {str(body.get('message', '')):.2000}",
            error_code=code,
            hint=_HINT_PATH if code == _NO_PATH else _HINT,
        )

    def _nonsense(self) -> RegistryUnavailable:
        return self._exchange.unavailable("gave an answer that is none of a registry", SOON)

    def _id(self, body: Any) -> int:
        return self._number(body, "id")

    def _numbers(self, body: Any) -> Sequence[int]:
        if not isinstance(body, list) or not all(isinstance(number, int) for number in body):
            raise self._nonsense()
        return body

    def _verdict(self, body: Any) -> Sequence[str]:
        if not isinstance(body, dict) or not isinstance(body.get("is_compatible"), bool):
            raise self._nonsense()
        messages = body.get("messages")
        given = messages if isinstance(messages, list) and messages else ["The registry gives no reason."]
        return [] if body["is_compatible"] else list(map(str, given))

    def _version(self, body: Any) -> SubjectVersion:
        if not isinstance(body, dict) or not isinstance(body.get("subject"), str):
            raise self._nonsense()
        return SubjectVersion(
            body["subject"], self._number(body, "version"), self._number(body, "id"), self._text(body)
        )

    def _text(self, body: Any) -> RegisteredSchema:
        if not isinstance(body, dict) or not isinstance(body.get("schema"), str):
            raise self._nonsense()
        references = body.get("references") or []
        try:
            found = tuple(Reference(str(r["name"]), str(r["subject"]), int(r["version"])) for r in references)
        except (TypeError, KeyError, ValueError):
            raise self._nonsense() from None
        return RegisteredSchema(body["schema"], str(body.get("schemaType") or "AVRO"), found)

    def _number(self, body: Any, name: str) -> int:
        number = body.get(name) if isinstance(body, dict) else None
        if not isinstance(number, int) or isinstance(number, bool):
            raise self._nonsense()
        return number


def _body_of(schema: RegisteredSchema) -> bytes:
    body: Mapping[str, Any] = {
        "schema": schema.text,
        "schemaType": schema.language,
        "references": [{"name": r.name, "subject": r.subject, "version": r.version} for r in schema.references],
    }
    return json.dumps(body, ensure_ascii=False).encode()


def _flag(name: str, value: bool) -> str:
    return f"{name}=true" if value else ""

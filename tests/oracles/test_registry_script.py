"""A script of requests, answered by the embedded registry and by Apicurio's Confluent API: equal, or listed with the protocol's text."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any, NamedTuple

import pytest
from tests.oracles.apicurio import running_apicurio
from tests.oracles.registry_script import STEPS, Step
from tests.registry_process import served

pytestmark = [pytest.mark.oracles, pytest.mark.timeout(600)]
EQUAL_MIN = 80
V1 = "application/vnd.schemaregistry.v1+json"
CORE = (
    "subject",
    "version",
    "id",
    "schema",
    "schemaType",
    "references",
    "is_compatible",
    "compatibility",
    "compatibilityLevel",
    "mode",
)
"""The members that every version of the protocol has; later ones (guid, the text in the answer to a registration) are compared by
Confluent's client."""


class Ours(NamedTuple):
    """Our answer where Apicurio's differs, and the protocol's text."""

    status: int
    code: int | None
    text: str


_VERSION = "SubjectVersionsResource: Error code 42202 indicates an invalid version; VersionId: a positive integer, -1 or latest."
_LEVEL = "ConfigResource: Error code 42203 indicates invalid compatibility level."
_MODE = "ModeResource: GET and PUT /mode are of the protocol; Apicurio has none."
_SOFT = "Errors.java: RestNotFoundException, HTTP 404, for 40404 to 40407; Apicurio sends the code with HTTP 409."
_INCOMPATIBLE = (
    "Errors.java: INCOMPATIBLE_SCHEMA_ERROR_CODE = 40901; Apicurio sends the status as the code, as older servers do."
)
_SUBJECTS = "SchemasResource: /schemas/ids/{id}/subjects; Apicurio has no such path."
_LAYOUT = (
    "AvroSchema.canonicalString: the parsed schema is kept, so that a layout is no version; Apicurio keeps the text."
)
_LOOKUP = "entities/Schema: schemaType is part of the answer; Apicurio leaves it out of a lookup."
DIFFERENCES: dict[str, Ours] = {
    "JSON lookup": Ours(200, None, _LOOKUP),
    "Protobuf lookup": Ours(200, None, _LOOKUP),
    "register Protobuf that may not": Ours(409, 40901, _INCOMPATIBLE),
    "register with another layout": Ours(200, None, _LAYOUT),
    "a long as an object": Ours(200, None, _LAYOUT),
    "the long is one version": Ours(200, None, _LAYOUT),
    "subjects of no id": Ours(404, 40403, _SUBJECTS),
    "subjects of the id": Ours(200, None, _SUBJECTS),
    "subjects of both": Ours(200, None, _SUBJECTS),
    "level of no subject": Ours(
        404, 40408, "ConfigResource: 40408 where the subject has no level of its own, also without versions."
    ),
    "level of no subject, the default": Ours(200, None, "ConfigResource: defaultToGlobal returns the global level."),
    "version 0": Ours(422, 42202, _VERSION),
    "version x": Ours(422, 42202, _VERSION),
    "delete version x": Ours(422, 42202, _VERSION),
    "register an incompatible one": Ours(409, 40901, _INCOMPATIBLE),
    "register a removed field, full": Ours(409, 40901, _INCOMPATIBLE),
    "register the double": Ours(409, 40901, _INCOMPATIBLE),
    "register the broken one at none": Ours(
        200, None, "ConfigResource: the level of a subject comes before the global one."
    ),
    "the subject's level is gone": Ours(404, 40408, "ConfigResource: deleted, the subject has no level of its own."),
    "no such level": Ours(422, 42203, _LEVEL),
    "no such level of a subject": Ours(422, 42203, _LEVEL),
    "an empty text": Ours(422, 42201, "AbstractSchemaRegistry: 'Empty schema' is an InvalidSchemaException."),
    "an unknown language": Ours(
        422, 42201, "SubjectVersionsResource: 42201 indicates an invalid schema or schema type."
    ),
    "the mode": Ours(200, None, _MODE),
    "READONLY": Ours(200, None, _MODE),
    "the mode is READONLY": Ours(200, None, _MODE),
    "register while READONLY": Ours(422, 42205, _MODE),
    "READWRITE": Ours(200, None, _MODE),
    "no such mode": Ours(422, 42204, _MODE),
    "delete for ever too early": Ours(404, 40405, _SOFT),
    "delete a version for ever too early": Ours(404, 40407, _SOFT),
    "delete it again": Ours(404, 40406, _SOFT),
}


class Asked:
    """A registry that is asked the script, with the ids that it gave."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.ids: dict[str, int] = {}

    def ask(self, step: Step) -> tuple[int, Any]:
        path = step.path
        for name, number in self.ids.items():
            path = path.replace(f"{{{name}}}", str(number))
        body = None if step.body is None else json.dumps(step.body).encode()
        headers = {"content-type": V1, "accept": f"{V1}, application/json; q=0.5"}
        request = urllib.request.Request(self.url + path, body, headers, method=step.method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                status, text = error.code, error.read().decode()
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if isinstance(found, dict) and isinstance(found.get("id"), int):
            self.ids[step.name] = found["id"]
        return status, found

    def shape(self, answer: tuple[int, Any], step: Step) -> Any:
        """An answer without what differs for a good reason: the numbers of ids, the words of messages, the layout of a schema."""
        status, body = answer
        if not isinstance(body, dict):
            # A schema alone, or a list: in any order, ids by the step that got them.
            return status, self._named(body) if step.name == "referenced by" else _sorted(body)
        if "error_code" in body:
            return status, body["error_code"], isinstance(body.get("message"), str)
        core = {name: body[name] for name in CORE if name in body}
        if "/versions" in step.path and step.method == "POST" and "id" in body:
            core = {"id": body["id"]}
        if step.method == "PUT" and step.path.startswith("/config") and "compatibilityLevel" in core:
            # ConfigUpdateRequest: JsonProperty("compatibility"); Apicurio answers with the other name.
            core["compatibility"] = core.pop("compatibilityLevel")
        if "id" in core:
            core["id"] = self._name(core["id"])
        if "schema" in core:
            core["schema"] = _without_layout(core["schema"])
        if core.get("schemaType") == "AVRO":
            del core["schemaType"]  # the default may be said
        if not core.get("references", True):
            del core["references"]
        return status, core

    def _name(self, number: int) -> str:
        return next((name for name, given in self.ids.items() if given == number), "unknown")

    def _named(self, numbers: list[int]) -> list[str]:
        return sorted(map(self._name, numbers))


def _without_layout(schema: str) -> Any:
    try:
        return json.loads(schema)
    except ValueError:
        return schema.split()  # Protobuf


def _sorted(body: Any) -> Any:
    return sorted(body, key=json.dumps) if isinstance(body, list) else body


def test_the_script_is_answered_equally(tmp_path: Any) -> None:
    """Clients of one registry become clients of the other without a change."""
    equal, wrong = 0, []
    with running_apicurio(tmp_path) as theirs, served("--data", str(tmp_path), errors=tmp_path / "errors") as (_, ours):
        one, other = Asked(ours), Asked(theirs)
        for step in STEPS:
            our, their = one.ask(step), other.ask(step)
            same = one.shape(our, step) == other.shape(their, step)
            equal += same
            listed = DIFFERENCES.get(step.name)
            code = our[1].get("error_code") if isinstance(our[1], dict) else None
            if listed is None and not same:
                wrong.append(f"{step.name}: we say {our}, they {their}")
            elif listed is not None and (our[0], code) != (listed.status, listed.code):
                wrong.append(f"{step.name}: we say {our}, the protocol: {listed.text}")
            elif listed is not None and same:
                wrong.append(f"{step.name}: equal now; it is no difference any more")
    assert not wrong, "\n" + "\n".join(wrong)
    assert equal >= EQUAL_MIN, f"only {equal} of {len(STEPS)} are equal"
    assert DIFFERENCES.keys() <= {step.name for step in STEPS}

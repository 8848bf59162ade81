"""The registry answers as the protocol says: paths, bodies, codes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.registry_server.registry_desk import V1, Desk, record, registry_at

JSON = json.dumps({"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "integer"}}})


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with registry_at(tmp_path) as found:
        yield found


async def test_a_schema_is_registered_once_and_found_by_all_its_names(desk: Desk) -> None:
    """A client that knows the id, the guid, the version or the text comes to the same schema."""
    made = await desk.post("orders-value", record("sku"))
    again = await desk.post("orders-value", record("sku"))

    assert made == again
    assert (made["id"], made["version"]) == (1, 1)
    text = made["schema"]
    assert json.loads(text) == json.loads(record("sku"))
    whole = {"subject": "orders-value", "version": 1, "id": 1, "guid": made["guid"], "schema": text}
    assert await desk.ask("GET", "/schemas/ids/1") == (200, {"guid": made["guid"], "schema": text})
    assert await desk.ask("GET", "/schemas/ids/1?fetchMaxId=true") == (
        200,
        {"guid": made["guid"], "schema": text, "maxId": 1},
    )
    assert await desk.ask("GET", f"/schemas/guids/{made['guid']}") == (200, {"guid": made["guid"], "schema": text})
    assert await desk.ask("GET", "/schemas/ids/1/schema") == (200, json.loads(text))
    assert await desk.ask("GET", "/schemas/ids/1/subjects") == (200, ["orders-value"])
    assert await desk.ask("GET", "/schemas/ids/1/versions") == (200, [{"subject": "orders-value", "version": 1}])
    assert await desk.ask("GET", "/schemas") == (200, [whole])
    assert await desk.ask("GET", "/subjects") == (200, ["orders-value"])
    assert await desk.ask("GET", "/subjects/orders-value/versions") == (200, [1])
    for version in ("1", "latest", "-1"):
        assert await desk.ask("GET", f"/subjects/orders-value/versions/{version}") == (200, whole)
    assert await desk.ask("GET", "/subjects/orders-value/versions/1/schema") == (200, json.loads(text))
    assert await desk.ask("POST", "/subjects/orders-value", {"schema": record("sku")}) == (200, whole)
    assert await desk.ask("GET", "/schemas/types") == (200, ["AVRO", "JSON", "PROTOBUF"])
    assert await desk.ask("GET", "/contexts") == (200, ["."])
    assert await desk.ask("GET", "/") == (200, {})


@pytest.mark.parametrize(
    ("language", "one", "other", "normalize"),
    [
        ("AVRO", record("sku"), json.dumps(json.loads(record("sku")), indent=4), ""),
        ("AVRO", '{"type":"record","name":"A","fields":[]}', '{"fields":[],"name":"A","type":"record"}', ""),
        ("AVRO", '{"type":"record","name":"s.A","fields":[]}',
         '{"type":"record","name":"A","namespace":"s","fields":[]}', ""),
        ("AVRO", '"string"', '{"type": "string"}', ""),
        ("AVRO", '{"type":"string","b":1,"a":2}', '{"a":2,"b":1,"type":"string"}', ""),
        ("JSON", JSON, json.dumps(json.loads(JSON), indent=2), ""),
        ("JSON", JSON, json.dumps(json.loads(JSON), sort_keys=True), "?normalize=true"),
    ],
)  # fmt: skip
async def test_a_schema_written_otherwise_has_the_same_id(
    language: str, one: str, other: str, normalize: str, desk: Desk
) -> None:
    """Each build of each service posts its schema; a layout is no version."""
    bodies = [{"schema": text, "schemaType": language} for text in (one, other)]
    answers = [await desk.ask("POST", f"/subjects/s/versions{normalize}", body) for body in bodies]
    assert [(status, answer["id"], answer["version"]) for status, answer in answers] == [(200, 1, 1), (200, 1, 1)]


async def test_two_posts_at_once_get_one_id_and_no_error(desk: Desk) -> None:
    """All processes of a service start together and post together."""
    answers = await asyncio.gather(*(desk.post(f"s{number % 2}", record("sku")) for number in range(20)))
    assert {answer["id"] for answer in answers} == {1}
    assert await desk.ask("GET", "/schemas/ids/1/subjects") == (200, ["s0", "s1"])
    assert await desk.ask("GET", "/subjects/s0/versions") == (200, [1])


async def test_content_has_one_id_in_all_subjects_and_other_content_another(desk: Desk) -> None:
    """A record on the topic has the id alone."""
    assert (await desk.post("a", record("sku")))["id"] == 1
    assert (await desk.post("b", record("sku", "note?")))["id"] == 2
    assert (await desk.post("c", record("sku")))["id"] == 1
    assert (await desk.post("c", JSON, schemaType="JSON"))["error_code"] == 40901
    # The same text in two languages is two contents.
    assert (await desk.post("d", '{"type":"object"}', schemaType="JSON"))["id"] == 3


async def test_an_incompatible_schema_is_refused_with_the_reason(desk: Desk) -> None:
    """The message names the place, and what to write so that it passes."""
    await desk.post("s", record("sku"))
    status, answer = await desk.ask("POST", "/subjects/s/versions", {"schema": record("sku", "total")})
    assert (status, answer["error_code"]) == (409, 40901)
    for part in ("total", "field-without-default", "version 1", "Give the field a default."):
        assert part in answer["message"]
    assert await desk.ask("GET", "/subjects/s/versions") == (200, [1])
    assert (await desk.post("s", record("sku", "total?")))["version"] == 2


@pytest.mark.parametrize(
    ("level", "expected"),
    [("BACKWARD", True), ("BACKWARD_TRANSITIVE", False), ("NONE", True), ("FORWARD", True), ("FULL", False)],
)
async def test_a_default_that_came_and_went_passes_only_where_the_level_is_not_transitive(
    level: str, expected: bool, desk: Desk
) -> None:
    """The third version reads the second one, whose field has a value in each record, and not the first one."""
    await desk.ask("PUT", "/config", {"compatibility": "none"})
    for text in (record("sku"), record("sku", "note?")):
        await desk.post("s", text)
    await desk.ask("PUT", "/config/s", {"compatibility": level})
    body = {"schema": record("note", *([] if level == "FULL" else ["sku"]))}
    status, answer = await desk.ask("POST", "/compatibility/subjects/s/versions?verbose=true", body)
    assert status == 200
    assert answer["is_compatible"] is expected
    if level == "BACKWARD_TRANSITIVE":
        assert len(answer["messages"]) == 1 and "version 1" in answer["messages"][0] and "note" in answer["messages"][0]


async def test_a_check_against_one_version_asks_no_other(desk: Desk) -> None:
    await desk.ask("PUT", "/config", {"compatibility": "NONE"})
    await desk.post("s", record("sku"))
    await desk.post("s", record("sku", "note?"))
    await desk.ask("PUT", "/config", {"compatibility": "BACKWARD"})
    body = {"schema": record("sku", "note")}
    for version, expected in (("1", False), ("2", True), ("latest", True), ("-1", True)):
        path = f"/compatibility/subjects/s/versions/{version}"
        assert await desk.ask("POST", path, body) == (200, {"is_compatible": expected})
    assert await desk.code("POST", "/compatibility/subjects/s/versions/7", body) == (404, 40402)
    assert await desk.ask("POST", "/compatibility/subjects/none/versions/latest", body) == (
        200,
        {"is_compatible": True},
    )
    # An invalid schema is a verdict where the client asks for words.
    wrong = {"schema": "{"}
    assert await desk.code("POST", "/compatibility/subjects/s/versions", wrong) == (422, 42201)
    status, answer = await desk.ask("POST", "/compatibility/subjects/s/versions?verbose=true", wrong)
    assert (status, answer["is_compatible"], len(answer["messages"])) == (200, False, 1)


async def test_levels_of_the_whole_and_of_a_subject(desk: Desk) -> None:
    assert await desk.ask("GET", "/config") == (200, {"compatibilityLevel": "BACKWARD"})
    assert await desk.code("GET", "/config/s") == (404, 40408)
    assert await desk.ask("GET", "/config/s?defaultToGlobal=true") == (200, {"compatibilityLevel": "BACKWARD"})
    assert await desk.ask("PUT", "/config", {"compatibility": "full"}) == (200, {"compatibility": "full"})
    assert await desk.ask("PUT", "/config/s", {"compatibility": "NONE"}) == (200, {"compatibility": "NONE"})
    assert await desk.ask("GET", "/config/s") == (200, {"compatibilityLevel": "NONE"})
    assert await desk.ask("GET", "/config/t?defaultToGlobal=true") == (200, {"compatibilityLevel": "FULL"})
    assert await desk.ask("DELETE", "/config/s") == (200, {"compatibilityLevel": "NONE"})
    assert await desk.code("DELETE", "/config/s") == (404, 40401)
    assert await desk.ask("DELETE", "/config") == (200, {"compatibilityLevel": "FULL"})
    assert await desk.ask("GET", "/config") == (200, {"compatibilityLevel": "BACKWARD"})
    for wrong in ("SIDEWARD", "", 3, ["FULL"]):
        assert await desk.code("PUT", "/config", {"compatibility": wrong}) == (422, 42203)
    assert await desk.code("PUT", "/config", {"alias": "other"}) == (422, 42210)


async def test_modes_guard_registration_and_deletion(desk: Desk) -> None:
    await desk.post("s", record("sku"))
    assert await desk.ask("GET", "/mode") == (200, {"mode": "READWRITE"})
    assert await desk.code("GET", "/mode/s") == (404, 40409)
    assert await desk.ask("PUT", "/mode/s", {"mode": "READONLY"}) == (200, {"mode": "READONLY"})
    assert await desk.ask("GET", "/mode/s") == (200, {"mode": "READONLY"})
    body = {"schema": record("sku")}
    assert await desk.code("POST", "/subjects/s/versions", body) == (422, 42205)
    assert await desk.code("DELETE", "/subjects/s") == (422, 42205)
    assert await desk.code("DELETE", "/subjects/s/versions/1") == (422, 42205)
    assert (await desk.ask("POST", "/subjects/s", body))[0] == 200
    assert await desk.ask("DELETE", "/mode/s") == (200, {"mode": "READONLY"})
    assert await desk.code("DELETE", "/mode/s") == (404, 40401)
    assert await desk.code("POST", "/subjects/s/versions", {**body, "id": 9}) == (422, 42205)
    for wrong in ("READONLY_OVERRIDE", "FORWARD", "", None, 1):
        assert await desk.code("PUT", "/mode", {"mode": wrong}) == (422, 42204)


async def test_an_import_gives_ids_and_versions(desk: Desk) -> None:
    """So a registry moves: records that were written before are read by the same ids."""
    await desk.post("here", record("sku"))
    assert await desk.code("PUT", "/mode", {"mode": "IMPORT"}) == (422, 42205)
    assert (await desk.ask("PUT", "/mode?force=true", {"mode": "IMPORT"}))[0] == 200
    made = await desk.post("s", record("old"), id=100, version=7)
    assert (made["id"], made["version"]) == (100, 7)
    # No check of compatibility: the schemas were in use.
    assert (await desk.post("s", record("total"), id=101, version=8))["version"] == 8
    body = {"schema": record("third"), "id": 100, "version": 9}
    assert await desk.code("POST", "/subjects/s/versions", body) == (422, 42205)
    assert await desk.code("POST", "/subjects/s/versions", {"schema": record("third")}) == (422, 42205)
    await desk.ask("DELETE", "/mode")
    assert (await desk.post("other", record("later")))["id"] == 102


async def test_deletion_is_soft_before_it_is_for_ever(desk: Desk) -> None:
    """A soft deletion is undone by posting again; records with the id stay readable until the text is purged."""
    await desk.ask("PUT", "/config", {"compatibility": "NONE"})
    for name in ("a", "b", "c"):
        await desk.post("s", record(name))
    assert await desk.code("DELETE", "/subjects/s/versions/2?permanent=true") == (404, 40407)
    assert await desk.code("DELETE", "/subjects/s?permanent=true") == (404, 40405)
    assert await desk.ask("DELETE", "/subjects/s/versions/2") == (200, 2)
    assert await desk.code("DELETE", "/subjects/s/versions/2") == (404, 40406)
    assert await desk.ask("GET", "/subjects/s/versions") == (200, [1, 3])
    assert await desk.ask("GET", "/subjects/s/versions?deleted=true") == (200, [1, 2, 3])
    assert await desk.ask("GET", "/subjects/s/versions?deletedOnly=true") == (200, [2])
    assert await desk.code("GET", "/subjects/s/versions/2") == (404, 40402)
    assert (await desk.ask("GET", "/subjects/s/versions/2?deleted=true"))[1]["deleted"] is True
    assert (await desk.ask("GET", "/schemas/ids/2"))[0] == 200
    assert await desk.ask("GET", "/schemas/ids/2/subjects") == (200, [])
    assert await desk.code("POST", "/subjects/s", {"schema": record("b")}) == (404, 40403)
    assert (await desk.ask("POST", "/subjects/s?deleted=true", {"schema": record("b")}))[1]["version"] == 2
    again = await desk.post("s", record("b"))
    assert (again["id"], again["version"]) == (2, 4)
    assert await desk.ask("DELETE", "/subjects/s/versions/latest") == (200, 4)
    assert await desk.ask("DELETE", "/subjects/s") == (200, [1, 3])
    assert await desk.code("DELETE", "/subjects/s") == (404, 40404)
    assert await desk.ask("GET", "/subjects") == (200, [])
    assert await desk.ask("GET", "/subjects?deleted=true") == (200, ["s"])
    assert await desk.ask("GET", "/subjects?deletedOnly=true") == (200, ["s"])
    assert await desk.code("GET", "/subjects/s/versions") == (404, 40401)
    assert await desk.ask("DELETE", "/subjects/s?permanent=true") == (200, [1, 2, 3, 4])
    assert await desk.ask("GET", "/subjects?deleted=true") == (200, [])
    assert await desk.code("DELETE", "/subjects/s?permanent=true") == (404, 40401)
    assert await desk.code("GET", "/schemas/ids/1") == (404, 40403)


async def test_an_id_is_never_given_to_other_content(desk: Desk) -> None:
    """A record that was written with a purged schema must not be read by another one."""
    await desk.post("s", record("a"))
    for permanent in ("false", "true"):
        assert (await desk.ask("DELETE", f"/subjects/s?permanent={permanent}"))[0] == 200
    assert (await desk.post("s", record("b")))["id"] == 2
    assert (await desk.post("t", record("a")))["id"] == 1


async def test_references_bind_the_versions_that_they_use(desk: Desk) -> None:
    """A schema whose part was deleted could no longer be read."""
    await desk.post("sku", record("code", name="shop.Sku"))
    order = json.dumps({"type": "record", "name": "Order", "fields": [{"name": "sku", "type": "shop.Sku"}]})
    references = [{"name": "shop.Sku", "subject": "sku", "version": 1}]
    assert await desk.code("POST", "/subjects/order/versions", {"schema": order}) == (422, 42201)
    wrong = [{**references[0], "version": 2}]
    assert await desk.code("POST", "/subjects/order/versions", {"schema": order, "references": wrong}) == (422, 42201)

    made = await desk.post("order", order, references=references)

    assert (made["id"], made["references"]) == (2, references)
    assert (await desk.ask("GET", "/schemas/ids/2"))[1]["references"] == references
    assert await desk.ask("GET", "/subjects/sku/versions/1/referencedby") == (200, [2])
    assert await desk.code("DELETE", "/subjects/sku") == (422, 42206)
    assert await desk.code("DELETE", "/subjects/sku/versions/1") == (422, 42206)
    assert await desk.ask("DELETE", "/subjects/order") == (200, [1])
    assert await desk.ask("DELETE", "/subjects/sku") == (200, [1])
    assert await desk.code("DELETE", "/subjects/sku?permanent=true") == (422, 42206)


async def test_lists_are_cut(desk: Desk) -> None:
    for subject in ("a1", "a2", "b1"):
        await desk.post(subject, record("sku"))
    assert await desk.ask("GET", "/subjects?subjectPrefix=a") == (200, ["a1", "a2"])
    assert await desk.ask("GET", "/subjects?subjectPrefix=:*:") == (200, ["a1", "a2", "b1"])
    assert await desk.ask("GET", "/subjects?offset=1&limit=1") == (200, ["a2"])
    assert await desk.ask("GET", "/subjects?limit=-1") == (200, ["a1", "a2", "b1"])
    await desk.post("a1", record("sku", "note?"))
    found = (await desk.ask("GET", "/schemas?latestOnly=true"))[1]
    assert [(each["subject"], each["version"]) for each in found] == [("a1", 2), ("a2", 1), ("b1", 1)]


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("GET", "/subjects/none/versions", None, (404, 40401)),
        ("GET", "/subjects/none/versions/1", None, (404, 40401)),
        ("GET", "/subjects/s/versions/9", None, (404, 40402)),
        ("GET", "/subjects/s/versions/0", None, (422, 42202)),
        ("GET", "/subjects/s/versions/-2", None, (422, 42202)),
        ("GET", "/subjects/s/versions/one", None, (422, 42202)),
        ("GET", "/subjects/s/versions/2147483648", None, (422, 42202)),
        ("GET", "/schemas/ids/9", None, (404, 40403)),
        ("GET", "/schemas/ids/x", None, (404, 404)),
        ("GET", "/schemas/ids/99999999999999999999", None, (404, 404)),
        ("GET", "/schemas/ids/9/subjects", None, (404, 40403)),
        ("GET", "/schemas/ids/9/versions", None, (404, 40403)),
        ("GET", "/schemas/guids/none", None, (404, 40403)),
        ("POST", "/subjects/none", {"schema": '"string"'}, (404, 40401)),
        ("POST", "/subjects/s", {"schema": '"bytes"'}, (404, 40403)),
        ("DELETE", "/subjects/none", None, (404, 40401)),
        ("DELETE", "/subjects/s/versions/9", None, (404, 40402)),
        ("DELETE", "/subjects/none/versions/1", None, (404, 40401)),
        ("POST", "/subjects/s/versions", "{", (400, 400)),
        ("POST", "/subjects/s/versions", "[]", (400, 400)),
        ("POST", "/subjects/s/versions", b"\xff", (400, 400)),
        ("POST", "/subjects/s/versions", "[" * 100_000, (400, 400)),
        ("POST", "/subjects/s/versions", {}, (422, 42201)),
        ("POST", "/subjects/s/versions", {"schema": ""}, (422, 42201)),
        ("POST", "/subjects/s/versions", {"schema": {"type": "string"}}, (422, 42201)),
        ("POST", "/subjects/s/versions", {"schema": '"no"'}, (422, 42201)),
        ("POST", "/subjects/s/versions", {"schema": "x", "schemaType": "XML"}, (422, 42201)),
        ("POST", "/subjects/s/versions", {"schema": "message {", "schemaType": "PROTOBUF"}, (422, 42201)),
        ("POST", "/subjects/s/versions", {"schema": '"int"', "metadata": {"tags": {"a": ["b"]}}}, (422, 42210)),
        ("POST", "/subjects/s/versions", {"schema": '"int"', "ruleSet": {"domainRules": [{}]}}, (422, 42210)),
        ("POST", "/subjects/s/versions", {"schema": '"int"', "colour": "red"}, (422, 422)),
        ("POST", "/subjects/s/versions", {"schema": '"int"', "references": [{"name": "x"}]}, (422, 42201)),
        ("POST", "/subjects/s/versions", {"schema": '"int"', "id": "1"}, (422, 42201)),
        ("PUT", "/subjects/s", None, (405, 405)),
        ("GET", "/nothing", None, (404, 404)),
        ("GET", "/subjects/s/versions/1/nothing", None, (404, 404)),
        ("GET", "/exporters", None, (404, 404)),
        ("GET", "/dek-registry/v1/keks", None, (404, 404)),
        ("GET", "/subjects/:.ctx:s/versions", None, (422, 42208)),
        ("POST", "/subjects/:.ctx:s/versions", {"schema": '"int"'}, (422, 42208)),
        ("GET", "/subjects?subjectPrefix=:.ctx:", None, (422, 42208)),
        ("POST", "/subjects/__GLOBAL/versions", {"schema": '"int"'}, (422, 42208)),
        ("POST", "/subjects/a%0Ab/versions", {"schema": '"int"'}, (422, 42208)),
        ("POST", "/subjects/a%00b/versions", {"schema": '"int"'}, (422, 42208)),
        ("POST", "/subjects/%ED%A0%80/versions", {"schema": '"int"'}, (400, 400)),
        ("POST", f"/subjects/{'s' * 501}/versions", {"schema": '"int"'}, (422, 42208)),
    ],
    ids=lambda value: str(value)[:60].replace("\x00", ""),
)
async def test_a_request_that_cannot_be_answered_is_refused_with_its_code(
    method: str, path: str, body: Any, expected: tuple[int, int], desk: Desk
) -> None:
    await desk.post("s", '"string"')
    assert await desk.code(method, path, body) == expected
    assert await desk.ask("GET", "/schemas/ids/1") == (200, (await desk.ask("GET", "/schemas/ids/1"))[1])


@pytest.mark.parametrize(
    "subject", ["..%2F..%2Fetc%2Fpasswd", "%2e%2e", "a%2Fb", "a%20b", "%C3%A4%F0%9F%8D%B5", "a:b", "CON", "~"]
)
async def test_a_subject_is_no_path(subject: str, desk: Desk) -> None:
    """Topics and record names have all kinds of characters; none of them leads anywhere else."""
    assert (await desk.ask("POST", f"/subjects/{subject}/versions", {"schema": '"string"'}))[1]["id"] == 1
    assert await desk.ask("GET", f"/subjects/{subject}/versions") == (200, [1])
    assert len((await desk.ask("GET", "/subjects"))[1]) == 1
    assert await desk.ask("DELETE", f"/subjects/{subject}") == (200, [1])


@pytest.mark.parametrize(
    ("schema", "language"),
    [
        ('{"type":"array","items":' * 200 + '"int"' + "}" * 200, "AVRO"),
        ('{"not":' * 5_000 + "{}" + "}" * 5_000, "JSON"),
        ('{"type":"enum","name":"E","symbols":[' + '"A",' * 300_000 + '"B"]}', "AVRO"),
        ('{"$ref":"https://example.org/schema.json"}', "JSON"),
        ('{"properties":{"a":{"$ref":"file:///etc/passwd"}}}', "JSON"),
        ('{"type":"int","x":NaN}', "AVRO"),
        ('{"type":"record","name":"\\ud800","fields":[]}', "AVRO"),
        ('{"title":"\\ud800"}', "JSON"),
        ('{"type":"fixed","name":"F","size":' + "9" * 5_000 + "}", "AVRO"),
    ],
    ids=["depth", "json-depth", "size", "ref-outside", "ref-file", "nan", "surrogate", "json-surrogate", "digits"],
)
async def test_a_schema_bomb_is_refused(schema: str, language: str, desk: Desk) -> None:
    """Nothing of it is kept, nothing is fetched, and the next request is answered."""
    status, code = await desk.code("POST", "/subjects/s/versions", {"schema": schema, "schemaType": language})
    assert status == 422 and code in (42201, 42209)
    assert await desk.ask("GET", "/subjects") == (200, [])


async def test_media_types_are_the_protocols(desk: Desk) -> None:
    body = {"schema": '"string"'}
    path = "/subjects/s/versions"
    for kind in (V1, "application/vnd.schemaregistry+json", "application/json", "application/octet-stream"):
        assert (await desk.ask("POST", path, body, content_type=f"{kind}; charset=utf-8"))[0] == 200
    assert await desk.code("POST", path, body, content_type="text/xml") == (415, 415)
    assert await desk.code("GET", "/subjects", accept="text/html") == (406, 406)
    for accept, expected in (
        ("application/json", "application/json"),
        ("*/*", V1),
        (f"{V1}, application/json; q=0.5", V1),
    ):
        answer = await desk.client.get("/subjects", headers={"accept": accept})
        assert answer.headers["content-type"] == expected


async def test_a_language_without_rules_accepts_a_second_version_at_the_level_none_alone(desk: Desk) -> None:
    """A schema that was never checked would look like one that was."""
    await desk.post("j", JSON, schemaType="JSON")
    body = {"schema": '{"type":"object"}', "schemaType": "JSON"}
    assert await desk.code("POST", "/subjects/j/versions", body) == (422, 42201)
    await desk.ask("PUT", "/config/j", {"compatibility": "NONE"})
    assert (await desk.post("j", '{"type":"object"}', schemaType="JSON"))["version"] == 2


async def test_a_normalizing_registry_normalizes_without_being_asked(desk: Desk) -> None:
    await desk.ask("PUT", "/config", {"normalize": True})
    await desk.post("j", JSON, schemaType="JSON")
    assert (await desk.post("j", json.dumps(json.loads(JSON), sort_keys=True), schemaType="JSON"))["version"] == 1
    assert await desk.ask("GET", "/config") == (200, {"compatibilityLevel": "BACKWARD", "normalize": True})


@pytest.mark.parametrize("number", ["1%0a", "%201", "1%20", "+1", "01x"])
async def test_a_version_is_digits_and_nothing_else(number: str, desk: Desk) -> None:
    await desk.post("s", record("a"))
    assert await desk.code("GET", f"/subjects/s/versions/{number}") == (422, 42202)

"""A schema that refers to others becomes one text, in which Apache's rules find each name."""

from __future__ import annotations

import json
from typing import Any

import fastavro
import pytest

from partita.schemas.confluent.client import Reference, RegisteredSchema, SubjectVersion
from partita.schemas.confluent.references import REFERENCES_MAX, whole_text
from partita.schemas.protobuf.bundle import opened


class Client:
    """A registry with these subjects, each of one version."""

    def __init__(self, subjects: dict[str, RegisteredSchema]) -> None:
        self.subjects = subjects
        self.asked = 0

    async def version(self, subject: str, version: int) -> SubjectVersion | None:
        self.asked += 1
        schema = self.subjects.get(subject)
        return None if schema is None else SubjectVersion(subject, version, 1, schema)


def record(name: str, *fields: Any, **more: Any) -> dict[str, Any]:
    named = [{"name": f"f{number}", "type": kind} for number, kind in enumerate(fields)]
    return {"type": "record", "name": name, "fields": named} | more


def avro(schema: Any, *references: str) -> RegisteredSchema:
    return RegisteredSchema(json.dumps(schema), references=tuple(Reference(name, name, 1) for name in references))


async def whole(schema: RegisteredSchema, **subjects: RegisteredSchema) -> Any:
    client: Any = Client({name.replace("_", "."): held for name, held in subjects.items()})
    return json.loads(await whole_text(client, schema))


async def test_a_type_is_defined_at_its_first_use_and_named_after() -> None:
    money = record("Money", "long", namespace="bank")
    found = await whole(
        avro(record("Sale", "bank.Money", ["null", "bank.Money"]), "bank.Money"), bank_Money=avro(money)
    )
    assert found["fields"][0]["type"]["name"] == "Money" and found["fields"][1]["type"] == ["null", "bank.Money"]
    fastavro.parse_schema(found)


@pytest.mark.parametrize("outer", [{}, {"namespace": "shop"}])
async def test_names_keep_their_namespaces(outer: dict[str, str]) -> None:
    """A type without a namespace does not take that of the record around it; one may be named within its own namespace."""
    plain = record("Plain", "int")
    tree = record("Tree", ["null", "Tree"], "Leaf", namespace="wood")
    leaf = record("Leaf", "string", namespace="wood")
    schema = avro(
        record("Sale", {"type": "array", "items": "Plain"}, {"type": "map", "values": "wood.Tree"}, **outer),
        "Plain",
        "wood.Tree",
    )
    found = await whole(schema, Plain=avro(plain), wood_Tree=avro(tree, "wood.Leaf"), wood_Leaf=avro(leaf))
    parsed: Any = fastavro.parse_schema(found)
    assert {"wood.Tree", "wood.Leaf", "Plain"} <= parsed["__named_schemas"].keys()


async def test_subjects_that_refer_to_each_other_end() -> None:
    one, other = record("a.One", "a.Two"), record("a.Two", ["null", "a.One"])
    found = await whole(avro(one, "a.Two"), a_Two=avro(other, "a.One"), a_One=avro(one, "a.Two"))
    fastavro.parse_schema(found)


async def test_a_missing_subject_leaves_its_name() -> None:
    found = await whole(avro(record("Sale", "bank.Money"), "bank.Money"))
    with pytest.raises(fastavro.schema.UnknownType, match=r"bank\.Money"):
        fastavro.parse_schema(found)


async def test_the_number_of_subjects_is_bounded() -> None:
    """A registry may hold a chain without an end."""
    client: Any = Client({f"s{n}": avro("int", f"s{n + 1}") for n in range(REFERENCES_MAX * 2)})
    await whole_text(client, avro(record("Sale", "int"), "s0"))
    assert client.asked <= REFERENCES_MAX


async def test_other_texts_stay_as_they_are() -> None:
    for schema in (avro(record("Sale", "int")), RegisteredSchema("{no json", references=(Reference("a", "a", 1),))):
        assert await whole_text(Client({}), schema) == schema.text  # type: ignore[arg-type]  # a stand-in


async def test_the_files_that_a_proto_file_imports_come_with_it() -> None:
    """Under the names by which it imports them, also those that it imports through another; the import of a subject that is gone
    stays missing."""
    inner = RegisteredSchema("inner", "PROTOBUF")
    middle = RegisteredSchema("middle", "PROTOBUF", references=(Reference("inner.proto", "i", 1),))
    client: Any = Client({"m": middle, "i": inner})
    references = (Reference("middle.proto", "m", 1), Reference("gone.proto", "g", 1))
    text = await whole_text(client, RegisteredSchema("main", "PROTOBUF", references=references))
    assert opened(text) == ("main", {"middle.proto": "middle", "inner.proto": "inner"})

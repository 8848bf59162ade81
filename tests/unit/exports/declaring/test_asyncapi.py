"""An AsyncAPI document becomes declarations: our own document gives equal schemas, and no word of any document becomes code."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from tests.unit.exports.apps import HOSTILE, every_kind, generated, hostile, starter
from tests.unit.exports.declaring.imported import check_harmless, exported, run

from partita.errors import DeclarationError, SettingsError
from partita.examples.claims.app import app as claims
from partita.examples.rides.app import app as rides
from partita.examples.shop.app import app as shop
from partita.exports.declaring.asyncapi import declarations_of
from partita.exports.declaring.document import read_document
from partita.schemas.languages import schema_of

APPS: dict[str, Any] = {
    "shop": lambda: shop,
    "rides": lambda: rides,
    "claims": lambda: claims,
    "starter": starter,
    "every-kind": every_kind,
    "hostile": lambda: hostile(""),
    "generated-avro": lambda: generated(80, "avro"),
    "generated-json": lambda: generated(80, "json"),
    "generated-protobuf": lambda: generated(80, "protobuf"),
}


@pytest.mark.parametrize("name", APPS)
def test_our_own_document_derives_equal_schemas(name: str, tmp_path: Path) -> None:
    """With descriptions, defaults, marks, aliases, bounds, numbers; and with keys, versions, replies and refusals."""
    app = APPS[name]()
    found = declarations_of(exported(app), "them")
    assert found.left_out == ()
    contracts = run(found, tmp_path).app.catalog.contracts
    for type_, contract in app.catalog.contracts.items():
        again = contracts[type_]
        assert schema_of(again.shape) == schema_of(contract.shape), type_
        assert (again.kind, again.version, again.key_field is None) == (
            contract.kind,
            contract.version,
            contract.key_field is None,
        )
        assert [each.__partita__.full_name for each in again.refusals] == [
            each.__partita__.full_name for each in contract.refusals
        ]
        assert (again.reply and again.reply.__partita__.full_name) == (
            contract.reply and contract.reply.__partita__.full_name
        )


def test_the_declarations_of_an_imported_document_export_the_same_messages(tmp_path: Path) -> None:
    """Once around: what was exported comes out again, but faults, new names of keys, and examples: Avro has no bounds for them."""
    first = exported(shop)
    second = exported(run(declarations_of(first, "them"), tmp_path).app)
    assert _plain(second["components"]) == _plain(first["components"])


def _plain(components: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = copy.deepcopy(components)
    found["messages"] = {n: held for n, held in found["messages"].items() if held["x-partita"]["kind"] != "fault"}
    for held in found["messages"].values():
        held["x-partita"].pop("example", None)
        held.pop("bindings", None)
    return found


def test_a_handler_fails_until_it_is_written() -> None:
    text = declarations_of(exported(shop), "them").text
    assert "@order.handles(PlaceOrder)\nasync def place_order(cmd: PlaceOrder) -> OrderPlaced:\n" in text
    assert 'raise NotImplementedError("place_order is to be written.")' in text


def test_an_old_version_gets_an_upcaster_to_be_written(tmp_path: Path) -> None:
    """Without one an app refuses two versions of one message; a document of another system says only that there are two."""
    text = declarations_of(exported(every_kind()), "them").text
    assert (
        "@desk.upcast\ndef newer_room_freed_v1(old: RoomFreedV1) -> RoomFreed:\n    raise NotImplementedError" in text
    )
    messages = {n: {"name": f"a.v{n}.Paid", "payload": {"type": "object", "properties": {}}} for n in (1, 2, 3)}
    document = {"asyncapi": "3.1.0", "components": {"messages": messages}}
    found = run(declarations_of(document, "a"), tmp_path).app.catalog.contracts
    assert [found[f"a.v{n}.Paid"].newest.version for n in (1, 2, 3)] == [3, 3, 3]


LIGHTS: dict[str, Any] = {
    "asyncapi": "3.0.0",
    "info": {"title": "Street lights API", "version": "1.0.0"},
    "channels": {
        "lightMeasured": {
            "address": "lights/{id}/measured",
            "messages": {"measured": {"$ref": "#/components/messages/light~1measured"}},
        },
        "turn": {
            "address": "lights/{id}/turn",
            "messages": {
                "turnOn": {
                    "payload": {
                        "type": "object",
                        "required": ["light-id", "class"],
                        "properties": {
                            "light-id": {"type": "string", "minLength": 1},
                            "class": {"enum": ["home", "street"]},
                            "dim": {"type": ["integer", "null"], "minimum": 0, "maximum": 100, "default": 10},
                            "anything": {},
                            "at": {"type": "string", "format": "date-time"},
                        },
                    }
                },
                "turnedOn": {"name": "lights.v2.TurnedOn", "payload": {"$ref": "#/components/schemas/turned"}},
                "refused": {"payload": {"type": "object", "properties": {"why": {"type": "string"}}}},
            },
        },
    },
    "operations": {
        "turn": {
            "action": "receive",
            "channel": {"$ref": "#/channels/turn"},
            "messages": [{"$ref": "#/channels/turn/messages/turnOn"}],
            "reply": {
                "messages": [
                    {"$ref": "#/channels/turn/messages/turnedOn"},
                    {"$ref": "#/channels/turn/messages/refused"},
                ]
            },
        }
    },
    "components": {
        "messages": {
            "light/measured": {
                "summary": "How bright it is.",
                "payload": {
                    "schemaFormat": "application/vnd.apache.avro;version=1.9.0",
                    "schema": {
                        "type": "record",
                        "name": "Measured",
                        "fields": [
                            {"name": "lumens", "type": "int", "doc": "in all"},
                            {"name": "str", "type": {"type": "enum", "name": "Kind", "symbols": ["LED", "name"]}},
                            {"name": "history", "type": {"type": "array", "items": "Measured"}, "default": []},
                            {"name": "odd", "type": "int", "default": "no number"},
                        ],
                    },
                },
            }
        },
        "schemas": {
            "turned": {
                "type": "object",
                "properties": {
                    "position": {"$ref": "#/components/schemas/geo-position"},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/turned"}},
                },
            },
            "geo-position": {"type": "object", "properties": {"lat": {"type": "number"}}, "required": ["lat"]},
        },
    },
}


def test_a_document_of_another_system_is_a_start(tmp_path: Path) -> None:
    """Names of any form, a command known by its reply, an Avro schema with records in itself, parts that no message can have."""
    found = declarations_of(copy.deepcopy(LIGHTS), "lights.yaml")
    contracts = run(found, tmp_path).app.catalog.contracts
    assert sorted((each.name, each.wire_name, each.kind, each.shape.language) for each in contracts.values()) == [
        ("LightMeasured", "LightMeasured", "event", "avro"),
        ("Refused", "refused", "refusal", "json"),
        ("TurnOn", "turnOn", "command", "json"),
        ("TurnedOn", "TurnedOn", "event", "json"),
    ]
    assert found.left_out == (
        "odd is left out: its default is none of its type (ValueError)",
        "anything is left out: its schema takes values of any type",
    )
    command = next(each for each in contracts.values() if each.kind == "command")
    schema = json.loads(schema_of(command.shape))
    assert schema["properties"]["light-id"] == {"type": "string", "minLength": 1}
    assert schema["properties"]["class"] == {"type": "string", "enum": ["home", "street"]}
    assert schema["properties"]["dim"]["default"] == 10 and schema["properties"]["at"]["default"] is None
    measured = next(each for each in contracts.values() if each.shape.language == "avro")
    fields = {each["name"]: each for each in json.loads(schema_of(measured.shape))["fields"]}
    assert fields["lumens"]["doc"] == "in all" and fields["str"]["type"]["symbols"] == ["LED", "name"]


class Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def test_yaml_is_read_as_json_is() -> None:
    text = yaml.dump(LIGHTS, Dumper=Plain, sort_keys=False).encode()
    assert declarations_of(read_document(text, "l"), "l") == declarations_of(copy.deepcopy(LIGHTS), "l")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"asyncapi": "2.6.0"}', "is AsyncAPI 2.6.0; 3.0 and 3.1 are read"),
        ('{"asyncapi": "4.0.0"}', "is AsyncAPI 4.0.0"),
        ('{"openapi": "3.1.0"}', "is no document of AsyncAPI"),
        ('{"asyncapi": "3.1.0"}', "has no message"),
        ("[1]", "is no document of AsyncAPI"),
        ("a: [", "cannot be read"),
        ("a: &a [1]\nb: *a", "it has aliases"),
        ("a: !!python/object/apply:os.system [ls]", "cannot be read"),
        ('{"a": "\\ud83d', "cannot be read"),
        ('{"a":' + "[" * 200 + "]" * 200 + "}", "is too deep"),
        ('{"a":' * 100_000, "is too deep"),
        ('{"a": [' + "1," * 600_000 + "1]}", "has more than 500,000 parts"),
        (b"\xff\xfe", "cannot be read"),
        (b'{"a": "' + b"x" * 10_000_001 + b'"}', "has more than 10,000,000 bytes"),
    ],
)  # fmt: skip
def test_a_document_that_is_none_is_refused(text: str | bytes, reason: str) -> None:
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(SettingsError, match=reason):
        declarations_of(read_document(data, "them"), "them")


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("https://example.org/schema.json", "outside of it, and nothing is fetched"),
        ("file:///etc/passwd", "outside of it"),
        ("./other.yaml#/a", "outside of it"),
        ("other", "outside of it"),
        ("#/components/nowhere", "leads nowhere"),
        ("#/components/messages/x/payload", "in a circle"),
    ],
)
def test_a_reference_that_leads_out_or_nowhere_is_refused(reference: str, reason: str) -> None:
    messages = {"x": {"payload": {"$ref": reference}}}
    with pytest.raises(SettingsError, match=reason):
        declarations_of({"asyncapi": "3.0.0", "components": {"messages": messages}}, "them")


WORDS = [
    HOSTILE, "", "class", "__import__('os').system('touch forged')", "a\nimport os\nb", "Event", "str", "app", "None", "x" * 300,
    '"""', "'", "\\", "é", "\ud800", "1", "_", "__init__", "raise SystemExit", "${x}", "a b", "lambda", "\x00", "match", 5, None, [], {},
]  # fmt: skip


def words_in(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each place of a document that holds something: its mapping or list, and the key."""
    for key in value if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from words_in(value[key])


def test_no_word_of_a_document_becomes_code(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words in any place of documents, as keys too: a module comes out whose statements are imports, declarations and stubs alone, or
    the document is refused."""
    monkeypatch.chdir(tmp_path)
    documents = [exported(every_kind()), copy.deepcopy(LIGHTS)]
    done = refused = ran = 0
    for seed in range(250):
        dice = Random(seed)
        document = copy.deepcopy(dice.choice(documents))
        for _ in range(dice.randint(1, 4)):
            holder, key = dice.choice(list(words_in(document)))
            if isinstance(holder, dict) and dice.random() < 0.4:
                holder[str(dice.choice(WORDS))] = holder.pop(key)
            else:
                holder[key] = dice.choice(WORDS)
        try:
            found = declarations_of(document, "them")
        except SettingsError:
            refused += 1
            continue
        done += 1
        check_harmless(found.text)
        try:
            run(found, tmp_path / f"{seed}")
            ran += 1
        except (DeclarationError, TypeError, NameError, ValueError):
            pass  # a start to write on: the declaration says what is wrong with it
        assert not (tmp_path / "forged").exists()
    assert done > 120 and refused > 5 and ran > 0.8 * done, (done, refused, ran)

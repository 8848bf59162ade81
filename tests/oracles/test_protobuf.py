"""Google's compiler and its generated classes read what we write, and write what we read."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any, NamedTuple

import msgspec
import pytest
from tests.unit.exports.declaring.imported import run

from partita import Event, Key, Service
from partita.catalog.contract import contract_of
from partita.codec.protobuf import ProtobufCodec
from partita.examples.shop.app import app
from partita.exports.asyncapi.payload import PROTOBUF
from partita.exports.declaring.asyncapi import declarations_of
from partita.schemas.fields.shape import Shape
from partita.schemas.languages import schema_of
from partita.schemas.protobuf.comment import DEFAULT
from partita.schemas.protobuf.descriptor import descriptor_of
from partita.schemas.protobuf.numbering import give_numbers
from partita.schemas.protobuf.parsing import parse_with_imports
from partita.testing.generators.declarations import message_class
from partita.testing.generators.values import same, struct_of

pytestmark = pytest.mark.oracles
descriptor_pb2 = pytest.importorskip("google.protobuf.descriptor_pb2", reason="make oracles installs protobuf")
json_format = pytest.importorskip("google.protobuf.json_format")
text_format = pytest.importorskip("google.protobuf.text_format")

CLASSES, VALUES = 300, 4


class Made(NamedTuple):
    """A random message class, its shape with numbers, and its class as protoc generates it."""

    seed: int
    cls: Any
    shape: Shape
    theirs: Any


def tool(name: str) -> str:
    """A program that is installed beside this Python."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip(f"no {name} here; to have it: make .venv/oracles.ok")
    return found


def compiled(folder: Path, texts: Iterable[tuple[str, str]]) -> Path:
    """Texts by the names of their files, compiled together; returns the folder of the generated modules."""
    for name, text in texts:
        (folder / f"{name}.proto").write_text(text, encoding="utf-8")
    out = folder / "generated"
    out.mkdir()
    names = sorted(path.name for path in folder.glob("*.proto"))
    done = subprocess.run(
        [
            tool("protoc"),
            f"--proto_path={folder}",
            f"--python_out={out}",
            f"--descriptor_set_out={folder}/all.pb",
            *names,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[:3_000]
    assert "warning" not in done.stderr, done.stderr[:3_000]
    return out


def module(out: Path, name: str) -> ModuleType:
    """A generated module."""
    spec = importlib.util.spec_from_file_location(f"{name}_pb2", out / f"{name}_pb2.py")
    assert spec is not None and spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Made]:
    """Random classes, each in a package of its own, compiled at once."""
    folder = tmp_path_factory.mktemp("protoc")
    classes = []
    for seed in range(CLASSES):
        service = Service("gen", namespace=f"oracle{seed}.gen", codec="protobuf")
        cls = message_class(service, Random(seed), "Made", with_default=seed % 3 / 2)
        classes.append((seed, cls, replace(contract_of(cls).shape, home=folder)))
    give_numbers(folder, [shape for *_, shape in classes])
    out = compiled(folder, ((f"made{seed}", schema_of(shape)) for seed, _, shape in classes))
    return [Made(seed, cls, shape, module(out, f"made{seed}").Made) for seed, cls, shape in classes]


def values_of(made: Made) -> Iterator[Any]:
    dice = Random(made.seed)
    return (struct_of(made.cls, dice) for _ in range(VALUES))


def test_protoc_compiles_each_message_of_the_shop_with_its_neighbours(tmp_path: Path) -> None:
    """All files of a package at once: two messages may each have a record of one name."""
    texts = {
        name: schema_of(each.shape, "protobuf") for name, each in app.catalog.contracts.items() if each.kind != "fault"
    }
    assert len(texts) > 20
    out = compiled(tmp_path, ((name.replace(".", "_"), text) for name, text in texts.items()))
    placed = module(out, "shop_order_v1_OrderPlaced").OrderPlaced
    assert placed.DESCRIPTOR.full_name == "shop.order.v1.OrderPlaced"


def test_buf_finds_nothing_against_the_style_guide(tmp_path: Path) -> None:
    """Names, prefixes, the zero value, the version in the package; files lie by message here, and not by package."""
    texts = {
        name: schema_of(each.shape, "protobuf") for name, each in app.catalog.contracts.items() if each.kind != "fault"
    }
    for name, text in texts.items():
        (tmp_path / f"{name.replace('.', '_').lower()}.proto").write_text(text, encoding="utf-8")
    rules = {
        "version": "v2",
        "lint": {
            "use": ["STANDARD"],
            "except": ["PACKAGE_DIRECTORY_MATCH", "PACKAGE_SAME_DIRECTORY", "DIRECTORY_SAME_PACKAGE"],
        },
    }
    (tmp_path / "buf.yaml").write_text(json.dumps(rules), encoding="utf-8")
    done = subprocess.run([tool("buf"), "lint"], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout[:3_000] + done.stderr


def test_our_descriptors_are_those_of_the_compiler(made: list[Made]) -> None:
    """Our codec decodes by the very descriptors that generated classes have."""
    found = descriptor_pb2.FileDescriptorSet.FromString((made[0].shape.home or Path()).joinpath("all.pb").read_bytes())
    by_name = {file.name: file for file in found.file}
    for each in made:
        file, imports = parse_with_imports(schema_of(each.shape))
        ours = descriptor_pb2.FileDescriptorProto.FromString(descriptor_of(f"made{each.seed}.proto", file, imports))
        theirs = by_name[f"made{each.seed}.proto"]
        assert str(_in_one_order(ours)) == str(_in_one_order(theirs)), f"seed {each.seed}"


def _in_one_order(file: Any) -> Any:
    """A descriptor with the messages of maps behind the others, and their names without the scope."""

    def order(message: Any) -> None:
        for field in message.field:
            if field.type_name.endswith("Entry"):
                field.type_name = field.type_name.rpartition(".")[2]
        message.nested_type.sort(key=lambda inner: (inner.options.map_entry, inner.name))
        for inner in message.nested_type:
            order(inner)

    for message in file.message_type:
        order(message)
    return file


def test_generated_classes_read_what_we_write_and_write_what_we_read(made: list[Made]) -> None:
    """By the bytes, and by the names of the fields: through their text form and their JSON."""
    values = 0
    for each in made:
        codec = ProtobufCodec()
        for value in values_of(each):
            fingerprint, data = codec.encode(each.shape, value)
            theirs = each.theirs.FromString(data)
            assert not _unknown(theirs), f"seed {each.seed}: {value!r}"
            by_name = text_format.Parse(text_format.MessageToString(theirs), each.theirs())
            by_json = json_format.Parse(json_format.MessageToJson(theirs), each.theirs())
            for written in (theirs, by_name, by_json):
                read = codec.decode(each.shape, fingerprint, written.SerializeToString())
                assert same(read, value), f"seed {each.seed}: {value!r} came back as {read!r}"
            names = set(json_format.MessageToDict(theirs))
            assert names <= {field.encode_name for field in msgspec.structs.fields(each.cls)}
            values += 1
    assert values == CLASSES * VALUES


def _unknown(message: Any) -> bool:
    known = type(message)()
    known.CopyFrom(message)
    known.DiscardUnknownFields()
    return bool(known.ByteSize() != message.ByteSize())


def test_a_class_that_is_imported_from_our_text_has_that_text_again(made: list[Made], tmp_path: Path) -> None:
    """With the numbers of its owner; and its codec reads what the owner writes."""
    for each in made:
        text = schema_of(each.shape)
        payload = {"schemaFormat": PROTOBUF, "schema": text}
        document = {
            "asyncapi": "3.1.0",
            "components": {"messages": {"made": {"name": each.shape.full_name, "payload": payload}}},
        }
        found = declarations_of(document, "them")
        assert found.left_out == (), f"seed {each.seed}"
        again = run(found, tmp_path / str(each.seed)).app.catalog.contracts[each.shape.full_name].shape
        assert schema_of(again) == text, f"seed {each.seed}"
        owner, codec = ProtobufCodec(), ProtobufCodec()
        for value in values_of(each):
            fingerprint, data = owner.encode(each.shape, value)
            assert codec.learn(again) == fingerprint
            assert codec.encode(again, codec.decode(again, fingerprint, data)) == (fingerprint, data), (
                f"seed {each.seed}"
            )


def test_fields_that_a_generated_class_does_not_set_have_the_readers_defaults(made: list[Made]) -> None:
    """The comment in the file says which; a required field that is not set is refused."""
    defaults = read = 0
    for each in made:
        codec = ProtobufCodec()
        fingerprint, data = codec.encode(each.shape, next(values_of(each)))
        theirs = each.theirs.FromString(data)
        required = {f.encode_name for f in msgspec.structs.fields(each.cls) if f.required}
        plain = msgspec.to_builtins(codec.decode(each.shape, fingerprint, data))
        for field in theirs.DESCRIPTOR.fields:
            if field.json_name not in required:
                theirs.ClearField(field.name)
        value = codec.decode(each.shape, fingerprint, theirs.SerializeToString())
        expected = msgspec.convert({name: plain[name] for name in required}, each.cls)
        assert same(value, expected), f"seed {each.seed}"
        defaults += schema_of(each.shape).count(f"// {DEFAULT}")
        read += 1
    assert read == CLASSES and defaults > CLASSES


def test_a_generated_class_of_an_older_revision_passes_over_newer_fields(tmp_path: Path) -> None:
    """And keeps them: what it writes again has all of them."""

    class Older(Event, of=Service("old", namespace="oracle.old", codec="protobuf")):
        id: Key[str]
        count: int = 0

    class Newer(Event, of=Service("new", namespace="oracle.old", codec="protobuf"), name="Older"):
        id: Key[str]
        count: int = 0
        tags: list[str] = msgspec.field(default_factory=lambda: ["a"])
        note: str | None = "x"

    older, newer = (replace(contract_of(cls).shape, home=tmp_path) for cls in (Older, Newer))
    give_numbers(tmp_path, [older])
    theirs = module(compiled(tmp_path, [("older", schema_of(older))]), "older").Older
    give_numbers(tmp_path, [newer])
    codec, value = ProtobufCodec(), Newer(id="k", count=3, tags=[], note=None)
    fingerprint, data = codec.encode(newer, value)
    message = theirs.FromString(data)
    assert (message.id, message.count) == ("k", 3)
    message.count = 0
    assert codec.decode(newer, fingerprint, message.SerializeToString()) == Newer(id="k", count=0, tags=[], note=None)

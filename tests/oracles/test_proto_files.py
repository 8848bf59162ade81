"""Files of other projects: each is read, and its canonical text is the same file to protoc."""

from __future__ import annotations

import base64
import difflib
import importlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet
from tests.oracles.test_protobuf_evolution import pairs, tool

from partita.registry_server.protobuf_text import ProtobufText
from partita.schemas.protobuf.from_descriptor import file_of
from partita.schemas.protobuf.names import declared_types
from partita.schemas.protobuf.parsing import parse_with_imports
from partita.schemas.protobuf.proto_file import ProtoMessage
from partita.schemas.protobuf.well_known import WELL_KNOWN

pytestmark = [pytest.mark.oracles, pytest.mark.timeout(300)]
GENERATED = 100
KINDS = ("api", "rpc", "type", "logging", "longrunning", "cloud", "gapic")


def foreign() -> dict[str, str]:
    """The .proto files that Google's packages bring, by the names of their imports."""
    google = importlib.import_module("google.rpc").__path__
    root = Path(next(iter(google))).parent.parent
    return {
        str(file.relative_to(root)): file.read_text()
        for kind in KINDS
        for file in root.glob(f"google/{kind}/**/*.proto")
    }


def texts() -> dict[str, str]:
    """Foreign files, and files by dice."""
    found = foreign()
    assert len(found) > 40
    return found | {f"{pair.name}.proto": pair.texts[1] for pair in pairs()[:GENERATED]}


def compiled(folder: Path, files: dict[str, str]) -> dict[str, FileDescriptorProto]:
    """The descriptors that protoc makes of files."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    target = folder / "all.bin"
    subprocess.run(
        [tool("protoc"), f"--proto_path={folder}", f"--descriptor_set_out={target}", *files],
        check=True, timeout=200, capture_output=True,
    )  # fmt: skip
    held = FileDescriptorSet.FromString(target.read_bytes())
    return {each.name: sorted_file(each) for each in held.file}


def sorted_file(file: FileDescriptorProto) -> FileDescriptorProto:
    """A descriptor without the orders that mean nothing. The oneof of a field is kept by its name, in place of an index."""
    names = list(file.dependency)
    public = sorted(names[n] for n in file.public_dependency)
    file.dependency[:] = sorted(names)
    file.public_dependency[:] = [sorted(names).index(name) for name in public]
    by_name(file.enum_type)
    by_number(file.extension)
    for enum in file.enum_type:
        sort_enum(enum)
    for message in file.message_type:
        sort_message(message)
    for service in file.service:
        for each in (service, *service.method):
            if not each.options.ByteSize():  # brackets without an option in them
                each.ClearField("options")
    return file


def sort_message(message: DescriptorProto) -> None:
    oneofs = [each.name for each in message.oneof_decl]
    for field in message.field:
        if field.HasField("oneof_index"):
            field.oneof_index = sorted(oneofs).index(oneofs[field.oneof_index])
    by_number(message.field)
    by_number(message.extension)
    by_name(message.oneof_decl)
    by_name(message.enum_type)
    for entries in (message.reserved_range, message.extension_range):
        again(entries, sorted(entries, key=lambda each: each.start))
    message.reserved_name[:] = sorted(message.reserved_name)
    plain = [each for each in message.nested_type if not each.options.map_entry]
    maps = sorted((each for each in message.nested_type if each.options.map_entry), key=lambda each: each.name)
    again(message.nested_type, [*plain, *maps])
    for enum in message.enum_type:
        sort_enum(enum)
    for inner in message.nested_type:
        sort_message(inner)


def sort_enum(enum: EnumDescriptorProto) -> None:
    first, *others = enum.value
    again(enum.value, [first, *sorted(others, key=lambda each: (each.number, each.name))])
    again(enum.reserved_range, sorted(enum.reserved_range, key=lambda each: each.start))
    enum.reserved_name[:] = sorted(enum.reserved_name)


def by_name(entries: Any) -> None:
    again(entries, sorted(entries, key=lambda each: each.name))


def by_number(entries: Any) -> None:
    again(entries, sorted(entries, key=lambda each: (each.extendee, each.number)))


def again(entries: Any, ordered: list[Any]) -> None:
    copies = [type(each).FromString(each.SerializeToString()) for each in ordered]
    del entries[:]
    entries.extend(copies)


def test_a_canonical_text_is_the_same_file_to_protoc(tmp_path: Path) -> None:
    """Normalising yields an equal descriptor, options of others included, and twice is once."""
    files = texts()
    canonical = {name: ProtobufText().parse(text, files, normalize=False).canonical for name, text in files.items()}
    assert {
        name: ProtobufText().parse(text, canonical, normalize=False).canonical for name, text in canonical.items()
    } == canonical
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    first, second = compiled(tmp_path / "first", files), compiled(tmp_path / "second", canonical)
    assert first.keys() == second.keys()
    different = [name for name in first if first[name] != second[name]]
    assert different == [], changes(first[different[0]], second[different[0]])


def changes(first: Any, second: Any) -> str:
    """The lines in which two descriptors differ."""
    return "\n".join(difflib.unified_diff(str(first).splitlines(), str(second).splitlines(), lineterm=""))


def without_custom_options(message: Any) -> Any:
    """A descriptor without the options that have another owner."""
    found = type(message).FromString(message.SerializeToString())
    _clear(found)
    return found


def _clear(message: Any) -> None:
    for field, value in list(message.ListFields()):
        if field.name == "options":
            kept = {each.name for each, _ in value.ListFields() if not each.is_extension}
            for each, _ in list(value.ListFields()):
                if each.is_extension or each.name not in kept:
                    value.ClearExtension(each)
            value.DiscardUnknownFields()
            if not value.ListFields():
                message.ClearField("options")
        elif field.type == field.TYPE_MESSAGE:
            for each in value if field.is_repeated else [value]:
                _clear(each)


def test_a_descriptor_of_ours_is_that_of_protoc(tmp_path: Path) -> None:
    """Byte for byte after sorting, but for custom options."""
    files = texts()
    expected = {name: without_custom_options(each) for name, each in compiled(tmp_path, files).items()}
    for name, text in files.items():
        data = base64.b64decode(ProtobufText().formatted(text, files, "serialized"))
        found = sorted_file(FileDescriptorProto.FromString(data))
        found.name = name
        assert found == expected[name], changes(expected[name], found)


def built_in() -> Iterator[tuple[str, bytes]]:
    """Descriptors of the files that are built in here, as their owners have them."""
    names = [name for name in WELL_KNOWN if not name.startswith("confluent/")]
    for name in names:
        yield (
            name,
            importlib.import_module(name.removesuffix(".proto").replace("/", ".") + "_pb2").DESCRIPTOR.serialized_pb,
        )
    for name in WELL_KNOWN:
        if name.startswith("confluent/"):
            path = name.removesuffix(".proto").replace("/", ".")
            module = importlib.import_module(f"confluent_kafka.schema_registry.{path}_pb2")
            yield name, module.DESCRIPTOR.serialized_pb


def test_each_built_in_file_is_that_of_its_owner() -> None:
    """Fields by number and type; files of options and of types of types have their names alone."""
    for name, data in built_in():
        theirs = declared_types(file_of(data))
        ours = declared_types(parse_with_imports(WELL_KNOWN[name])[0])
        for full, found in ours.items():
            assert full in theirs, (name, full)
            other = theirs[full]
            if isinstance(found, ProtoMessage):
                assert isinstance(other, ProtoMessage)
                shapes = [
                    {(f.number, f.name, f.type, f.label, f.oneof, f.map_key) for f in each.fields}
                    for each in (found, other)
                ]
                assert not found.fields or shapes[0] == shapes[1], full
            else:
                assert found.values[:3] == other.values[:3], full  # type: ignore[union-attr]  # an enum, too
        assert (
            ours.keys() >= {full for full in theirs if full.count(".") == 2 and "descriptor" not in name}
            or "type.proto" in name
        )

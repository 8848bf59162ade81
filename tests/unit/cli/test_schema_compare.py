"""`partita schema compare`: a verdict for people, for programs, and by the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from partita.cli.main import cli
from partita.errors import SettingsError

OLD = '{"type": "record", "name": "OrderPlaced", "fields": [{"name": "sku", "type": "string"}]}'
NEW = '{"type": "record", "name": "OrderPlaced", "fields": [{"name": "sku", "type": "string"}, {"name": "note", "type": "string"}]}'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an old and a new schema, and no app."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.avsc").write_text(OLD)
    (tmp_path / "new.avsc").write_text(NEW)
    return tmp_path


def compare(*args: str, old: str = "old.avsc", new: str = "new.avsc", level: str = "BACKWARD") -> Result:
    return CliRunner().invoke(cli, ["schema", "compare", old, new, "--language", "avro", "--level", level, *args])


def test_a_clash_says_in_few_lines_what_where_and_what_to_do(folder: Path) -> None:
    """Ten lines that a person understands; exit 3 stops a pipeline."""
    done = compare()

    assert done.exit_code == 3
    assert done.output.splitlines() == [
        "new.avsc may not follow old.avsc at the level BACKWARD.",
        "OrderPlaced.note: field-without-default",
        "  no field note -> string, without a default",
        "  hurts readers of the new schema, by values of old.avsc",
        '  Give the field a default: {"name": "note", "type": "string", "default": ""}',
        "Afterwards: Upgrade consumers first: they read old and new values.",
    ]


def test_a_schema_that_may_follow_says_the_order_of_the_upgrade(folder: Path) -> None:
    """The order of the upgrade is half of the verdict."""
    done = compare(level="forward_transitive")

    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        "new.avsc may follow old.avsc at the level FORWARD_TRANSITIVE.",
        "Upgrade producers first: consumers of before read their values.",
    ]


def test_a_program_reads_the_verdict_as_json(folder: Path) -> None:
    """The names are fixed: other programs depend on them."""
    assert json.loads(compare("-o", "json", level="FORWARD").output) == {
        "v": 1,
        "kind": "SchemaVerdicts",
        "compatible": True,
        "findings": [],
    }
    done = compare("-o", "json", level="FULL")
    assert done.exit_code == 3
    assert json.loads(done.output) == {
        "v": 1,
        "kind": "SchemaVerdicts",
        "compatible": False,
        "findings": [
            {
                "rule": "field-without-default",
                "path": "OrderPlaced.note",
                "old": "no field note",
                "new": "string, without a default",
                "hurts": ["readers of the new schema, by values of old.avsc"],
                "instead": 'Give the field a default: {"name": "note", "type": "string", "default": ""}',
            }
        ],
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no JSON"),
        (b"no schema", "no JSON"),
        (b"\xff\xfe", "UTF-8"),
        (b'{"type": "recrod"}', "recrod"),
        (b" " * 1_000_001, "1,000,000"),
    ],
)
def test_a_file_that_holds_no_schema_is_named(folder: Path, content: bytes, said: str) -> None:
    """The error names the file of the two that is at fault."""
    (folder / "bad.avsc").write_bytes(content)
    for pair in ({"old": "bad.avsc"}, {"new": "bad.avsc"}):
        done = compare(**pair)
        assert isinstance(done.exception, SettingsError)
        assert done.exception.what.startswith("bad.avsc") and said in done.exception.what


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["old.avsc", "gone.avsc", "--language", "avro", "--level", "FULL"], "gone.avsc"),
        (["old.avsc", ".", "--language", "avro", "--level", "FULL"], "is a directory"),
        (["old.avsc", "new.avsc", "--language", "avro", "--level", "SIDEWAYS"], "SIDEWAYS"),
        (["old.avsc", "new.avsc", "--language", "thrift", "--level", "FULL"], "thrift"),
        (["old.avsc", "new.avsc", "--language", "avro"], "--level"),
    ],
)
def test_a_wrong_argument_is_refused(folder: Path, args: list[str], said: str) -> None:
    """Exit 2, as any other wrong argument."""
    done = CliRunner().invoke(cli, ["schema", "compare", *args])
    assert done.exit_code == 2 and said in done.output


def test_json_schemas_are_compared_by_their_own_rules(folder: Path) -> None:
    """The same files are no schemas of the other language."""
    (folder / "old.json").write_text('{"title": "Order", "type": "object"}')
    (folder / "new.json").write_text('{"title": "Order", "type": "object", "properties": {"note": {"type": "string"}}}')
    args = ["schema", "compare", "old.json", "new.json", "--language", "json-schema", "--level", "BACKWARD"]

    done = CliRunner().invoke(cli, args)

    assert done.exit_code == 3
    assert done.output.splitlines()[1] == "Order.note: property-added-to-open-model"
    assert isinstance(compare(new="new.json").exception, SettingsError)


def test_a_clash_in_both_directions_is_one_finding(folder: Path) -> None:
    """It is one change; the readers of both schemas are hurt by it."""
    micros, millis = (f'{{"type": "long", "logicalType": "timestamp-{unit}"}}' for unit in ("micros", "millis"))
    (folder / "old.avsc").write_text(millis)
    (folder / "new.avsc").write_text(micros)
    (finding,) = json.loads(compare("-o", "json", level="FULL").output)["findings"]
    assert finding["hurts"] == [
        "readers of the new schema, by values of old.avsc",
        "readers of old.avsc, by values of the new schema",
    ]


def test_a_byte_order_mark_is_no_part_of_the_schema(folder: Path) -> None:
    """Editors of Windows write it; the command said that the file is of another language."""
    (folder / "old.avsc").write_bytes(b"\xef\xbb\xbf" + OLD.encode())
    assert compare(level="FORWARD").exit_code == 0


def test_a_proto_file_is_compared_by_the_wire_format(folder: Path) -> None:
    """Its findings say what to write, too: reserve the number, and take a new one."""
    head = 'syntax = "proto3"; package shop; message OrderPlaced { string sku = 1; '
    (folder / "old.proto").write_text(head + "int64 cents = 2; }")
    (folder / "new.proto").write_text(head + "string cents = 2; }")
    args = ["schema", "compare", "old.proto", "new.proto", "--language", "protobuf", "--level", "FULL"]
    done = CliRunner().invoke(cli, args)

    assert done.exit_code == 3
    assert done.output.splitlines()[1:3] == ["OrderPlaced.cents: type-changed", "  int64 cents = 2 -> string cents = 2"]
    assert "reserved 2;" in done.output
    (folder / "new.proto").write_text(head + "reserved 2; reserved 'cents'; string price = 3; }")
    assert CliRunner().invoke(cli, args).exit_code == 0


def test_a_proto_file_that_is_none_has_its_line(folder: Path) -> None:
    (folder / "old.proto").write_text("syntax = 'proto3';\nmessage A { int32 a = ; }")
    args = ["schema", "compare", "old.proto", "old.proto", "--language", "protobuf", "--level", "FULL"]
    done = CliRunner().invoke(cli, args)
    assert isinstance(done.exception, SettingsError)
    assert "line 2, column 23" in done.exception.what


ORDER = 'syntax = "proto3"; package acme; import "acme/line.proto"; message Order { Line line = 1; }'
LINE = 'syntax = "proto3"; package acme; import "google/protobuf/timestamp.proto"; message Line { FIELD; google.protobuf.Timestamp at = 9; }'


def trees(folder: Path) -> list[str]:
    """Two versions of a project, each with an order whose line is in a file of its own; the arguments that compare them."""
    for name, field in (("before", "int64 count = 1"), ("after", "string count = 1")):
        (folder / name / "acme/orders").mkdir(parents=True)
        (folder / name / "acme/line.proto").write_text(LINE.replace("FIELD", field))
        (folder / name / "acme/orders/order.proto").write_text(ORDER)
    files = ["before/acme/orders/order.proto", "after/acme/orders/order.proto"]
    return ["schema", "compare", *files, "--language", "protobuf", "--level", "BACKWARD"]


def test_files_of_a_project_that_import_each_other_are_compared_with_what_they_import(folder: Path) -> None:
    """Each finds the files of its own tree; a change of an imported file is a finding although the file itself is the same."""
    args = trees(folder)
    done = CliRunner().invoke(cli, args)
    assert done.exit_code == 3 and done.output.splitlines()[1] == "Order.line.count: type-changed"
    (folder / "after/acme/line.proto").write_text(LINE.replace("FIELD", "int64 count = 1; string note = 2"))
    assert CliRunner().invoke(cli, args).exit_code == 0


def test_an_import_is_looked_for_in_given_folders_first(folder: Path) -> None:
    """As with --proto_path of protoc: an old file that was taken out of a commit lies anywhere."""
    args = trees(folder)
    (folder / "loose.proto").write_text(ORDER)
    args[2] = "loose.proto"
    done = CliRunner().invoke(cli, args)
    assert isinstance(done.exception, SettingsError)
    assert "the import 'acme/line.proto' is not given, and nothing is fetched" in done.exception.what
    assert CliRunner().invoke(cli, [*args, "--imports", "after"]).exit_code == 0
    (folder / "third/acme").mkdir(parents=True)
    (folder / "third/acme/line.proto").write_text(LINE.replace("FIELD", "bool count = 1"))
    done = CliRunner().invoke(cli, [*args, "--imports", "third", "--imports", "after"])
    assert done.exit_code == 0  # both sides take the first folder


@pytest.mark.parametrize("name", ["../secret.proto", "/etc/hostname", "linked.proto", "a\\\\b.proto", "~/a.proto"])
def test_an_import_that_leads_out_of_its_folder_is_not_read(folder: Path, name: str) -> None:
    """Nor one by a link: a file of a pull request could show any file of the machine that checks it."""
    (folder / "secret.proto").write_text('syntax = "proto3"; message Secret { string word = 1; }')
    (folder / "in").mkdir()
    (folder / "in/pyproject.toml").touch()
    (folder / "in/linked.proto").symlink_to(folder / "secret.proto")
    (folder / "in/a.proto").write_text(f'syntax = "proto3"; import "{name}"; message A {{ Secret a = 1; }}')
    args = ["schema", "compare", "in/a.proto", "in/a.proto", "--language", "protobuf", "--level", "FULL"]
    done = CliRunner().invoke(cli, args)
    assert isinstance(done.exception, SettingsError) and "is not given, and nothing is fetched" in done.exception.what


def test_files_that_import_each_other_in_a_circle_are_refused(folder: Path) -> None:
    for one, other in (("a", "b"), ("b", "a")):
        (folder / f"{one}.proto").write_text(f'syntax = "proto3"; import "{other}.proto"; message {one.upper()} {{ }}')
    args = ["schema", "compare", "a.proto", "a.proto", "--language", "protobuf", "--level", "FULL"]
    done = CliRunner().invoke(cli, args)
    assert isinstance(done.exception, SettingsError) and "imports itself" in done.exception.what


def test_names_count_where_protobufs_json_form_is_read(folder: Path) -> None:
    """In the bytes a number names a field, so another name passes by default."""
    head = 'syntax = "proto3"; package shop; message OrderPlaced { '
    (folder / "old.proto").write_text(head + "int64 cents = 1; }")
    (folder / "new.proto").write_text(head + "int64 price = 1; }")
    args = ["schema", "compare", "old.proto", "new.proto", "--language", "protobuf", "--level", "BACKWARD"]
    assert CliRunner().invoke(cli, args).exit_code == 0
    done = CliRunner().invoke(cli, [*args, "--protobuf-json"])
    assert done.exit_code == 3 and done.output.splitlines()[1] == "OrderPlaced.price: json-name-changed"

"""Field numbers in a project: given by an export, kept for ever, the owner's for everybody else, and needed to start."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from partita import App, Settings
from partita.app import load_app
from partita.cli.main import cli
from partita.codec.connect import connect_codec
from partita.errors import DeclarationError, SettingsError
from partita.schemas.protobuf.parsing import parse

APP = """
import enum
from typing import Annotated, Literal
from partita import App, Event, Key, Service
from partita.schemas import Alias
source, sink = Service("source", namespace="kept.source"{service}), Service("sink", namespace="kept.sink")
class State(enum.Enum):
    NEW = "new"
    GONE = "in-transit"
class Sold(Event, of=source, codec="protobuf"):
    "An article was sold."
    sku: Key[str]
{fields}
class Plain(Event, of=source):
    sku: Key[str]
    note: str = "-"
class Odd(Event, of=source, codec="json"):
    sku: Key[str]
    state: Literal["äöü"] = "äöü"
@sink.on
async def count(event: Sold) -> None: ...
app = App({services})
"""
FIRST = "    note: str = ''\n    state: State = State.NEW"
SOLD = "schemas/kept.source.v1.Sold"
Project = Callable[..., None]
NUMBERS = iter(range(1_000))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project; call it with the fields of its event."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "pyproject.toml").touch()

    def declare(fields: str, services: str = "source, sink", service: str = "", where: str = ".") -> None:
        module = f"numbered_{next(NUMBERS)}"
        text = APP.format(fields=fields, services=services, service=service)
        (tmp_path / where / f"{module}.py").write_text(text, encoding="utf-8")
        package = "" if where == "." else f"{where.replace('/', '.')}."
        monkeypatch.setenv("PARTITA_APP", f"{package}{module}:app")
        sys.modules.pop(module, None)

    declare(FIRST)
    return declare


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["schema", *arguments])


def app() -> App:
    return load_app(os.environ["PARTITA_APP"])


def learned() -> str:
    """The .proto text of the event, as its codec has it."""
    codec = connect_codec()
    catalog = app().catalog
    shape = next(each.shape for each in (*catalog.contracts.values(), *catalog.of_others()) if each.name == "Sold")
    return codec.schema_text(codec.learn(shape)) or ""


@pytest.mark.parametrize("services", ["source, sink", "sink"], ids=["owner", "consumer"])
async def test_an_app_starts_when_its_fields_have_numbers(project: Project, tmp_path: Path, services: str) -> None:
    """It is imported before, since the command that gives the numbers imports it. A consumer that could read no message would
    make each of them a dead letter."""
    project(FIRST, services)
    settings = Settings(data=tmp_path / "data")

    async def start() -> None:
        async with app().configured(settings).running():
            pass

    with pytest.raises(
        DeclarationError, match=r"no number in Protobuf for Sold\.sku, Sold\.note, Sold\.state"
    ) as refused:
        await start()
    assert "partita schema export schemas" in refused.value.hint
    project(FIRST)
    assert run("export", "schemas").exit_code == 0
    project(FIRST, services)
    await start()


def test_an_export_gives_numbers_that_never_change(project: Project) -> None:
    """A field that is gone is reserved, a renamed one keeps its number, a new one gets one that none ever had."""
    assert sorted(run("export", "schemas").stdout.split()[1::2]) == sorted(
        [
            "schemas/partita.lock",
            f"{SOLD}/1.proto",
            "schemas/kept.source.v1.Odd/1.schema.json",
            "schemas/kept.source.v1.Plain/1.avsc",
        ]
    )
    assert Path(f"{SOLD}/1.proto").read_text() == learned() == run("show", "Sold").stdout
    assert run("export", "schemas").stdout == "schemas is up to date.\n"
    lock = Path("schemas/partita.lock").read_text()

    project("    size: int = 0\n    text: Annotated[str, Alias('note')] = ''")
    assert run("check", "--against", "schemas").exit_code == 3
    assert run("export", "schemas").stdout.split()[1::2] == ["schemas/partita.lock", f"{SOLD}/2.proto"]
    added = set(Path("schemas/partita.lock").read_text().splitlines()) - set(lock.splitlines())
    assert added == {"size = 4", 'text = "note"'}
    text = Path(f"{SOLD}/2.proto").read_text()
    for line in ("reserved 3;", 'reserved "note", "state";', "optional int64 size = 4;", "optional string text = 2;"):
        assert line in text
    assert run("check", "--against", "schemas").exit_code == 0


def test_a_number_that_two_branches_took_is_found_and_given_anew(project: Project) -> None:
    """The error names both fields; the line of the one that came later is deleted, and exported again."""
    run("export", "schemas")
    lock = Path("schemas/partita.lock")
    lock.write_text(lock.read_text().replace("state = 3\n", "state = 3\nsize = 3\n"), encoding="utf-8")
    project(FIRST + "\n    size: int = 0")
    said = run("export", "schemas")
    assert isinstance(said.exception, DeclarationError) or "gives the number 3 to state and to size" in said.output
    lock.write_text(lock.read_text().replace("size = 3\n", ""), encoding="utf-8")
    run("export", "schemas")
    assert "size = 4\n" in lock.read_text() and "size = 4;" in learned()


@pytest.mark.parametrize(
    ("before", "after", "rules"),
    [
        ("    note: str | None = None", "    note: str = 'x'", ["none-read-as-default"]),
        ("    note: str = 'x'", "    note: str | None = None", ["none-read-as-default"]),
        ("    note: str | None = None", "    note: str", ["required-missing"]),
        ("    note: str = 'x'", "    note: str = 'y'", []),
        ("    note: list[str] = []", "    note: list[str]", []),
        ("    note: str = 'x'", "    note: str = 'x'\n    size: int", ["required-missing"]),
        ("    note: str = 'x'", "    note: int = 0", ["type-changed"]),
    ],
)
def test_a_change_by_which_a_class_reads_another_value_is_refused(
    before: str, after: str, rules: list[str], project: Project
) -> None:
    """Both directions are compared: what an older reader makes of a newer value, and the reverse."""
    project(before)
    run("export", "schemas")
    project(after)
    run("export", "schemas")
    shutil.rmtree("schemas/kept.source.v1.Plain")
    found = json.loads(run("check", "--against", "schemas", "-o", "json").stdout)["findings"]
    assert [each["rule"] for each in found if each["rule"] != "not-exported"] == rules


def test_numbers_are_found_in_a_package_and_in_a_declared_folder(project: Project, tmp_path: Path) -> None:
    """A wheel has no folder beside it; a project with two folders says which one is meant."""
    run("export", "schemas")
    lock = Path("schemas/partita.lock").read_text().replace("note = 2", "note = 7")
    package = tmp_path / "packed" / "schemas"
    package.mkdir(parents=True)
    (package / "partita.lock").write_text(lock, encoding="utf-8")
    project(FIRST, where="packed")
    assert "note = 7;" in learned()
    project(FIRST, service=', schemas="packed/schemas"')
    assert "note = 7;" in learned()
    project(FIRST, service=', schemas="nowhere"')
    with pytest.raises(DeclarationError, match=r"schemas='nowhere' is not there"):
        app()


def test_a_message_of_another_app_has_the_numbers_of_its_owner(project: Project, tmp_path: Path) -> None:
    """Its folder is copied; nothing is numbered or exported here, and a field that its owner does not have is refused."""
    run("export", "schemas")
    lock = Path("schemas/partita.lock")
    lock.write_text(lock.read_text().replace("note = 2", "note = 9"), encoding="utf-8")
    shutil.rmtree(SOLD)
    run("export", "schemas")
    owners = Path(f"{SOLD}/1.proto").read_text()
    lock.unlink()
    for other in ("Odd", "Plain"):
        shutil.rmtree(f"schemas/kept.source.v1.{other}")

    project("    state: State\n    note: str = 'none'", services="sink")
    text = learned()
    assert "optional string note = 9;" in text and "optional State state = 3;" in text and "reserved" not in text
    assert "schemas/partita.lock" not in run("export", "schemas").stdout and not lock.exists()
    assert [path.name for path in Path(SOLD).iterdir()] == ["1.proto"] and Path(f"{SOLD}/1.proto").read_text() == owners
    assert run("check", "--against", "schemas").exit_code == 0

    project(FIRST + "\n    size: int = 0", services="sink")
    with pytest.raises(DeclarationError, match=r"for Sold\.size: the newest file of its owner, .*1\.proto") as refused:
        learned()
    assert "owner" in refused.value.hint
    project("    note: int = 0", services="sink")
    with pytest.raises(DeclarationError, match="note is string at its writer, and int64 here"):
        learned()
    Path(f"{SOLD}/2.proto").write_text("no file", encoding="utf-8")
    project(FIRST, services="sink")
    with pytest.raises(DeclarationError, match=r"2\.proto is no file of a message"):
        app()


def test_the_file_of_an_owner_in_another_language_gives_the_numbers(project: Project) -> None:
    """It has names and places of its own for the records, and fields without presence."""
    Path(SOLD).mkdir(parents=True)
    Path(f"{SOLD}/1.proto").write_text(
        'syntax = "proto3"; package psp; message Sale { string sku = 4; string note = 11; State state = 5; }'
        "enum State { STATE_UNSPECIFIED = 0; STATE_IN_TRANSIT = 7; STATE_NEW = 2; }",
        encoding="utf-8",
    )
    project(FIRST, services="sink")
    text = learned()
    for line in ("string sku = 4;", "string note = 11;", "State state = 5;", "STATE_IN_TRANSIT = 7;", "STATE_NEW = 2;"):
        assert line in text


def test_any_message_is_shown_in_protobuf_or_the_reason_why_not(project: Project) -> None:
    """A comment says that no lock gives the numbers of a message in another language."""
    shown = run("show", "Plain", "--format", "protobuf")
    first, _, text = shown.stdout.partition("\n")
    assert first.startswith("// Some of these numbers are given by no lock yet") and shown.exit_code == 0
    assert [field.number for field in parse(text).messages[0].fields] == [1, 2]
    assert (
        json.loads(run("show", "Plain", "--format", "protobuf", "-o", "json").stdout)
        == shown.stdout.rstrip("\n") + "\n"
    )
    odd = run("show", "Odd", "--format", "protobuf")
    assert (odd.exit_code, odd.stdout) == (3, "") and "is no name in Protobuf" in odd.stderr
    assert run("show", "Sold", "--format", "avro").exit_code == 3  # in-transit
    listed: dict[str, Any] = json.loads(run("list", "-o", "json").stdout)
    assert {each["message"]: each["format"] for each in listed["schemas"]} == {
        "Sold": "protobuf",
        "Plain": "avro",
        "Odd": "json-schema",
    }


def test_what_protobuf_cannot_say_is_refused_at_import_of_its_messages(project: Project) -> None:
    """With the place of the declaration."""
    project("    state: Literal['äöü'] = 'äöü'")
    with pytest.raises(DeclarationError, match=r"numbered_\d+\.py:\d+: The value 'äöü'"):
        app()


def test_the_file_of_an_owner_may_import_others(project: Project, tmp_path: Path) -> None:
    """Beside it, or in the folder of schemas: numbers, checks and differences take the types of those files, also those in a commit."""
    (tmp_path / f"{SOLD}/parts").mkdir(parents=True)
    (tmp_path / "schemas/common").mkdir()
    state = (
        'syntax = "proto3"; package common; enum State { STATE_UNSPECIFIED = 0; STATE_NEW = 4; STATE_IN_TRANSIT = 2; }'
    )
    (tmp_path / "schemas/common/state.proto").write_text(state, encoding="utf-8")
    (tmp_path / f"{SOLD}/parts/all.proto").write_text(
        'syntax = "proto3"; import public "common/state.proto";', encoding="utf-8"
    )
    (tmp_path / f"{SOLD}/1.proto").write_text(
        'syntax = "proto3"; package kept.source.v1; import "parts/all.proto"; '
        "message Sold { optional string sku = 7; optional string note = 8; optional common.State state = 9; }",
        encoding="utf-8",
    )
    project(FIRST, services="sink")
    text = learned()
    assert "state = 9;" in text and "STATE_NEW = 4;" in text and "STATE_IN_TRANSIT = 2;" in text
    assert run("check", "--against", "schemas", "--level", "BACKWARD").exit_code == 0
    project(FIRST)
    assert "-// common/state.proto" in run("diff", "Sold@1", "Sold").stdout
    project(FIRST, services="sink")

    who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    for words in (("init", "-q", "."), ("add", "-A"), (*who, "commit", "-q", "-m", "x")):
        subprocess.run(["git", *words], check=True)
    assert run("check", "--against", "HEAD", "--level", "BACKWARD").exit_code == 0
    (tmp_path / "schemas/common/state.proto").write_text(state.replace("STATE_NEW = 4;", ""), encoding="utf-8")
    with pytest.raises(DeclarationError, match=r"for State\.new: the newest file of its owner"):
        learned()
    (tmp_path / "schemas/common/state.proto").unlink()
    refused = run("check", "--against", "schemas")
    assert isinstance(refused.exception, SettingsError) and "1.proto is no schema" in refused.exception.what


def test_a_renamed_field_is_a_finding_where_protobufs_json_form_is_read(project: Project) -> None:
    run("export", "schemas")
    project(FIRST.replace("note: str", 'remark: Annotated[str, Alias("note")]'))
    run("export", "schemas")
    assert run("check", "--against", "schemas").exit_code == 0
    done = run("check", "--against", "schemas", "--protobuf-json", "-o", "json")
    assert done.exit_code == 3
    assert {each["rule"] for each in json.loads(done.stdout)["findings"]} == {"json-name-changed"}

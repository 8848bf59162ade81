"""`partita import asyncapi` prints declarations, or writes a new file; parts that no message can have are named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from partita.cli.main import cli
from partita.errors import SettingsError
from partita.examples.shop.app import app as shop
from partita.exports.asyncapi.document import asyncapi_document
from partita.schemas.languages import schema_of

DOCUMENT = {
    "asyncapi": "3.1.0",
    "info": {"title": "them"},
    "components": {"messages": {"Paid": {"payload": {"properties": {"cents": {"type": "integer"}, "any": {}}}}}},
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "them.json"
    file.write_text(json.dumps(DOCUMENT), "utf-8")
    return file


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["import", "asyncapi", *words], catch_exceptions=False)


def test_the_declarations_are_printed_and_what_is_left_out_is_named(source: Path) -> None:
    done = run(str(source))
    assert "class Paid(Event, of=them" in done.stdout and "cents: int | None = None" in done.stdout
    assert done.stderr == "any is left out: its schema takes values of any type\n"


def test_a_new_file_is_written_and_none_that_is_there(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "declarations.py"
    assert run(str(source), str(target)).stdout == f"wrote {target}\n"
    assert target.read_text("utf-8") == run(str(source)).stdout
    target.write_text("mine", "utf-8")
    with pytest.raises(SettingsError, match=r"declarations\.py is there already"):
        run(str(source), str(target))
    assert target.read_text("utf-8") == "mine"


def test_a_document_of_version_2_is_refused_with_the_way_to_convert_it(source: Path) -> None:
    source.write_text(json.dumps({**DOCUMENT, "asyncapi": "2.6.0"}), "utf-8")
    with pytest.raises(SettingsError, match=r"AsyncAPI 2\.6\.0") as raised:
        run(str(source))
    assert "asyncapi convert" in raised.value.hint


def test_the_files_of_messages_in_protobuf_go_into_the_folder_of_schemas(tmp_path: Path) -> None:
    """With the owner's numbers; a second import writes them once, and a message that is in the project's own lock keeps its numbers."""
    file = tmp_path / "shop.json"
    file.write_text(json.dumps(asyncapi_document(shop, title="shop", version="1.0.0")), "utf-8")
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "src").mkdir()
    done = run(str(file), str(tmp_path / "src/theirs.py"))
    written = sorted(path.relative_to(tmp_path).as_posix() for path in (tmp_path / "schemas").glob("*/*"))
    assert "schemas/shop.inventory.v1.StockReserved/1.proto" in written and len(written) > 5
    assert done.stdout.count("wrote ") == 1 + len(written) and done.stderr == ""
    theirs = tmp_path / "schemas/shop.inventory.v1.StockReserved/1.proto"
    assert theirs.read_text("utf-8") == schema_of(shop.catalog.contracts["shop.inventory.v1.StockReserved"].shape)

    assert run(str(file), str(tmp_path / "src/again.py")).stdout == f"wrote {tmp_path / 'src/again.py'}\n"
    theirs.unlink()
    (tmp_path / "schemas/partita.lock").write_text(
        'version = 1\n["shop.inventory.v1.StockReserved".StockReserved]\norderId = 5\n', "utf-8"
    )
    assert "proto" not in run(str(file), str(tmp_path / "src/third.py")).stdout and not theirs.exists()


def test_printed_declarations_come_without_the_numbers_and_say_so(tmp_path: Path) -> None:
    file = tmp_path / "shop.json"
    file.write_text(json.dumps(asyncapi_document(shop, title="shop", version="1.0.0")), "utf-8")
    assert "name a PYTHON-FILE to have them written" in run(str(file)).stderr

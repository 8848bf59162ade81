"""The lock of field numbers: found above a module, the same text on each machine, and refused where a merge went wrong."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from partita.errors import DeclarationError
from partita.schemas.fields.reading import read
from partita.schemas.fields.shape import Shape
from partita.schemas.protobuf.lock import HEAD, NAME, folder_of, lock_text, parse_lock, read_lock, write_lock
from partita.schemas.protobuf.numbering import check_numbers, numbers_of

LOCK = {
    "shop.order.v1.Placed": {
        "Placed": {"orderId": 1, "lines": 10, "paidBy": "payer", "payer": 2},
        "State": {"in-transit": 1, 'a "b"\\': 2},
    },
    "shop.order.v1.Gone": {"Gone": {}},
}
TEXT = f"""\
{HEAD}version = 1

["shop.order.v1.Gone".Gone]

["shop.order.v1.Placed".Placed]
orderId = 1
payer = 2
lines = 10
paidBy = "payer"

["shop.order.v1.Placed".State]
in-transit = 1
"a \\"b\\"\\\\" = 2
"""
MADE = msgspec.defstruct("Made", [("a", str)])


def shape_of(module: Path, name: str = "Made") -> Shape:
    return Shape(name, "test", MADE, "protobuf", module)


def test_a_lock_has_one_text() -> None:
    """By message, record and number: two branches that add to different messages merge, and to one message conflict."""
    assert lock_text(LOCK) == TEXT
    assert parse_lock(TEXT, "partita.lock") == LOCK
    assert lock_text(parse_lock(TEXT, "partita.lock")) == TEXT


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("b = 1\n", "gives the number 1 to a and to b"),
        ("a = 2\n", "is no lock"),
        ("b = 0\n", "b = 0 is no number"),
        ("b = 19000\n", "b = 19000 is no number"),
        ("b = 536870912\n", "is no number"),
        ("b = true\n", "is no number"),
        ("b = 1.5\n", "is no number"),
        ('b = "c"\n', "has the number of 'c', which has none"),
        ('c = "a"\nb = "c"\n', "has the number of 'c', which has none"),
        ("<<<<<<< ours\nb = 2\n=======\nc = 2\n>>>>>>> theirs\n", "is no lock"),
        ("[other]\nx = 1\n", "other.x is no table"),
    ],
    ids=lambda each: ascii(each)[:30],
)
def test_a_merge_that_went_wrong_is_refused(line: str, why: str) -> None:
    """Two fields of one number would be read as each other; the error says which line to delete."""
    text = 'version = 1\n["test.Made".Made]\na = 1\n'
    assert parse_lock(text, "l")["test.Made"] == {"Made": {"a": 1}}
    with pytest.raises(DeclarationError, match=why) as refused:
        parse_lock(text + line, "schemas/partita.lock")
    assert refused.value.hint and "schemas/partita.lock" in str(refused.value)


@pytest.mark.parametrize(
    "text", ["", "version = 2\n", "\0", "[" * 5_000, "version = 1\nx = 1\n"], ids=lambda t: ascii(t)[:12]
)
def test_a_file_that_is_no_lock_is_refused(text: str) -> None:
    """An empty lock would give numbers anew."""
    with pytest.raises(DeclarationError, match="is no lock"):
        parse_lock(text, "schemas/partita.lock")


def test_the_lock_is_found_above_the_module_up_to_the_root_of_the_project(tmp_path: Path) -> None:
    """In a checkout, in a container, and in a wheel, whose package has the folder inside."""
    package = tmp_path / "project" / "src" / "shop"
    package.mkdir(parents=True)
    module = package / "orders.py"
    module.touch()
    write_lock(tmp_path / "schemas", {"test.Made": {"Made": {"a": 7}}})
    assert folder_of(shape_of(module)) == tmp_path / "schemas"
    (tmp_path / "project" / "pyproject.toml").touch()
    assert folder_of(shape_of(module)) is None, "beyond the project's root"
    (tmp_path / "project" / "schemas" / "test.Made").mkdir(parents=True)
    assert folder_of(shape_of(module)) == tmp_path / "project" / "schemas", (
        "a folder of the message, copied from its owner"
    )
    assert folder_of(shape_of(module, "Other")) is None
    write_lock(package / "schemas", {})
    assert folder_of(shape_of(module)) == package / "schemas"
    assert folder_of(shape_of(tmp_path)) == tmp_path, "a folder that is declared is taken as it is"


def test_a_lock_that_changed_is_read_again_and_an_equal_one_is_not_written(tmp_path: Path) -> None:
    """The file is read once for all messages of a project."""
    assert read_lock(tmp_path) == {}
    assert write_lock(tmp_path, LOCK) == tmp_path / NAME
    assert read_lock(tmp_path) == LOCK and read_lock(tmp_path) is read_lock(tmp_path)
    assert write_lock(tmp_path, LOCK) is None
    longer = {**LOCK, "test.Made": {"Made": {"a": 1}}}
    assert write_lock(tmp_path, longer) is not None and read_lock(tmp_path) == longer


def test_a_name_without_a_number_is_refused_with_the_command_to_run(tmp_path: Path) -> None:
    """A process that chose a number itself would swap fields with the others."""
    shape = shape_of(tmp_path)
    with pytest.raises(DeclarationError, match=r"no number in Protobuf for Made\.a") as refused:
        check_numbers(shape, numbers_of(shape), read(shape))
    assert "partita schema export schemas" in refused.value.hint and NAME in str(refused.value)
    write_lock(tmp_path, {"test.Made": {"Made": {"a": 7}}})
    check_numbers(shape, numbers_of(shape), read(shape))
    assert numbers_of(shape).of("Made") == {"a": 7}
    with pytest.raises(DeclarationError, match="no number"):
        check_numbers(Shape("Made", "test", MADE), numbers_of(Shape("Made", "test", MADE)), read(shape))

"""A folder of migrations as it is read at import, and the files that a database lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from partita import Service
from partita.errors import DeclarationError, MigrationPending, StoreMismatch
from partita.migrations.migration import Standing
from partita.migrations.own_tables import MigrationFolder, OwnTables, Record, read_folder, standing_of


def folder(path: Path, *names: str) -> Path:
    """A folder with files of these names, each with a statement of its own."""
    path.mkdir(exist_ok=True)
    for name in names:
        (path / name).write_text(f"CREATE TABLE t{name[:4]} (name TEXT DEFAULT '{name}');\n")
    return path


def read(path: Path, *names: str) -> MigrationFolder:
    return read_folder(folder(path, *names), "orders.py:7")


def test_files_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    """Sorted by name, ten thousand would come before two."""
    names = [f"{number:04}_n.sql" for number in range(1, 10_002)]
    files = read(tmp_path, *names).of("sqlite")
    assert [file.name for file in files] == names
    assert [file.number for file in files] == list(range(1, 10_002))


def test_where_dialects_differ_each_has_its_file(tmp_path: Path) -> None:
    found = read(tmp_path, "0001_a.sql", "0002_b.sqlite.sql", "0002_b.postgres.sql", "0003_c.postgres.sql")
    assert [file.name for file in found.of("postgres")] == ["0001_a.sql", "0002_b.postgres.sql", "0003_c.postgres.sql"]
    with pytest.raises(DeclarationError, match=r"0003_c.postgres.sql has no counterpart for sqlite") as told:
        found.of("sqlite")
    assert "0003_c.sqlite.sql" in told.value.hint


REFUSED = {
    "a gap": (["0001_a.sql", "0003_c.sql"], "number 0002 is missing"),
    "no first": (["0002_b.sql"], "number 0001 is missing"),
    "two branches took one number": (["0001_a.sql", "0002_b.sql", "0002_c.sql"], "number 2 is used twice.*0002_b.sql, 0002_c"),
    "a number with more zeros": (["0001_a.sql", "00001_b.sql"], "number 1 is used twice"),
    "one for all and one for a dialect": (["0001_a.sql", "0001_a.sqlite.sql"], "number 1 is used twice"),
    "two names by dialect": (["0001_a.sqlite.sql", "0001_b.postgres.sql"], "number 1 is used twice"),
    "no database has all": (["0001_a.sqlite.sql", "0002_b.postgres.sql"], "no counterpart"),
    "zero": (["0000_a.sql"], "not named like a migration"),
    "too short": (["1_a.sql"], "not named like a migration"),
    "no what": (["0001.sql"], "not named like a migration"),
    "an unknown dialect": (["0001_a.mysql.sql"], "not named like a migration"),
    "a misspelt dialect": (["0001_a.postgresql.sql"], "not named like a migration"),
    "capital letters": (["0001_a.SQL"], "not named like a migration"),
    "a copy": (["0001_a.sql", "0001_a (copy).sql"], "not named like a migration"),
    "an empty folder": ([], "no SQL file"),
    "nothing but others": (["README.md", "__init__.py", ".0001_a.sql"], "no SQL file"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_folder_that_cannot_be_meant_is_refused(case: str, tmp_path: Path) -> None:
    """At import, with the line that names the folder: at a start it would be too late."""
    names, said = REFUSED[case]
    with pytest.raises(DeclarationError, match=said) as told:
        read(tmp_path, *names)
    assert told.value.what.startswith("orders.py:7: ") or case == "no database has all"
    assert told.value.hint


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    folder(tmp_path / "0002_old.sql")
    found = read(tmp_path, "0001_a.sql", "README.md", "._0001_a.sql", ".#0002_b.sql", "__init__.py")
    assert found.count == 1


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    for content in (b"\xff\xfe", b"CREATE TABLE a (x TEXT DEFAULT '\0');"):
        (tmp_path / "0001_a.sql").write_bytes(content)
        with pytest.raises(DeclarationError, match="0001_a.sql"):
            read_folder(tmp_path, "orders.py:7")


def test_a_checkouts_line_ends_change_no_checksum(tmp_path: Path) -> None:
    """Git writes other line ends on Windows, and some editors begin a file with a byte order mark."""
    sums = set()
    for content in (b"CREATE TABLE a (\n  x TEXT);\n", b"\xef\xbb\xbfCREATE TABLE a (\r\n  x TEXT);\r\n"):
        (tmp_path / "0001_a.sql").write_bytes(content)
        sums.add(read_folder(tmp_path, "").of("sqlite")[0].checksum)
    assert len(sums) == 1


def own(path: Path, *names: str) -> OwnTables:
    return OwnTables.of("orders", read(path, *names), "sqlite")


def records(found: OwnTables) -> list[Record]:
    return [Record(file.number, file.name, file.checksum) for file in found.files]


def test_what_a_database_lacks(tmp_path: Path) -> None:
    found = own(tmp_path, "0001_a.sql", "0002_b.sql", "0003_c.sql")
    done = records(found)
    assert [file.number for file in found.pending("db", [])] == [1, 2, 3]
    assert [file.number for file in found.pending("db", [Record(0, "tables=", "x"), *done[:2]])] == [3]
    assert standing_of(found, "db", done[:2]) == Standing(2, 3)
    with pytest.raises(MigrationPending, match=r"tables of orders: 1 .next: 0003_c.sql"):
        found.refuse_pending("db", done[:2])
    found.refuse_pending("db", done)


def test_a_file_that_was_changed_since_is_refused_by_its_name(tmp_path: Path) -> None:
    before = records(own(tmp_path, "0001_a.sql", "0002_b.sql"))
    (tmp_path / "0001_a.sql").write_text("CREATE TABLE other (x TEXT);")
    with pytest.raises(StoreMismatch, match="0001_a.sql is not the file that was applied") as told:
        own_again = OwnTables.of("orders", read_folder(tmp_path, ""), "sqlite")
        own_again.pending("db", before)
    assert "0003_what.sql" in told.value.hint


def test_a_file_may_get_another_name(tmp_path: Path) -> None:
    """Only the text identifies the applied file."""
    found = own(tmp_path, "0001_a.sql")
    assert found.pending("db", [Record(1, "0001_b.sqlite.sql", found.files[0].checksum)]) == []


def test_a_file_behind_which_a_later_one_was_applied_is_refused(tmp_path: Path) -> None:
    found = own(tmp_path, "0001_a.sql", "0002_b.sql")
    with pytest.raises(StoreMismatch, match="0001_a.sql was never applied here"):
        found.pending("db", records(found)[1:])


def test_a_newer_database_is_told_and_works(tmp_path: Path) -> None:
    """A deploy that is rolled back has to start."""
    found = own(tmp_path, "0001_a.sql")
    newer = [*records(found), Record(2, "0002_b.sql", "x")]
    assert found.pending("db", newer) == []
    assert "newer than this version of orders: 0002_b.sql was applied" in found.told("db", newer)
    assert found.told("db", newer[:1]) == ""
    assert "newer" in OwnTables("orders", text="CREATE TABLE a (x)").told("db", newer)


def test_a_text_that_was_changed_is_told() -> None:
    """With another indentation it is the same."""
    first = OwnTables("orders", text="CREATE TABLE IF NOT EXISTS a (x TEXT);")
    again = OwnTables("orders", text="CREATE TABLE IF NOT EXISTS a\n        (x TEXT);")
    more = OwnTables("orders", text="CREATE TABLE IF NOT EXISTS a (x TEXT, y TEXT);")
    ran = [Record(0, "tables=", first.text_checksum)]
    assert first.told("db", ran) == again.told("db", ran) == first.told("db", []) == ""
    assert "tables= of orders was changed" in more.told("db", ran) and "migrations=" in more.told("db", ran)


def test_the_folder_is_beside_the_module_that_declares_the_service(tmp_path: Path) -> None:
    """Wherever the process was started, and absolute where it is given so."""
    folder(tmp_path / "sql", "0001_a.sql")
    module = tmp_path / "declared.py"
    program = "from partita import Service\norders = Service('orders', namespace='o', migrations={!r})\n"
    for given in ("sql", str(tmp_path / "sql"), Path("sql")):
        text = program.format(given).replace("PosixPath", "__import__('pathlib').Path")
        module.write_text(text)
        names: dict[str, object] = {"__name__": "declared"}
        exec(compile(text, str(module), "exec"), names)
        service = names["orders"]
        assert isinstance(service, Service) and isinstance(service.tables, MigrationFolder)
        assert service.tables.path == tmp_path / "sql"


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="cannot be read"):
        Service("orders", namespace="o", migrations="not/there")
    with pytest.raises(DeclarationError, match="is not a folder"):
        Service("orders", namespace="o", migrations="")
    with pytest.raises(DeclarationError, match="is not a folder"):
        Service("orders", namespace="o", migrations=7)  # type: ignore[arg-type]  # what a type checker refuses
    with pytest.raises(DeclarationError, match="relative to no file"):
        exec(
            compile("Service('orders', namespace='o', migrations='sql')", "<shell>", "exec"),
            {"Service": Service, "__name__": "shell"},
        )
    with pytest.raises(DeclarationError, match=r"tables= and migrations="):
        Service("orders", namespace="o", tables="CREATE TABLE a (x TEXT)", migrations=folder(tmp_path, "0001_a.sql"))

"""`partita schema export` and `check`: a project keeps each revision, and a change that hurts a consumer is refused before it does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from partita.cli.main import cli

ROOT = Path(__file__).resolve().parents[3]
APP = """
from typing import Annotated
from partita import App, Event, Key, Service, Since
source, sink = Service("source", namespace="kept.source"), Service("sink", namespace="kept.sink")
class Sold(Event, of=source{codec}):
    "An article was sold."
    sku: Key[str]
{fields}
@sink.on
async def count(event: Sold) -> None: ...
app = App(source, sink)
"""
FIRST = "    note: str = ''"
Project = Callable[..., None]
NUMBERS = iter(range(1_000))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project in git; call it with the fields of its event."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    subprocess.run(["git", "init", "-q", "."], check=True)

    def declare(fields: str, codec: str = "") -> None:
        module = f"kept_{next(NUMBERS)}"
        (tmp_path / f"{module}.py").write_text(APP.format(fields=fields, codec=codec), encoding="utf-8")
        monkeypatch.setenv("PARTITA_APP", f"{module}:app")
        sys.modules.pop(module, None)

    declare(FIRST)
    return declare


def committed() -> None:
    """Commit all files."""
    subprocess.run(["git", "add", "-A"], check=True)
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, "commit", "-q", "-m", "x"], check=True)


def run(*arguments: str) -> Result:
    """The answer of the command."""
    return CliRunner().invoke(cli, ["schema", *arguments])


def rules(*arguments: str) -> list[str]:
    """The rules of the findings, from JSON."""
    found: dict[str, Any] = json.loads(run("check", *arguments, "-o", "json").stdout)
    assert found["kind"] == "SchemaVerdicts" and found["compatible"] is not bool(found["findings"])
    return [finding["rule"] for finding in found["findings"]]


def test_each_revision_is_a_file_that_never_changes(project: Project) -> None:
    """The second export writes nothing; docs alone make no revision; a changed schema gets the next number."""
    assert run("export", "schemas").stdout.split() == ["wrote", "schemas/kept.source.v1.Sold/1.avsc"]
    first = Path("schemas/kept.source.v1.Sold/1.avsc").read_bytes()
    assert run("export", "schemas").stdout == "schemas is up to date.\n"
    project(FIRST + "\n    size: int = 0")
    assert run("export", "schemas").stdout.split() == ["wrote", "schemas/kept.source.v1.Sold/2.avsc"]
    assert Path("schemas/kept.source.v1.Sold/1.avsc").read_bytes() == first
    assert run("check", "--against", "schemas").exit_code == 0


def test_a_first_export_writes_the_revisions_that_the_class_knows(project: Project) -> None:
    """They may be in the log already."""
    project(FIRST + "\n    size: Annotated[int, Since(2)] = 0")
    run("export", "schemas")
    assert sorted(path.name for path in Path("schemas/kept.source.v1.Sold").iterdir()) == ["1.avsc", "2.avsc"]


def test_a_stale_folder_is_a_finding(project: Project) -> None:
    """The next change would be compared with a schema that was never there."""
    run("export", "schemas")
    project(FIRST + "\n    size: int = 0")
    assert rules("--against", "schemas") == ["not-exported"]


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ("    pass", ""),  # a field with a default goes: every reader has its default
        (FIRST + "\n    size: int", "field-without-default"),
        ("    note: int = 0", "type-changed"),
    ],
)
def test_a_change_is_compared_with_a_commit_without_running_its_code(project: Project, fields: str, rule: str) -> None:
    """The files of the commit are read; its modules may not even be importable."""
    run("export", "schemas")
    Path("broken.py").write_text("raise SystemExit('the old code runs')", encoding="utf-8")
    committed()
    Path("later.txt").write_text("", encoding="utf-8")
    committed()
    project(fields)
    assert set(rules("--against", "HEAD~1")) == ({rule} if rule else set())
    assert run("check", "--against", "HEAD~1").exit_code == (3 if rule else 0)


def test_a_verdict_names_who_is_hurt_and_what_to_write(project: Project) -> None:
    """A few lines that a person understands."""
    run("export", "schemas")
    project(FIRST + "\n    size: int")
    said = run("check", "--against", "schemas").stdout
    assert "Sold.size: field-without-default" in said
    assert "hurts sink (count), with old messages on kept.source.events" in said
    assert '"default"' in said and len(said.splitlines()) < 15


def test_a_message_that_is_gone_is_a_finding(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Old messages of it may be in a log or a dead letter."""
    run("export", "schemas")
    Path("schemas/kept.source.v1.Sold").rename("schemas/kept.source.v1.Bought")
    assert rules("--against", "schemas") == ["message-removed", "not-exported"]
    assert rules("--against", "schemas", "--level", "none") == ["not-exported"]


def test_a_message_may_change_its_language(project: Project) -> None:
    """Its values name the language that wrote them, so readers of both are there; numbers go on."""
    run("export", "schemas")
    project(FIRST, codec=', codec="json"')
    assert rules("--against", "schemas") == ["not-exported"]
    run("export", "schemas")
    assert sorted(path.name for path in Path("schemas/kept.source.v1.Sold").iterdir()) == ["1.avsc", "2.schema.json"]
    assert run("check", "--against", "schemas").exit_code == 0


@pytest.mark.parametrize(
    ("against", "said"),
    [
        ("nowhere", "neither a folder here nor a commit"),
        ("--output=x", "neither a folder here nor a commit"),
        ("http://127.0.0.1:1", "cannot be reached"),
        ("HEAD", "has no revision files in schemas/"),
    ],
)
def test_a_wrong_place_is_said(project: Project, against: str, said: str) -> None:
    """And nothing of it reaches git as an option."""
    committed()
    found = run("check", f"--against={against}")
    assert found.exit_code not in (0, 3) and said in str(found.exception or found.output)
    assert not Path("x").exists()


def test_a_file_that_is_no_schema_is_said(project: Project) -> None:
    """It was edited, or merged with its marks."""
    run("export", "schemas")
    Path("schemas/kept.source.v1.Sold/1.avsc").write_text("<<<<<<<", encoding="utf-8")
    found = run("check", "--against", "schemas")
    assert found.exit_code not in (0, 3) and "1.avsc is no schema" in str(found.exception or found.output)


def chain(project: Project, **options: str) -> list[str]:
    """The rules after a field came with a default and lost it again: `options` are those of the class."""
    project("    pass")
    run("export", "schemas")
    project("    size: int = 0")
    run("export", "schemas")
    project("    size: int", "".join(f", {name}={value!r}" for name, value in options.items()))
    return rules("--against", "schemas")


@pytest.mark.parametrize("level", ["BACKWARD", "FORWARD", "FULL"])
def test_a_default_that_is_dropped_again_passes_where_the_level_is_not_transitive(project: Project, level: str) -> None:
    """Neighbours read each other; the first revision and the third do not."""
    assert chain(project, compatibility=level) == ["not-exported"]


@pytest.mark.parametrize("level", ["", "BACKWARD_TRANSITIVE", "FULL_TRANSITIVE"])
def test_a_transitive_verdict_names_the_revision_that_clashes(project: Project, level: str) -> None:
    """Revision 2 is fine, and a reader of the verdict must not look there."""
    options = {"compatibility": level} if level else {}
    assert chain(project, **options) == ["field-without-default", "not-exported"]
    said = run("check", "--against", "schemas").stdout
    assert "by values of revision 1\n" in said and "revision 2" not in said


@pytest.mark.parametrize(
    ("level", "order"),
    [
        ("BACKWARD", "Upgrade consumers first"),
        ("FORWARD", "Upgrade producers first"),
        ("FULL", "Consumers and producers"),
    ],
)
def test_a_verdict_says_who_upgrades_first(project: Project, level: str, order: str) -> None:
    """By the level that the message declares."""
    run("export", "schemas")
    project("    note: int = 0", f', compatibility="{level}"')
    assert f"Afterwards: {order}" in run("check", "--against", "schemas").stdout


def test_a_message_that_promises_nothing_says_so(project: Project) -> None:
    """A reader must not take a silent verdict for a comparison."""
    run("export", "schemas")
    project("    note: int", ', compatibility="NONE"')
    said = run("check", "--against", "schemas").stdout
    assert "kept.source.v1.Sold promises NONE: its schema was not compared with earlier ones." in said
    assert rules("--against", "schemas") == ["not-exported"]
    assert "type-changed" in rules("--against", "schemas", "--level", "full")


def test_a_new_version_without_its_old_shape_is_a_finding_with_the_line(project: Project) -> None:
    """Messages of the old version may wait anywhere."""
    run("export", "schemas")
    project("    note: int", ", version=2")
    run("export", "schemas")
    (found,) = json.loads(run("check", "--against", "schemas", "-o", "json").stdout)["findings"]
    assert (found["rule"], found["path"]) == ("old-version-without-upcaster", "kept.source.v1.Sold")
    assert 'class SoldV1(..., name="Sold", version=1)' in found["instead"]
    assert "@source.upcast above def sold_v2(old: SoldV1) -> Sold: ..." in found["instead"]
    assert found["hurts"] != []
    project("    note: int", ", version=2, gone=(1,)")
    assert rules("--against", "schemas") == []


def test_a_pull_request_that_removes_a_field_gets_the_verdict_of_the_guide(project: Project) -> None:
    """The lines are in the guide, and a person reads them in a minute."""
    project("    note: str")
    run("export", "schemas")
    committed()
    project("    pass")
    run("export", "schemas")
    committed()
    said = run("check", "--against", "HEAD~1")
    guide = (ROOT / "docs/guides/evolving-a-schema.md").read_text(encoding="utf-8")
    assert said.exit_code == 3 and f"```text\n{said.stdout}```" in guide, said.stdout


def test_the_shops_schemas_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of the shop's messages is exported in the same commit."""
    monkeypatch.setenv("PARTITA_APP", "partita.examples.shop.app:app")
    assert run("check", "--against", str(ROOT / "schemas")).stdout.startswith("The schemas may follow")

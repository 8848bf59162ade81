"""The command line is about the user's own app. Without a name for it, it says how to name it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from partita.cli.main import cli
from partita.cli.whose_app import Project, project_of
from partita.errors import SettingsError

APP = """
from partita import App, Event, Service

service = Service("{name}", namespace="acme.{name}")


class Said(Event, of=service):
    text: str


app = App(service)
"""
NAMED = '[tool.partita]\napp = "{name}:app"\n'
OF_THE_SHOP = {"demo", "shop"}


def partita(folder: Path, *words: str, app: str | None = None) -> subprocess.CompletedProcess[str]:
    """The command line in a folder, with no variable of this test's own process."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PARTITA_")}
    if app is not None:
        environment["PARTITA_APP"] = app
    command = [str(Path(sys.executable).with_name("partita")), *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)


def write_app(folder: Path, name: str) -> Path:
    """A module with an app of one service, both of that name."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(APP.format(name=name))
    return folder


@pytest.mark.parametrize(
    "words", [["run"], ["describe"], ["journey", "1"], ["topics", "plan"], ["db", "status"], ["doctor"]], ids=" ".join
)
def test_a_folder_without_an_app_is_told_the_three_ways(tmp_path: Path, words: list[str]) -> None:
    """The command ran the shop in a stranger's folder, and made the shop's databases there."""
    done = partita(tmp_path, *words)
    assert done.returncode == 2 and not done.stdout
    assert all(way in done.stderr for way in ("--app", "PARTITA_APP", "[tool.partita]", "partita demo"))
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_comes_before_the_environment_and_that_before_the_project(tmp_path: Path) -> None:
    """The source that is nearer to the command wins."""
    for name in ("by_word", "by_variable", "by_project"):
        write_app(tmp_path, name)
    (tmp_path / "pyproject.toml").write_text(NAMED.format(name="by_project"))
    assert "by_project" in partita(tmp_path, "describe").stdout
    assert "by_project" in partita(tmp_path, "describe", app="").stdout
    assert "by_variable" in partita(tmp_path, "describe", app="by_variable:app").stdout
    assert "by_word" in partita(tmp_path, "describe", "--app", "by_word:app", app="by_variable:app").stdout
    for words in (["by_word:app"], ["--app", "by_word:app"], ["by_word:app", "--app", "by_word:app"]):
        assert "acme.by_word" in partita(tmp_path, "topics", "describe", *words, app="by_variable:app").stdout
    refused = partita(tmp_path, "topics", "describe", "by_word:app", "--app", "by_project:app")
    assert refused.returncode == 2 and "names two apps" in refused.stderr


def test_a_folder_below_the_project_has_its_app(tmp_path: Path) -> None:
    """Also when a module in the current folder has the same name: it is not the app."""
    write_app(tmp_path, "kitchen")
    (tmp_path / "pyproject.toml").write_text(NAMED.format(name="kitchen"))
    below = tmp_path / "deep" / "er"
    below.mkdir(parents=True)
    (below / "kitchen.py").write_text("raise SystemError('another module of that name')\n")
    done = partita(below, "describe")
    assert "acme.kitchen" in done.stdout, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("words", [[], ["kitchen:app"], ["--app", "kitchen:app"]], ids=["by project", "word", "option"])
def test_workers_have_the_app_of_their_parent(tmp_path: Path, words: list[str]) -> None:
    """They are processes of their own, and find it as the parent did."""
    write_app(tmp_path, "kitchen")
    (tmp_path / "pyproject.toml").write_text(NAMED.format(name="kitchen"))
    below = tmp_path if words else tmp_path / "below"
    below.mkdir(exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PARTITA_")}
    command = [str(Path(sys.executable).with_name("partita")), "run", *words, "--workers", "2", "--data", "data"]
    running = subprocess.Popen(command, cwd=below, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        assert running.stderr is not None
        assert [running.stderr.readline()[:14] for _ in range(2)] == ["ready: kitchen"] * 2
        running.terminate()
        assert running.wait(60) == 0
    finally:
        running.kill()
        running.communicate()


def test_a_broken_project_file_does_not_matter_where_the_app_is_named(tmp_path: Path) -> None:
    """An explicit name of the app is used without a search."""
    write_app(tmp_path, "mine")
    (tmp_path / "pyproject.toml").write_text("[tool.partita\n")
    assert "acme.mine" in partita(tmp_path, "describe", "--app", "mine:app").stdout
    assert "pyproject.toml is not TOML" in partita(tmp_path, "describe").stderr


def test_the_nearest_project_file_decides(tmp_path: Path) -> None:
    """A package within a larger checkout does not inherit the app of that checkout."""
    (tmp_path / "pyproject.toml").write_text(NAMED.format(name="outer"))
    inner = tmp_path / "inner"
    (inner / "src").mkdir(parents=True)
    assert project_of(inner / "src") == Project("outer:app", tmp_path)
    (inner / "pyproject.toml").write_text(NAMED.format(name="inner"))
    assert project_of(inner / "src") == Project("inner:app", inner)
    (inner / "pyproject.toml").write_text("[project]\nname = 'inner'\n")
    with pytest.raises(SettingsError, match=r"also not under \[tool.partita\] in .*inner.pyproject.toml"):
        project_of(inner / "src")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[tool.partita]\nap = 'mine:app'\n", "has no setting 'ap'"),
        ("[tool.partita]\napp = 7\n", "app is 7"),
        ("[tool.partita]\napp = ''\n", "app is ''"),
        ("[tool.partita]\napp = ['mine:app']\n", "app is "),
        ("[tool]\npartita = 'mine:app'\n", "tool.partita is not a table"),
        ("tool = 3\n", "No app is named"),
        ("[tool.partita]\n", "No app is named"),
        ("", "No app is named"),
        ("app = \n", "is not TOML"),
        ("\udcff", "is not TOML"),
    ],
)
def test_a_project_file_that_names_no_app_is_refused_with_its_path(tmp_path: Path, text: str, says: str) -> None:
    """A misspelt name there would otherwise be silently ignored."""
    (tmp_path / "pyproject.toml").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(SettingsError, match="pyproject.toml") as found:
        project_of(tmp_path)
    assert says in str(found.value) and "app" in found.value.hint


def test_a_folder_of_that_name_is_no_project_file(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(NAMED.format(name="outer"))
    (tmp_path / "inner" / "pyproject.toml").mkdir(parents=True)
    assert project_of(tmp_path / "inner").app == "outer:app"


def commands(group: click.Group, *path: str) -> Iterator[tuple[str, click.Command]]:
    """Each command below a group, by its words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield " ".join([*path, name]), command
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)


def test_no_help_of_another_app_speaks_of_the_shop() -> None:
    """`demo` and `shop` are the shop's; all others are the user's."""
    helps = {
        name: command.get_help(click.Context(command, info_name=name))
        for name, command in commands(cli)
        if name.split()[0] not in OF_THE_SHOP
    }
    assert len(helps) > 30
    assert [name for name, text in helps.items() if "shop" in text.lower() or "536365" in text] == []

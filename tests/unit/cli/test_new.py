"""`partita new` makes a project that works at once, and changes no existing file."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from tests.servers import kafka_cluster
from tests.unit.cli.test_whose_app import partita

from partita.cli.new import STARTER, SUFFIX, package_of, project_files
from partita.errors import SettingsError

ROOT = Path(__file__).resolve().parents[3]


def python(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Python in a folder, with no variable of this test's own process."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PARTITA_", "PYTEST_"))}
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder, env={**clean, **environment}, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A new project, made by the command; its name is not that of its package."""
    done = partita(tmp_path, "new", "tea-house")
    assert done.returncode == 0, done.stderr
    assert all(words in done.stdout for words in ("cd tea-house", "unittest", "partita run", "tea_house.place order-1"))
    return tmp_path / "tea-house"


def test_its_files_are_of_one_name_and_can_be_read(project: Path) -> None:
    """No placeholder is left, and each file can be read by its parser."""
    texts = {path: path.read_text() for path in sorted(project.rglob("*")) if path.is_file()}
    names = {path.relative_to(project).as_posix() for path in texts}
    assert {"pyproject.toml", "compose.yaml", ".gitignore", "README.md", "tea_house/app.py"} <= names
    assert ".github/workflows/check.yml" in names and "tests/test_purchase.py" in names
    assert not [path for path, text in texts.items() if re.search("my[_-]project|template", f"{path.name} {text}")]
    settings = tomllib.loads(texts[project / "pyproject.toml"])
    assert settings["project"]["name"] == "tea-house"
    assert settings["tool"]["partita"] == {"app": "tea_house.app:app"}
    servers = yaml.safe_load(texts[project / "compose.yaml"])["services"]
    assert set(servers) == {"postgres", "kafka"}
    assert all(port.startswith("127.0.0.1:") for server in servers.values() for port in server["ports"])
    steps = yaml.safe_load(texts[project / ".github/workflows/check.yml"])["jobs"]["check"]["steps"]
    assert {"run": "python -m unittest"} in steps
    readme = texts[project / "README.md"]
    assert [name for name in re.findall(r"`((?:tea_house|tests)/\w+\.py)`", readme) if name not in names] == []


@pytest.mark.slow
@pytest.mark.parametrize("runner", ["unittest", "pytest"])
def test_its_tests_pass_at_once(project: Path, runner: str) -> None:
    """With nothing installed beside Partita, and by the runner that most people have."""
    done = python(project, "-m", runner)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Ran 3 tests" in done.stderr or "3 passed" in done.stdout
    assert not (project / ".partita").exists()


@pytest.mark.slow
def test_its_tests_can_fail(project: Path) -> None:
    """A stock that gives back items that it never took is found."""
    stock = project / "tea_house" / "stock.py"
    text = stock.read_text()
    assert "free = free + 1" in text
    stock.write_text(text.replace("free = free + 1", "free = free + 2"))
    assert "FAILED (failures=1)" in python(project, "-m", "unittest").stderr


@pytest.mark.slow
def test_its_types_and_its_style_are_right(project: Path) -> None:
    """As its own CI checks; and a formatter changes nothing."""
    types = python(project, "-m", "mypy", "--cache-dir", os.devnull)
    assert types.returncode == 0, types.stdout
    for words in (["check", "--select", "E,F,I,UP,B"], ["format", "--check"]):
        style = python(project, "-m", "ruff", *words, "--no-cache", ".")
        assert style.returncode == 0, style.stdout


def runs(project: Path, **servers: str) -> None:
    """Its README's commands, each in a process of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PARTITA_")}
    command = [str(Path(sys.executable).with_name("partita")), "run"]
    running = subprocess.Popen(
        command, cwd=project, env={**clean, **servers}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert running.stdout is not None and running.stderr is not None
        assert running.stderr.readline().startswith("ready: orders, stock")
        for _ in range(2):  # two presses are one order
            placed = python(project, "-m", "tea_house.place", "order-1", **servers)
            assert placed.returncode == 0, placed.stderr
        assert running.stdout.readline() == "OrderConfirmed(order_id='order-1')\n"
        running.terminate()
        rest, said = running.communicate(timeout=60)
        assert (running.returncode, rest) == (0, ""), said
    finally:
        running.kill()
        running.communicate()


@pytest.mark.slow
def test_it_runs_and_its_commands_know_its_app(project: Path) -> None:
    """An order that another process places is confirmed by the running services."""
    runs(project)
    journey = partita(project, "journey", "order-1")
    assert all(name in journey.stdout for name in ("PlaceOrder", "OrderPlaced", "TakeStock", "OrderConfirmed"))
    assert "completed" in partita(project, "saga", "list").stdout
    assert "Key[OrderId]" in partita(project, "describe", "event", "OrderPlaced").stdout


@pytest.mark.slow
def test_it_runs_on_postgresql(project: Path, database: str) -> None:
    """Its SQL is one text for both databases."""
    runs(project, PARTITA_STORE=database, PARTITA_BUS=database)


@pytest.mark.slow
def test_it_runs_on_the_servers_of_its_compose_file(project: Path, database: str) -> None:
    """PostgreSQL and Kafka: its topics are made by the start."""
    pytest.importorskip("confluent_kafka")
    with kafka_cluster() as cluster:
        runs(project, PARTITA_STORE=database, PARTITA_BUS=cluster.url)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (name, "cannot be the name of a Python package")
        for name in ("", "7teas", "tea house", "a/b", "../tea", ".", "/tmp/x", "tea.house", "-tea", "tea-", "tea_",
                     "class", "None", "thé", "tea\n", "x" * 41)
    ]
    + [(name, "There is a module") for name in ("json", "partita", "tests", "click", "unittest")],
)  # fmt: skip
def test_a_name_that_no_package_can_have_is_refused(name: str, says: str) -> None:
    """An import of it would find another module, or none."""
    with pytest.raises(SettingsError, match=says) as refused:
        package_of(name)
    assert refused.value.hint


@pytest.mark.parametrize("name", ["tea", "TeaHouse", "t", "tea_house", "tea-house-2", "x" * 40, "a-my_project"])
def test_any_other_name_is_taken(name: str) -> None:
    """Each placeholder is replaced once: a name may look like one."""
    package = package_of(name)
    assert package.isidentifier()
    files = project_files(name, package)
    assert f"{package}/app.py" in files and len(files) == len(list(STARTER.rglob(f"*{SUFFIX}")))
    assert tomllib.loads(files["pyproject.toml"])["project"]["name"] == name
    for path, text in files.items():
        if path.endswith(".py"):
            compile(text, path, "exec")


def test_the_command_refuses_such_a_name_and_makes_nothing(tmp_path: Path) -> None:
    for words in (["new", "tea house"], ["new", "../tea"], ["new"], ["new", "--", "-tea"]):
        done = partita(tmp_path, *words)
        assert done.returncode == 2 and "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == [] and not (tmp_path.parent / "tea").exists()


def test_what_is_there_stays(tmp_path: Path) -> None:
    """A folder with a file in it, a file, and a link that leads nowhere; an empty folder may be used."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / ".hidden").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("full", "file", "link"):
        done = partita(tmp_path, "new", name)
        assert done.returncode == 2 and f"{name} exists already" in done.stderr, done.stderr
    assert [path.name for path in (tmp_path / "full").iterdir()] == [".hidden"]
    assert (tmp_path / "file").read_text() == "mine" and not (tmp_path / "elsewhere").exists()
    (tmp_path / "empty").mkdir()
    assert partita(tmp_path, "new", "empty").returncode == 0
    assert (tmp_path / "empty" / "empty" / "app.py").exists()


@pytest.mark.slow
def test_the_wheel_has_the_templates(tmp_path: Path) -> None:
    """A file that is not Python is easily left out of a wheel."""
    built = python(ROOT, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path))
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    held = zipfile.ZipFile(wheel).namelist()
    expected = [f"partita/cli/starter/{path.relative_to(STARTER).as_posix()}" for path in STARTER.rglob(f"*{SUFFIX}")]
    assert expected and [path for path in expected if path not in held] == []

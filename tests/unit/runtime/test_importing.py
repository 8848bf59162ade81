"""A mistake in the user's module is reported with its line, and never as a defect of Partita."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from partita.app import load_app
from partita.errors import AppBroken, DeclarationError, SettingsError

GOOD = "from partita import App, Service\napp = App(Service('good', namespace='import.good'))\n"
BROKEN = {
    "divides": ("def rate():\n    return 1 / 0\n\nRATE = rate()\n", "divides.py:2 in rate: ZeroDivisionError"),
    "misspelt": ("import os\nx = = 1\n", "misspelt.py:2"),
    "indented": ("def f():\nreturn 1\n", "indented.py:2"),
    "quits": ("import sys\n\nsys.exit(3)\n", "quits.py:3 in <module>: SystemExit: 3"),
    "cancels": ("import asyncio\nraise asyncio.CancelledError\n", "cancels.py:2"),
    "unreadable": ("class E(Exception):\n    def __str__(self): raise ValueError\nraise E\n", "unreadable.py:3"),
    "halves": ("from partita import NoSuchThing\n", "halves.py:1"),
    "nul": ("x = '\0'\n", "nul"),
    "within": ("import json\njson.loads('{')\n", "within.py:2 in <module>: JSONDecodeError"),
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a user's modules."""
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("needs", "shop_that_is_not_there", *BROKEN):
        sys.modules.pop(name, None)
    return tmp_path


@pytest.mark.parametrize("name", list(BROKEN))
def test_a_module_that_raises_is_told_with_its_line(folder: Path, name: str) -> None:
    """Of whatever kind the mistake is."""
    text, says = BROKEN[name]
    (folder / f"{name}.py").write_text(text)
    with pytest.raises(AppBroken, match="cannot be imported") as found:
        load_app(f"{name}:app")
    assert says in str(found.value) and "defect" not in str(found.value)


def test_what_a_module_needs_and_is_not_there_is_named_with_the_line_that_imports_it(folder: Path) -> None:
    """It is not the module that is missing."""
    (folder / "needs.py").write_text("import os\nimport no_such_library.part\n")
    with pytest.raises(
        AppBroken, match=r"needs.py:2 in <module> imports no_such_library, which is not there(.|\n)*Install"
    ):
        load_app("needs:app")


@pytest.mark.parametrize("spec", ["shop_that_is_not_there:app", "json.shop.app:app", ":app", "", ".needs:app", "a..b"])
def test_a_module_that_is_not_there_is_named(spec: str) -> None:
    """With how to name one."""
    with pytest.raises(SettingsError, match="Name it as module:app"):
        load_app(spec)


def test_a_declaration_that_is_refused_names_its_own_line(folder: Path) -> None:
    """Such an error says already what to do."""
    (folder / "needs.py").write_text(GOOD + "App(Service('a', namespace='x'), Service('a', namespace='y'))\n")
    with pytest.raises(DeclarationError):
        load_app("needs:app")


@pytest.mark.parametrize(("name", "says"), [("divides", "divides.py:2 in rate"), ("quits", "quits.py:3")])
def test_the_command_line_says_so_and_shows_the_stack_when_asked(folder: Path, name: str, says: str) -> None:
    """Exit code 2: what it was given cannot be used."""
    (folder / f"{name}.py").write_text(BROKEN[name][0])
    command = [sys.executable, "-c", "from partita.cli.main import main; main()", "describe", "--app", f"{name}:app"]
    here = {**os.environ, "PARTITA_TRACE": "1"}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False, env=here)
    assert done.returncode == 2 and says in done.stderr and "defect" not in done.stderr
    assert "Traceback" in done.stderr

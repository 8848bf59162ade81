"""`partita new NAME`: the folder of a project, with two services, a saga and its tests."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from pathlib import Path

import click

from partita.cli.output import say
from partita.errors import SettingsError

STARTER = Path(__file__).parent / "starter"
SUFFIX = ".template"
PLACEHOLDER = re.compile("my[_-]project")
"""In the templates: `my_project` is the package, `my-project` the project."""
NAME = re.compile(r"[A-Za-z]([A-Za-z0-9_-]{0,38}[A-Za-z0-9])?")
OURS = ("partita", "tests")


@click.command(epilog="Example:  partita new tea_house && cd tea_house && python -m unittest")
@click.argument("name")
def new(name: str) -> None:
    """Make the folder NAME with a project: two services, a saga and its tests, which pass at once."""
    package = package_of(name)
    folder = Path(name)
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise SettingsError(
            f"{name} exists already, and is not an empty folder.", hint="Nothing was changed. Take another name."
        )
    for path, text in project_files(name, package).items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    place = f"python -m {package}.place order-1"
    steps = (
        ("python -m unittest", "the tests: no server, and no waiting"),
        ("partita run", "both services, until Ctrl-C"),
        (place, "in a second terminal; then: partita journey order-1"),
    )
    say(f"{folder / ''}: two services, a saga and its tests. Next:", "", f"  cd {name}")
    say(*(f"  {words:<{len(place)}}   # {why}" for words, why in steps))


def package_of(name: str) -> str:
    """The name of the project's package: that of the project, with `_` for `-`.

    Raises:
        SettingsError: a package cannot have that name, or one has it already.
    """
    package = name.replace("-", "_")
    if not NAME.fullmatch(name) or keyword.iskeyword(package):
        raise SettingsError(
            f"{name!a} cannot be the name of a Python package.",
            hint="Letters, digits, and - or _ between them, a letter first, 40 at most: tea_house. It is a name, not a path.",
        )
    if package in sys.stdlib_module_names or package in OURS or importlib.util.find_spec(package) is not None:
        raise SettingsError(
            f"There is a module {package!r} already: Python would import the wrong one.",
            hint=f"Take another name, such as {name}-app.",
        )
    return package


def project_files(name: str, package: str) -> dict[str, str]:
    """The text of each file by its path in the project."""
    return {
        _named(path.relative_to(STARTER).as_posix().removesuffix(SUFFIX), name, package): _named(
            path.read_text(encoding="utf-8"), name, package
        )
        for path in sorted(STARTER.rglob(f"*{SUFFIX}"))
    }


def _named(text: str, name: str, package: str) -> str:
    return PLACEHOLDER.sub(lambda found: package if "_" in found[0] else name, text)

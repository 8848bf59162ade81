"""The app that a command is about: named by the command line, the environment, or the project's pyproject.toml."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click
from click.core import ParameterSource

from partita.errors import SettingsError

F = TypeVar("F", bound=Callable[..., Any])
HELP = "The app. Default: PARTITA_APP, else [tool.partita] app in pyproject.toml."
WORD = "partita.app"
PROJECT = "pyproject.toml"
SETTING = 'app = "module:app" under [tool.partita]'
WAYS = (
    f"Say --app module:app, set PARTITA_APP=module:app, or write {SETTING} in {PROJECT}. "
    "`partita new NAME` makes a project with an app; `partita demo` shows another one at work."
)


class Project(NamedTuple):
    """The app that a pyproject.toml names, and the folder from which the app is imported."""

    app: str
    folder: Path


def app_option(function: F) -> F:
    """`--app MODULE:APP`."""
    return click.option("--app", "app_name", metavar="MODULE:APP", envvar="PARTITA_APP", help=HELP, callback=_the_app)(
        function
    )


def app_argument(function: F) -> F:
    """`MODULE:APP` as an argument, or `--app`."""
    word = click.argument(
        "app_word", metavar="[MODULE:APP]", required=False, is_eager=True, expose_value=False, callback=_keep_word
    )
    return word(app_option(function))


def is_of_project(context: click.Context) -> bool:
    """Whether the app comes from pyproject.toml, where a child process finds it as well."""
    return WORD not in context.meta and context.get_parameter_source("app_name") is ParameterSource.DEFAULT


def _keep_word(context: click.Context, _: click.Parameter, word: str | None) -> None:
    if word is not None:
        context.meta[WORD] = word


def _the_app(context: click.Context, option: click.Parameter, named: str | None) -> str:
    word: str | None = context.meta.get(WORD)
    by_option = context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
    if word is not None and by_option and word != named:
        raise click.UsageError(f"The command line names two apps, {word!r} and --app {named!r}.", context)
    if word is not None:
        return word
    if named is not None:
        return named
    project = project_of(Path.cwd())
    _import_from(project.folder)
    return project.app


def _import_from(folder: Path) -> None:
    """Import from `folder` before the current folder, which may have a module of the same name."""
    for place in ("", str(folder)):
        if place in sys.path:
            sys.path.remove(place)
        sys.path.insert(0, place)


def project_of(folder: Path) -> Project:
    """The project of the nearest pyproject.toml, from `folder` upwards.

    Raises:
        SettingsError: there is no such file, it cannot be read, or it names no app.
    """
    file = next((at / PROJECT for at in (folder, *folder.parents) if (at / PROJECT).is_file()), None)
    if file is None:
        raise SettingsError(f"No app is named, and there is no {PROJECT} in {folder} or above.", hint=WAYS)
    app = _read(file)
    if app is None:
        raise SettingsError(f"No app is named, also not under [tool.partita] in {file}.", hint=WAYS)
    return Project(app, file.parent)


def _read(file: Path) -> str | None:
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SettingsError(
            f"{file} is not TOML: {error}.", hint="Mend it, or name the app: --app module:app."
        ) from error
    tool = document.get("tool", {})
    settings = tool.get("partita") if isinstance(tool, dict) else None
    if settings is None:
        return None
    if not isinstance(settings, dict):
        raise SettingsError(f"{file}: tool.partita is not a table.", hint=f"Write {SETTING}.")
    unknown = [key for key in settings if key != "app"]
    if unknown:
        raise SettingsError(f"{file}: [tool.partita] has no setting {unknown[0]!a}.", hint="It has: app.")
    name = settings.get("app")
    if name is not None and (not isinstance(name, str) or not name):
        raise SettingsError(f"{file}: [tool.partita] app is {name!r}.", hint=f"Write {SETTING}.")
    return name

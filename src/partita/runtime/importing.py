"""Importing the user's module: an error in it is reported with its line, and never as an error of Partita."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

from partita.errors import AppBroken, PartitaError, SettingsError
from partita.texts.cause import cause_of, place_of


def import_users(spec: str, name: str) -> ModuleType:
    """The module of that name, also one in the current folder; `spec` is how the user named it.

    Raises:
        SettingsError: there is no such module. AppBroken: the import raised. DeclarationError: a declaration in it cannot
            work.
    """
    if not all(name.split(".")):
        raise SettingsError(f"{spec}: {name!r} is no name of a module.", hint="Name it as module:app.")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return importlib.import_module(name)
    except (PartitaError, KeyboardInterrupt):
        raise
    except BaseException as error:  # any error, also a SystemExit of a script
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing is not None and f"{name}.".startswith(f"{missing}."):
            raise SettingsError(f"{spec}: there is no module {missing!r}.", hint="Name it as module:app.") from error
        where = place_of(error) or name
        if missing is not None:
            raise AppBroken(
                f"{spec}: {where} imports {missing}, which is not there.",
                hint="Install it in the environment that Partita runs in, or mend the import.",
            ) from error
        raise AppBroken(
            f"{spec} cannot be imported. {where}: {cause_of(error)}",
            hint="Mend it there. PARTITA_TRACE=1 shows the stack.",
        ) from error

"""The contracts of a design in the formats of other catalogs: those of an app by its code, those of a brief by its project."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from partita.app import load_app
from partita.cli.design_code import write
from partita.design.model.design import Design
from partita.design.skeleton.project import project_of
from partita.design.skeleton.regenerating import rewriting
from partita.errors import SettingsError
from partita.exports.formats import FILES, FOLDERS
from partita.exports.naming import Naming
from partita.exports.writing import write_file, write_folder

NAMES = {"asyncapi": "asyncapi.json", "backstage": "catalog-info.yaml"}
CONTRACTS = (*NAMES, "eventcatalog")
NAMING = Naming("", "1.0.0", "production")
"""The names that `partita export` gives without options."""


def export_app(form: str, source: str, folder: Path) -> None:
    """Write the contracts of an app, as its `partita export` does."""
    app = load_app(source)
    folder.mkdir(parents=True, exist_ok=True)
    if form in FOLDERS:
        make, parts = FOLDERS[form]
        write_folder(folder, make(app, NAMING), parts)
    else:
        write_file(folder / NAMES[form], FILES[form](app, NAMING))


def export_brief(form: str, design: Design, folder: Path) -> None:
    """Write the contracts of a brief. Its project is made for the moment, and exports itself in a process of its own: the text
    is that of the project, to the letter.

    Raises:
        SettingsError: the design cannot run, or a file in the folder is the user's.
    """
    project = project_of(design)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder if form in FOLDERS else folder / NAMES[form]
    with tempfile.TemporaryDirectory(prefix="partita-contracts-") as beside:
        write(Path(beside), rewriting(project, {}).writes)
        done = subprocess.run(
            [sys.executable, "-c", "from partita.cli.main import main; main()", "export", form, str(target.resolve())],
            cwd=beside,
            env={**os.environ, "PARTITA_APP": f"{project.package}.app:app"},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise SettingsError(f"The contracts of {design.domain} were not written.", hint=done.stderr.strip())

"""The wheels, and an environment that has them, are made once for the pages of a process."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.documents.wheelhouse import make_wheel, user_environment, wheels_it_needs


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Partita's wheel, and those of what it requires."""
    folder = tmp_path_factory.mktemp("wheels")
    wheels_it_needs(folder)
    make_wheel(folder)
    return folder


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> dict[str, str]:
    """The variables of an environment into which the wheel and its extras are installed."""
    folder = tmp_path_factory.mktemp("installed")
    variables = user_environment(folder, wheels)
    install = "python -m venv env && env/bin/pip install -q 'partita[postgres,shop,yaml]'"
    subprocess.run(["bash", "-c", install], cwd=folder, env=variables, check=True, timeout=100)
    return {**variables, "PATH": f"{folder / 'env/bin'}:{variables['PATH']}"}

"""The wheels are made once for the pages of a process."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.documents.wheelhouse import make_wheel, wheels_it_needs


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Partita's wheel, and those of what it requires."""
    folder = tmp_path_factory.mktemp("wheels")
    wheels_it_needs(folder)
    make_wheel(folder)
    return folder

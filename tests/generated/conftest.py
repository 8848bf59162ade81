"""The world in which generated sagas run, opened once for a file of tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from partita.testing.generators.saga_world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A world with empty databases."""
    async with World(tmp_path) as opened:
        yield opened

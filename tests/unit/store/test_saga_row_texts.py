"""An instance that PostgreSQL returns as JSON has the texts that were saved, also a NUL."""

from __future__ import annotations

import json

import pytest

from partita.databases.postgres.arrays import kept
from partita.store.postgres.questions import REST
from partita.store.postgres.sagas import saga_row
from partita.store.sagas import SagaRow


@pytest.mark.parametrize("error", ["", "no", "a\0b", "\1a", r"\u0001a", "\n\\"])
def test_a_row_comes_back_as_it_was_saved(error: str) -> None:
    """Each field keeps its place, and a NUL in a text of the user is a NUL again."""
    saved = SagaRow("S", "i", 1, "running", "pay", 2, b"state", None, error, "c", 3, 4, 5)
    rest = json.dumps([kept(v) if isinstance(v, str) else v for v in map(saved._asdict().__getitem__, REST)])
    assert saga_row("S", "i", rest, b"state") == saved

"""The history of a saga as it is stored."""

from __future__ import annotations

import pytest

from partita.errors import StoreCorrupt
from partita.store.sagas import SagaEvent, entries_of, lines_of
from partita.testing.conformance.rows import saga_row


def test_entries_come_back_as_they_were() -> None:
    entry = SagaEvent("Saga", "s1", 2, 5, "done", "pay", "m1", "a note\nof two lines\u2028and a \0")
    (lines,) = lines_of([saga_row("s1")], [entry, entry._replace(version=3)])
    assert lines.count("\n") == 2
    assert entries_of("Saga", "s1", lines) == [entry, entry._replace(version=3)]


@pytest.mark.parametrize("lines", ["spoilt", "[1]\n", '[1,2,"a","b","c","d"]\n[', "\x00"])
def test_a_spoilt_history_is_named_with_its_instance(lines: str) -> None:
    """An operator reads it because something went wrong: an error of the decoder would hide which saga it is."""
    with pytest.raises(StoreCorrupt, match="history of saga Saga s1"):
        entries_of("Saga", "s1", lines)

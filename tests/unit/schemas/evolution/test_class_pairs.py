"""The rules for message classes and the codec agree on random pairs; `make oracles` does it with 2,000 values for each pair."""

from __future__ import annotations

from pathlib import Path

from tests.oracles.class_pairs import settle

PAIRS, VALUES, TRIES = 60, 10, 400


def test_what_passes_is_read_equal_by_our_codec_and_what_is_refused_is_not(tmp_path: Path) -> None:
    count = settle(tmp_path, PAIRS, values=VALUES, tries=TRIES)
    assert min(count["pass"], count["refused"]) > PAIRS / 3, count

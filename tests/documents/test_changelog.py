"""The changelog says under which of three heads a change belongs."""

from __future__ import annotations

import re

from tests.documents.wheelhouse import ROOT

HEADS = ["Added", "Changed", "Fixed"]


def test_each_change_stands_under_added_changed_or_fixed() -> None:
    """A reader who upgrades looks for what changed, and finds it beside nothing else."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    before, *versions = re.split(r"^## ", text, flags=re.MULTILINE)
    assert not re.search("^- ", before, re.MULTILINE)
    assert [version.partition("\n")[0] for version in versions][0] == "Unreleased"
    for version in versions:
        start, *sections = re.split(r"^### ", version, flags=re.MULTILINE)
        assert not re.search("^- ", start, re.MULTILINE), f"a change under no head: {start}"
        heads = [section.partition("\n")[0] for section in sections]
        assert heads == [head for head in HEADS if head in heads], heads
        assert all(re.search("^- ", section, re.MULTILINE) for section in sections)

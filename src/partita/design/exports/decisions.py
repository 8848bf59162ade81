"""The decisions of a design as a folder of records, one file each, in the form of MADR (https://adr.github.io/madr)."""

from __future__ import annotations

import re

from partita.design.document.adr import Adr, adrs
from partita.design.document.view import view_of
from partita.design.model.design import Design
from partita.design.rendering.markdown import escaped
from partita.exports.seal import UNSEALED, sealed

FOLDER = "decisions"
TITLE_MAX = 60


def decision_records(design: Design) -> dict[str, str]:
    """The records by their paths: `decisions/0001-checkout-is-an-orchestration.md`."""
    found = adrs(view_of(design))
    return {f"{FOLDER}/{number:04d}-{_file(each.title)}.md": _record(each) for number, each in enumerate(found, 1)}


def _record(adr: Adr) -> str:
    lines = [
        f"# {escaped(adr.title)}",
        "",
        f"<!-- {UNSEALED} -->",
        "",
        f"- Status: accepted ({adr.mark.value})",
        f"- Id: {adr.id}",
        "",
        "## Decision",
        "",
        escaped(adr.decision),
        "",
        "## Why",
        "",
        escaped(adr.why),
        "",
        "## Rejected",
        "",
        *(f"- {escaped(each)}" for each in adr.rejected),
        "",
        "## Reasons to decide again",
        "",
        escaped(adr.change),
    ]
    return sealed("\n".join(lines) + "\n")


def _file(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower())[:TITLE_MAX].strip("-")

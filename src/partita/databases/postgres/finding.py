"""A finding about a server; without a driver, so that the program that prints it needs none."""

from __future__ import annotations

from typing import Literal, NamedTuple


class ServerFinding(NamedTuple):
    """One check of a server: its subject, the finding and why it matters, and what to do."""

    level: Literal["ok", "note", "bad"]
    what: str
    found: str
    fix: str = ""

"""An exported document as JSON text with its seal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from partita.exports.seal import UNSEALED, sealed

SEAL = "x-partita-export"


def json_text(document: Mapping[str, Any]) -> str:
    """A document in ASCII, indented, its seal after its first entry."""
    (first, value), *rest = document.items()
    return sealed(json.dumps({first: value, SEAL: UNSEALED, **dict(rest)}, indent=2) + "\n")

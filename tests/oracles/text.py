"""JSON texts of schemas, the same on each run."""

from __future__ import annotations

import json


def dumps(value: object) -> str:
    """A value as JSON."""
    return json.dumps(value, separators=(",", ":"))

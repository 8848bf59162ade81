"""Names of files and folders for names of messages, topics, services and teams, whatever these are."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

LENGTH_MAX = 120
_NO_NAME = re.compile(r"[^A-Za-z0-9._-]")
# Windows keeps these for devices, with any ending.
_DEVICE = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)")


def file_names(names: Iterable[str]) -> dict[str, str]:
    """A name of a file for each name: letters, digits, `.`, `_` and `-` alone. Two of them differ also where a file system takes
    small and capital letters for the same."""
    found: dict[str, str] = {}
    taken: dict[str, str] = {}
    for name in sorted(dict.fromkeys(names)):
        plain = _NO_NAME.sub("_", name)
        is_same = (
            plain == name and not name.startswith((".", "-")) and not name.endswith(".") and len(name) <= LENGTH_MAX
        )
        if not is_same or not name or _DEVICE.match(plain) or plain.lower() in taken:
            digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
            plain = f"{plain.strip('.-')[:LENGTH_MAX] or 'x'}_{digest}"
            plain = f"_{plain}" if _DEVICE.match(plain) else plain
        taken[plain.lower()] = name
        found[name] = plain
    return found

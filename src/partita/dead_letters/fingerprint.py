"""The fingerprint of a failure: what two failures with one cause have in common."""

from __future__ import annotations

import hashlib
import re
import sysconfig
import traceback
from pathlib import Path

from partita.foreign_text import without_rows

NOISE = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|0x[0-9a-fA-F]+|\d+(?:\.\d+)?|'[^']*'|\"[^\"]*\"")
FOREIGN = (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), str(Path(__file__).parent.parent))


def fingerprint(error: BaseException) -> str:
    """12 hex digits of the exception's type, the innermost frame of the user's own code, and the message without its
    numbers, ids and quoted words."""
    text = f"{type(error).__name__}|{_own_frame(error)}|{NOISE.sub('#', without_rows(str(error)))[:200]}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _own_frame(error: BaseException) -> str:
    own = ""
    for frame in traceback.extract_tb(error.__traceback__):
        if not frame.filename.startswith(FOREIGN):
            own = f"{Path(frame.filename).name}:{frame.name}"
    return own

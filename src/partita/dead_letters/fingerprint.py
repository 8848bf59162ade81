"""The fingerprint of a failure: equal for failures with one cause."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from partita.texts.cause import frame_of, kind_of, text_of

NOISE = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|0x[0-9a-fA-F]+|\d+(?:\.\d+)?|'[^']*'|\"[^\"]*\"")


def fingerprint(error: BaseException) -> str:
    """12 hex digits of the exception's type, the innermost frame of the user's own code, and the message without its
    numbers, ids and quoted words."""
    frame = frame_of(error)
    own = f"{Path(frame.file).name}:{frame.function}" if frame is not None else ""
    text = f"{kind_of(error)}|{own}|{NOISE.sub('#', text_of(error))[:200]}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]

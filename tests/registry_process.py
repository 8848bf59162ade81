"""The embedded registry as a process of its own, and a client of the standard library."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.waiting import until_blocking

PARTITA = [sys.executable, "-c", "from partita.cli.main import main; main()"]


@contextmanager
def served(*words: str, errors: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The process and its URL, when it answers; it is killed at the end. `errors` is a file for its stderr."""
    with errors.open("wb") as said:
        command = [*PARTITA, "registry", "serve", "--port", "0", *words]
        child = subprocess.Popen(command, stderr=said, env={**os.environ, "PARTITA_STORE": ""})
    try:
        yield child, until_blocking(lambda: _ready(errors))
    finally:
        child.kill()
        child.wait()


def _ready(errors: Path) -> str:
    found = re.search(r"ready: (http://\S+)", errors.read_text(encoding="utf-8"))
    return found[1] if found else ""


def ask(method: str, url: str, body: Any = None) -> Any:
    """The answer's JSON; another status than 200 raises."""
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, content, {"content-type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)

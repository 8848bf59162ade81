"""Apache Avro in Java as a checker and a reader: one process for all questions."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest
from servers.maven import artifacts, java
from servers.process import ServerFailed
from tests.oracles.text import dumps

AVRO = "1.12.0"
MISSING = "no Java compiler or no Maven here; to have them: apt-get install default-jdk-headless maven"
SOURCE = Path(__file__).parent / "avro_checker" / "Checker.java"


class Checker:
    """Asks one line, reads one line."""

    def __init__(self, questions: IO[bytes], answers: IO[bytes]) -> None:
        self._questions, self._answers = questions, answers

    def verdict(self, reader: Any, writer: Any) -> str:
        """COMPATIBLE, INCOMPATIBLE, or FAILED with the reason."""
        return self._ask("C", _word(dumps(reader).encode()), _word(dumps(writer).encode()))

    def read(self, reader: Any, writer: Any, value: bytes) -> bytes | str:
        """The value as it is read, written with the reader's schema; a text says why it cannot be read."""
        words = _word(dumps(reader).encode()), _word(dumps(writer).encode()), _word(value)
        said = self._ask("R", *words)
        return base64.b64decode(said[5:]) if said.startswith("READ ") else said

    def _ask(self, *words: str) -> str:
        self._questions.write(" ".join(words).encode() + b"\n")
        self._questions.flush()
        said = self._answers.readline().decode().rstrip("\n")
        assert said, "the checker ended"
        return said


def _word(data: bytes) -> str:
    return base64.b64encode(data).decode()


@contextmanager
def running_checker(folder: Path) -> Iterator[Checker]:
    """Compile the checker into `folder` and run it. Skips where there is no Java, except in CI."""
    compiler = shutil.which("javac")
    runtime = java()
    try:
        if compiler is None or runtime is None:
            raise ServerFailed(MISSING)
        libs = artifacts("avro-checker", AVRO, [f"org.apache.avro:avro:{AVRO}"], MISSING) / "libs"
    except ServerFailed as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    path = os.pathsep.join([*map(str, sorted(libs.glob("*.jar"))), str(folder)])
    subprocess.run([compiler, "-cp", path, "-d", folder, SOURCE], check=True)
    started = [runtime, "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", path, "Checker"]
    with subprocess.Popen(started, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdin is not None and process.stdout is not None
        yield Checker(process.stdin, process.stdout)
        process.stdin.close()

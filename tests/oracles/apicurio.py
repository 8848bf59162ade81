"""Apicurio Registry, an independent server of the same protocol: fetched by Maven, run by Java."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from servers.maven import CACHE, java
from servers.process import ServerFailed, ServerProcess, free_port

VERSION = "3.0.9"
"""The last version that Java 17 runs."""
MISSING = "no Java or no Maven here; to have them: apt-get install default-jre-headless maven"
ARTIFACT = f"io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"


def fetched() -> Path:
    """The folder with the server, fetched once for all checkouts of a machine.

    Raises:
        ServerFailed: there is no Maven, or nothing can be fetched.
    """
    folder = CACHE / f"apicurio-{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "complete").exists():
            return folder
        maven = shutil.which("mvn")
        if maven is None:
            raise ServerFailed(MISSING)
        goal = ["dependency:copy", f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={folder}"]
        done = subprocess.run([maven, "-q", "-B", *goal], capture_output=True, check=False, timeout=600)
        if done.returncode:
            raise ServerFailed(f"Maven could not fetch Apicurio {VERSION}: {done.stdout.decode()[-1_000:]}")
        with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
            archive.extractall(folder, filter="data")
        (folder / "complete").touch()
    return folder


@contextmanager
def running_apicurio(folder: Path) -> Iterator[str]:
    """The URL of its Confluent API; its data is in memory. Skips where there is no Java, except in CI."""
    runtime = java()
    try:
        if runtime is None:
            raise ServerFailed(MISSING)
        home = fetched()
        port = free_port()
        url = f"http://127.0.0.1:{port}/apis/ccompat/v7"
        options = {
            "quarkus.http.host": "127.0.0.1", "quarkus.http.port": port, "quarkus.http.access-log.enabled": "false",
            "quarkus.management.host": "127.0.0.1", "quarkus.management.port": free_port(),
            "apicurio.storage.kind": "sql", "apicurio.storage.sql.kind": "h2",
        }  # fmt: skip
        words = [runtime, "-Xmx384m", *(f"-D{name}={value}" for name, value in options.items())]
        jar = home / f"apicurio-registry-app-{VERSION}-runner.jar"
        server = ServerProcess("apicurio", folder, [*words, "-jar", str(jar)], lambda: _answers(url))
        server.start()
    except ServerFailed as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    try:
        yield url
    finally:
        server.kill()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/subjects", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False

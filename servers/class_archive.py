"""The classes of a Java server as a JVM has them in memory, kept beside its artifacts: a third of a start is reading them."""

from __future__ import annotations

import fcntl
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path


def class_options(jars: Path, program: str, run: Callable[[Sequence[str]], None]) -> list[str]:
    """The JVM's options to start from the archive. Where there is none yet, `run` starts the server once with the
    options that make it, and stops it: it is written at the end of that JVM. A Java that makes none gets no options."""
    archive = jars / f"classes-{_version(program)}.jsa"
    with (jars / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes make it once
        if not archive.exists():
            new = archive.with_suffix(".new")
            run([f"-XX:ArchiveClassesAtExit={new}"])
            if new.exists():
                new.rename(archive)
            else:
                archive.touch()
    return [f"-XX:SharedArchiveFile={archive}"] if archive.stat().st_size else []


def _version(program: str) -> str:
    """Another JVM cannot read the archive: this changes with it."""
    real = Path(program).resolve()
    return f"{zlib.crc32(f'{real} {real.stat().st_mtime_ns}'.encode()):08x}"

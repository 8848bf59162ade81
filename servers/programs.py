"""The participants in other languages (`examples/participants`), built by the tools of their languages.

Modules and programs are put below `build/`, or into the caches of those tools.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from servers.process import ServerFailed

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "examples" / "participants"
BUILT = ROOT / "build" / "participants"
BUILDS_WITHIN_S = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A participant. A group of Kafka gives a killed static member its partitions back at once; one of kafkajs waits until its
    session ends, so its kills are further apart."""

    name: str
    make: Callable[[Path, Path], Sequence[str]]
    kill_every_s: float
    source: Path
    command: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)  # beside the addresses

    def built(self, into: Path | None = None) -> Program:
        """The same program with the command that starts it.

        Raises:
            ServerFailed: the language is not here, or its modules cannot be fetched.
        """
        folder = into or BUILT / self.name
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes build one after the other
            return replace(self, command=self.make(self.source, folder))


def _go(source: Path, folder: Path) -> Sequence[str]:
    go = _tool("go", "golang-go")
    # The toolchain that is here, also where a module would like a newer one.
    _run([go, "build", "-o", str(folder / "payment"), "."], source, {"GOTOOLCHAIN": "local"})
    return [str(folder / "payment")]


def _node(source: Path, folder: Path) -> Sequence[str]:
    node, npm = _tool("node", "nodejs"), _tool("npm", "npm")
    for name in ("package.json", "package-lock.json", "payment.js", "journal.js"):
        shutil.copy(source / name, folder / name)
    # The lock file has hashes and no addresses: npm takes the registry that it is configured for.
    _fetch(source / "package-lock.json", folder, [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"])
    return [node, str(folder / "payment.js")]


def _java(source: Path, folder: Path) -> Sequence[str]:
    runtime, compiler = _tool("java", "default-jdk-headless"), _tool("javac", "default-jdk-headless")
    maven, libs, pom = _tool("mvn", "maven"), folder / "libs", source / "pom.xml"
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={libs}", "-DincludeScope=runtime"]
    _fetch(pom, folder, [maven, "-q", "-B", "-f", str(pom), *goal])
    path = os.pathsep.join([f"{libs}/*", str(folder)])
    _run([compiler, "-cp", path, "-d", str(folder), *map(str, sorted(source.glob("*.java")))], folder)
    # It lives for seconds here: a small heap, and no second compiler.
    return [runtime, "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", path, "Payment"]


def _fetch(versions: Path, folder: Path, command: Sequence[str]) -> None:
    """Fetch modules, unless those of this very list of versions are here."""
    done = folder / "fetched"
    wanted = versions.read_text(encoding="utf-8")
    if not done.exists() or done.read_text(encoding="utf-8") != wanted:
        _run(command, folder)
        done.write_text(wanted, encoding="utf-8")


def _tool(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise ServerFailed(f"no {name} here; to have it: apt-get install {package}")
    return found


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(
        command, cwd=folder, env=os.environ | dict(environment or {}), capture_output=True, timeout=BUILDS_WITHIN_S
    )
    if done.returncode:
        said = (done.stdout + done.stderr).decode("utf-8", "replace")
        raise ServerFailed(f"{' '.join(command[:2])} failed in {folder}:\n{said[-2_000:]}")


PROGRAMS = {
    program.name: program
    for program in (
        Program(name="go", make=_go, kill_every_s=4.0, source=SOURCES / "go"),
        Program(name="java", make=_java, kill_every_s=4.0, source=SOURCES / "java"),
        Program(name="node", make=_node, kill_every_s=12.0, source=SOURCES / "node"),
    )
}

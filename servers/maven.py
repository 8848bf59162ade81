"""Java artifacts by Maven, fetched once for all checkouts and test processes of a machine."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from servers.process import ServerFailed

CACHE = Path(os.environ.get("PARTITA_DEV", Path.home() / ".cache" / "partita-dev"))
LOGGING = """\
<Configuration status="WARN"><Appenders><Console name="out"><PatternLayout pattern="%d{HH:mm:ss.SSS} %p %c{1}: %m%n"/>
</Console></Appenders><Loggers><Root level="INFO"><AppenderRef ref="out"/></Root></Loggers></Configuration>
"""
LOG4J = "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3"
POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>partita.dev</groupId><artifactId>{name}</artifactId><version>1</version><dependencies>
{dependencies}
</dependencies></project>
"""
DEPENDENCY = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"


def java() -> str | None:
    """A Java runtime: the one named by JAVA_HOME, or on the path."""
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")


def artifacts(name: str, version: str, coordinates: Sequence[str], missing: str) -> Path:
    """The folder whose `libs` hold these artifacts (`group:name:version`) with all they need, and `log4j2.xml`.

    Raises:
        ServerFailed: there is no Maven (`missing` says how to have it), or nothing can be fetched.
    """
    folder = CACHE / f"{name}-{version}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes fetch once
        if (folder / "complete").exists():
            return folder
        maven = shutil.which("mvn")
        if maven is None:
            raise ServerFailed(missing)
        dependencies = "\n".join(DEPENDENCY.format(*each.split(":")) for each in (*coordinates, LOG4J))
        (folder / "pom.xml").write_text(POM.format(name=name, dependencies=dependencies), encoding="utf-8")
        (folder / "log4j2.xml").write_text(LOGGING, encoding="utf-8")
        goal = ["dependency:copy-dependencies", "-DoutputDirectory=libs", "-DincludeScope=runtime"]
        fetched = subprocess.run([maven, "-q", "-B", *goal], cwd=folder, capture_output=True, check=False, timeout=300)
        if fetched.returncode:
            raise ServerFailed(f"Maven could not fetch {name} {version}: {fetched.stdout.decode()[-1_000:]}")
        (folder / "complete").touch()
    return folder

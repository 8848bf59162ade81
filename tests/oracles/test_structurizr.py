"""Structurizr's own parser reads the workspace of a design, and finds each service and message in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from servers.maven import artifacts, java
from servers.process import ServerFailed

from partita.app import App
from partita.design.derived.beside import NOTHING
from partita.design.derived.of_app import design_of
from partita.design.exports.edges import edges
from partita.design.exports.structurizr import structurizr
from partita.design.model.design import Design
from partita.design.model.origin import Fact, Origin
from partita.examples.rides.app import app as rides
from partita.examples.shop.app import app as shop

pytestmark = pytest.mark.oracles
VERSION = "3.0.0"
MISSING = "no Java compiler or no Maven here; to have them: apt-get install default-jdk-headless maven"
SOURCE = Path(__file__).parent / "structurizr" / "Workspaces.java"


@pytest.fixture(scope="module")
def read_with(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command that reads workspaces."""
    folder = tmp_path_factory.mktemp("structurizr")
    compiler, runtime = shutil.which("javac"), java()
    try:
        if compiler is None or runtime is None:
            raise ServerFailed(MISSING)
        libs = artifacts("structurizr", VERSION, [f"com.structurizr:structurizr-dsl:{VERSION}"], MISSING) / "libs"
    except ServerFailed as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    path = os.pathsep.join([*map(str, sorted(libs.glob("*.jar"))), str(folder)])
    subprocess.run([compiler, "-cp", path, "-d", folder, SOURCE], check=True)
    return [runtime, "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", path, "Workspaces"]


@pytest.mark.parametrize(("app", "name"), [(shop, "shop"), (rides, "rides")])
def test_each_service_message_and_saga_is_found(app: App, name: str, read_with: list[str], tmp_path: Path) -> None:
    design = design_of(app, f"{name}.app:app", NOTHING)

    found = _read(design, read_with, tmp_path)

    assert {line.removeprefix("container ") for line in found if line.startswith("container ")} == {
        service.name for service in design.services
    }
    for edge in edges(design):
        assert f"relationship {edge.origin} {edge.message} {edge.to}" in found
    assert {line.split()[1] for line in found if line.startswith("dynamic ")} == {
        f"s_{saga.name}" for saga in design.sagas
    }


def test_hostile_texts_are_read_as_texts(read_with: list[str], tmp_path: Path) -> None:
    hostile = 'a "quoted" {brace} ${VARIABLE} \\ and\n!script groovy { 1 }\n } // end'
    design = replace(
        design_of(rides, "rides.app:app", NOTHING), domain=hostile, purpose=Fact(hostile, Origin("declared"))
    )
    services = (replace(design.services[0], doc=hostile, team=hostile), *design.services[1:])

    found = _read(replace(design, services=services), read_with, tmp_path)

    assert found[0] == 'workspace a "quoted" {brace} $ {VARIABLE} / and !script groovy { 1 } } // end'
    assert sum(line.startswith("container ") for line in found) == len(design.services)


def _read(design: Design, command: list[str], folder: Path) -> list[str]:
    file = folder / "workspace.dsl"
    file.write_text(structurizr(design), encoding="utf-8")
    ran = subprocess.run([*command, str(file)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2_000:]
    return ran.stdout.splitlines()

"""The import contracts of pyproject.toml hold, and each is seen red once by a planted import."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Contract -> the file that breaks it and the import planted there; an import may break its neighbours as well.
PLANTED = {
    "Floors": ("message.py", "import partita.runtime.path.pipeline"),
    "The rooms of the runtime": ("runtime/path/pipeline.py", "import partita.runtime.failing.setting_aside"),
    "Each schema language is derived from the fields": ("schemas/fields/field.py", "import partita.schemas.avro"),
    "The rooms of the design": ("design/model/design.py", "import partita.design.brief.refused"),
    "Adapters are reached only through connect": ("runtime/path/pipeline.py", "from partita.bus.log.bus import LogBus"),
    "Stores and buses are chosen by the assembly": ("app.py", "import partita.store.connect"),
    "The command line asks and prints": ("cli/why.py", "import partita.bus.port"),
    "Adapters do not know each other": ("store/sqlite/store.py", "import partita.bus.log.bus"),
    "No cycles between siblings": ("store/sqlite/schema.py", "import partita.store.sqlite.store"),
    "The pure core does no I/O": ("sagas/state.py", "import asyncio"),
    "Only the SQLite adapters import sqlite3": ("outbox/relay.py", "import sqlite3"),
    "Only the PostgreSQL adapters import asyncpg": ("outbox/relay.py", "import asyncpg"),
    "Only its driver imports a user's database library": ("outbox/drivers/django.py", "import psycopg"),
    "Only the Kafka bus imports confluent_kafka": ("outbox/relay.py", "import confluent_kafka"),
    "Only codec and schemas import fastavro": ("runtime/path/pipeline.py", "import fastavro"),
    "Only the classes of messages import google.protobuf": ("codec/protobuf.py", "import google.protobuf.message"),
    "Only the PDF imports weasyprint": ("design/rendering/html.py", "import weasyprint"),
    "Only the command line imports click": ("app.py", "import click"),
    "Only the metrics page imports prometheus_client": ("app.py", "import prometheus_client"),
    "Only the shop's API and the HTTP server import a web framework": ("app.py", "import fastapi"),
    "The shop uses the public API only": ("examples/shop/orders.py", "import partita.store.port"),
    "The rides use the public API only": ("examples/rides/drivers.py", "import partita.store.port"),
    "The claims use the public API only": ("examples/claims/desk.py", "import partita.store.port"),
    "Nobody below the examples imports the front door": ("outbox/relay.py", "from partita import App"),
}
# A contract that lists many is seen red for those that its first violation does not touch.
PLANTED_TOO = [
    (
        "Adapters are reached only through connect",
        "runtime/system.py",
        "from partita.bus.postgres.bus import PostgresBus",
    ),
    ("Adapters do not know each other", "bus/postgres/bus.py", "import partita.store.postgres.store"),
    ("Only the PostgreSQL adapters import asyncpg", "bus/postgres/bus.py", "import asyncpg"),
    ("The claims use the public API only", "examples/claims/sagas.py", "from partita.sagas.timer import after"),
    ("The claims use the public API only", "examples/claims/sagas.py", "from partita.schemas.money import Money"),
]


def test_every_contract_holds() -> None:
    """An import that goes up a floor is where a design begins to rot."""
    code, said = _lint(ROOT)
    assert code == 0, said


def test_every_contract_has_a_planted_violation() -> None:
    """A contract that was never red may be one that cannot be."""
    assert [contract["name"] for contract in _contracts()] == list(PLANTED)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("contract", "where", "line"), [*((c, *planted) for c, planted in PLANTED.items()), *PLANTED_TOO]
)
def test_a_planted_import_breaks_its_contract(contract: str, where: str, line: str, tmp_path: Path) -> None:
    """The copy differs from the tree by one line, and that line is what the linter names."""
    shutil.copytree(ROOT / "src/partita", tmp_path / "src/partita", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    path = tmp_path / "src/partita" / where
    path.write_text(path.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")

    code, said = _lint(tmp_path)

    importer = "partita." + where.removesuffix(".py").replace("/", ".")
    assert code == 1, said
    assert re.search(rf"^{re.escape(contract)} BROKEN", said, re.MULTILINE), said
    assert re.search(rf"^{re.escape(contract)}\n-+\n(?:.*\n)*?.*{re.escape(importer.rpartition('.')[2])}", said, re.M)


def test_no_circle_of_imports_is_excused() -> None:
    """An exception once hid two: a message and its service, a saga's definition and its compiler."""
    for name in ("Floors", "No cycles between siblings"):
        assert "ignore_imports" not in next(c for c in _contracts() if c["name"] == name)


@pytest.mark.parametrize(("example", "doors"), [("rides", {"waiting"}), ("claims", {"sagas", "schemas", "waiting"})])
def test_no_part_of_the_framework_is_missing_from_what_an_example_may_not_import(example: str, doors: set[str]) -> None:
    """The contract names what is forbidden: a new folder of the framework must not be free to be used. The rooms of a door are
    forbidden."""
    contract = next(c for c in _contracts() if c["name"] == f"The {example} use the public API only")
    parts = {f"partita.{path.stem}" for path in (ROOT / "src/partita").iterdir() if path.suffix in ("", ".py")}
    free = {"partita.__init__", "partita.__pycache__", "partita.examples"} | {f"partita.{door}" for door in doors}
    assert parts - free - set(contract["forbidden_modules"]) == set()


def test_the_shop_may_use_the_door_of_the_schemas_and_none_of_its_rooms() -> None:
    """A new room must not be free to be used."""
    contract = next(c for c in _contracts() if c["name"] == "The shop uses the public API only")
    rooms = {f"partita.schemas.{path.stem}" for path in (ROOT / "src/partita/schemas").iterdir()}
    free = {"partita.schemas.__init__", "partita.schemas.__pycache__"}
    assert rooms - free - set(contract["forbidden_modules"]) == set()
    assert "partita.schemas" not in contract["forbidden_modules"]


def test_a_folder_on_no_floor_is_refused(tmp_path: Path) -> None:
    """A new folder has to say where it stands before anybody may import it."""
    shutil.copytree(ROOT / "src/partita", tmp_path / "src/partita", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "src/partita/gossip").mkdir()
    (tmp_path / "src/partita/gossip/__init__.py").write_text('"""Gossip."""\n', encoding="utf-8")

    code, said = _lint(tmp_path)

    assert code == 1, said
    assert "partita.gossip" in said


def _contracts() -> list[dict[str, Any]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts: list[dict[str, Any]] = settings["tool"]["importlinter"]["contracts"]
    return contracts


def _lint(root: Path) -> tuple[int, str]:
    """Exit code and words of the linter, on the sources under `root` and no others."""
    program = Path(sys.executable).with_name("lint-imports")
    environment = {**os.environ, "PYTHONPATH": str(root / "src"), "NO_COLOR": "1", "COLUMNS": "200"}
    done = subprocess.run(
        [program, "--no-cache"], cwd=root, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr

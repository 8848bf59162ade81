"""The project of a design runs at once: its types, its tests, our own lints, its demo; and its tests can fail."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.design.skeleton.commands import (
    PARTITA,
    check_lints,
    check_tests,
    check_types_and_style,
    python,
    run,
)
from tests.unit.design.skeleton.sample import positions
from tests.waiting import until_blocking

from partita.design.skeleton.project import project_of
from partita.design.skeleton.regenerating import rewriting

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # several programs, one after the other
DESIGNS = Path(__file__).resolve().parents[4] / "docs/designs"
INVENTORY = "order_processing/handlers/inventory_service.py"

REFERENCE = {
    "type": "record",
    "name": "OrderPlaced",
    "namespace": "shop.order.v1",
    "fields": [
        {"name": "orderId", "type": "string"},
        {"name": "customerId", "type": "string"},
        {"name": "totalCents", "type": "long"},
        {"name": "occurredAt", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    ],
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The orders and the stream of positions, as a project."""
    folder = tmp_path_factory.mktemp("orders")
    write(folder, dict(rewriting(project_of(positions()), {}).writes))
    yield folder


def write(folder: Path, texts: dict[str, str]) -> None:
    """Write the files of a project."""
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def test_its_types_and_its_style_are_right(project: Path) -> None:
    check_types_and_style(project)


def test_our_own_lints_find_nothing_in_it(project: Path) -> None:
    check_lints(project)


def test_its_tests_pass_and_its_demo_plays_every_outcome(project: Path) -> None:
    tests = python(project, "-m", "unittest")
    assert tests.returncode == 0 and "Ran 23 tests" in tests.stderr, tests.stderr
    demo = python(project, "-m", "order_processing.demo")
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "20 of 20 outcomes as the design promises" in demo.stdout
    assert (
        "undone     ChargePayment is refused: PaymentDeclined: ReleaseStock undid; OrderCancelled published"
        in demo.stdout
    )
    assert not (project / ".partita").exists()


@pytest.mark.parametrize(
    ("old", "new", "finds"),
    [
        (
            'await step_work.take_back(tx, "ReserveStock"',
            'await step_work.take_back(tx, "ReserveStok"',
            "the work of ReserveStock",
        ),
        ("    reply = StockReserved(", '    raise ValueError("forgotten")\n    reply = StockReserved(', "ReserveStock"),
    ],
)
def test_its_tests_can_fail(project: Path, tmp_path: Path, old: str, new: str, finds: str) -> None:
    """An undo that gives nothing back, and a step that always fails, are found by the outcomes."""
    write(
        tmp_path,
        {
            p.relative_to(project).as_posix(): p.read_text()
            for p in project.rglob("*")
            if p.suffix in (".py", ".sql", ".toml")
        },
    )
    text = (tmp_path / INVENTORY).read_text()
    assert old in text
    (tmp_path / INVENTORY).write_text(text.replace(old, new))
    demo = python(tmp_path, "-m", "order_processing.demo")
    assert demo.returncode != 0 and "WRONG" in demo.stdout, demo.stdout
    assert finds in demo.stdout
    faults = python(tmp_path, "-m", "order_processing.faults", "--seeds", "6")
    assert faults.returncode != 0 and "WRONG Checkout, seed" in faults.stdout, faults.stdout
    assert python(tmp_path, "-m", "unittest", "--failfast").returncode != 0


@pytest.mark.parametrize(("name", "outcomes"), [("orders", 21), ("rides", 29), ("claims", 30)])
def test_each_brief_of_the_docs_runs_by_one_command(name: str, outcomes: int, tmp_path: Path) -> None:
    """Its happy path, each declared failure, strict types and our own lints; people answer, or are reminded and silent."""
    folder = tmp_path / name
    built = run(tmp_path, PARTITA, "design", "build", str(DESIGNS / f"{name}.yaml"), "--code", str(folder), "--demo")
    assert built.returncode == 0, built.stdout + built.stderr
    assert f"{outcomes} of {outcomes} outcomes as the design promises" in built.stdout
    check_lints(folder)
    check_types_and_style(folder)
    check_tests(folder, outcomes)
    if name == "claims":
        assert "RemindDecideClaim sent 2 x; EscalateDecideClaim sent 1 x; WithdrawDecision undid" in built.stdout
        assert "when it is given up: ClaimApproved is refused: Overtaken" in built.stdout
        assert "and then otherwise: ClaimRefused is refused: Conflict" in built.stdout
    if name == "rides":
        assert (
            "AssignDriver is answered after 1 min: OfferToNextDriver sent 2 x; FareAuthorised published" in built.stdout
        )
    if name == "orders":
        record = json.loads(
            run(folder, PARTITA, "schema", "show", "OrderPlaced", "--version", "1", "-o", "json").stdout
        )
        assert {**record, "fields": [{k: f[k] for k in ("name", "type")} for f in record["fields"]]} == REFERENCE
    again = run(tmp_path, PARTITA, "design", "build", str(DESIGNS / f"{name}.yaml"), "--code", str(folder))
    assert f"{folder}: wrote 0 files." in again.stdout, again.stdout


def test_dice_choose_its_faults_and_name_each_that_came(project: Path) -> None:
    """The same seeds give the same report; every run ends done or undone."""
    first = python(project, "-m", "order_processing.faults", "--seeds", "6")
    assert first.returncode == 0, first.stdout + first.stderr
    ends, *met = first.stdout.splitlines()
    assert ends.startswith("Checkout: ") and sum(int(word) for word in ends.split() if word.isdigit()) == 6
    assert 6 <= sum(int(line.split(" x ")[0]) for line in met) <= 18
    assert python(project, "-m", "order_processing.faults", "--seeds", "6").stdout == first.stdout


def test_its_services_run_and_take_a_command_from_another_process(project: Path) -> None:
    """`partita run` of its README, then its first command."""
    command = [PARTITA, "run"]
    running = subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert running.stderr is not None
        assert running.stderr.readline().startswith("ready: order-service")
        sent = python(project, "-m", "order_processing.send", "order-7")
        assert sent.returncode == 0, sent.stderr
        until_blocking(lambda: "completed" in run(project, command[0], "saga", "list").stdout)
        running.terminate()
        _, said = running.communicate(timeout=60)
        assert running.returncode == 0, said
    finally:
        running.kill()
        running.communicate()

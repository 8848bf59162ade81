"""The tests of a project record their results, and the document of its design has them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.design.skeleton.commands import PARTITA, python, run
from tests.unit.design.domains import FOLDER

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # several programs, one after the other
ORDERS = str(FOLDER / "orders.yaml")
CASE = "tests.test_outcomes.CheckoutTest.test_checkout_"
NAMED = ("each_command_comes_twice", "reserve_stock_is_not_answered", "charge_payment_is_not_answered")


def build(folder: Path, *words: str) -> tuple[int, str]:
    done = run(folder, PARTITA, "design", "build", ORDERS, *words)
    return done.returncode, done.stdout + done.stderr


def test_the_document_marks_what_ran_and_says_what_failed(tmp_path: Path) -> None:
    """An undo that gives nothing back fails one of three tests. The document is as it was built until the next build; the run
    of another design and a damaged record are refused."""
    code, said = build(tmp_path, "--code", "project")
    assert code == 0, said
    project = tmp_path / "project"
    inventory = project / "order_processing/handlers/inventory_service.py"
    inventory.write_text(inventory.read_text().replace('take_back(tx, "ReserveStock"', 'take_back(tx, "ReserveStok"'))
    done = python(project, "-m", "tests", *(CASE + name for name in NAMED))
    assert done.returncode == 1 and "3 tests; recorded in .partita/ran.json" in done.stdout, done.stdout + done.stderr
    record = project / ".partita/ran.json"

    code, said = build(tmp_path, "-o", "document", "--to", "md", "--ran", str(record))
    assert code == 0, said
    assert "passed = 2; FAILED = 1; without a result = 20." in said
    assert (
        "FAILED tests/test_outcomes.py::CheckoutTest::test_checkout_charge_payment_is_not_answered: ChargePayment gets"
        in said
    )
    (file,) = (tmp_path / "document").glob("*.md")
    document = file.read_text(encoding="utf-8")
    lists = [line for line in document.splitlines() if line.startswith("| `tests/test_")]
    assert sorted(line.split("::")[2].split("`")[0] for line in lists if "| ran " in line) == sorted(
        f"test_checkout_{name}" for name in NAMED[:2]
    )
    assert "`test_checkout_charge_payment_is_not_answered` FAILED" in document
    checked = run(tmp_path, PARTITA, "design", "check", ORDERS, "--documents", "document")
    assert checked.returncode == 0, checked.stdout + checked.stderr

    rides = run(tmp_path, PARTITA, "design", "build", str(FOLDER / "rides.yaml"), "-o", "rides", "--ran", str(record))
    assert rides.returncode != 0 and "is the run of another project" in rides.stderr, rides.stderr
    assert not (tmp_path / "rides").exists()
    (tmp_path / "half.json").write_text(record.read_text()[:200])
    code, said = build(tmp_path, "-o", "half", "--ran", "half.json")
    assert code != 0 and "half.json is no record of a run" in said and not (tmp_path / "half").exists()

    assert (tmp_path / "document/ran.json").is_file()
    code, said = build(tmp_path, "-o", "document", "--to", "md")
    assert code == 0 and not (tmp_path / "document/ran.json").exists(), said
    assert " FAILED" not in file.read_text(encoding="utf-8")

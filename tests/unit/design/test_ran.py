"""The results of a project's tests in its document: measured is what ran and passed, and nothing else."""

from __future__ import annotations

import pytest
from tests.unit.design.skeleton import sample

from partita.design.document.block import PLANNED, Document, M, Paragraph, Table
from partita.design.document.building import document_of
from partita.design.document.run import BYTES_MAX, Result, Run, read_run
from partita.design.document.shown import Shown
from partita.design.skeleton.project import project_of, shown_of
from partita.errors import Conflict, Malformed

CASE = "tests/test_outcomes.py::CheckoutTest::test_checkout_"
REFUSED = f"{CASE}reserve_stock_is_refused_by_stock_rejected"
SILENT = f"{CASE}charge_payment_is_not_answered"
TWICE = f"{CASE}each_command_comes_twice"


def ran(tests: dict[str, Result], commit: str = "1a2b3c4") -> Run:
    return Run(shown_of(sample.orders()).project, "2026-11-30T12:00:00Z", commit, tests)


def document(tests: dict[str, Result]) -> Document:
    return document_of(sample.orders(), shown_of(sample.orders()).after(ran(tests), "ran.json"))


def rows(found: Document, number: str) -> list[tuple[tuple[str, ...], object]]:
    """The cells and the mark of each row of a section."""
    (section,) = [each for each in found.sections if each.number == number]
    return [(row.cells, row.mark) for block in section.blocks if isinstance(block, Table) for row in block.rows]


def said(found: Document, number: str) -> list[str]:
    (section,) = [each for each in found.sections if each.number == number]
    return [block.text for block in section.blocks if isinstance(block, Paragraph)]


def test_a_row_is_measured_where_its_tests_passed_and_nowhere_else() -> None:
    """A failed test, a skipped one and one without a result measure nothing; a test of another project is unknown."""
    found = document({REFUSED: "passed", SILENT: "failed", TWICE: "skipped", f"{CASE}of_somebody_else": "passed"})
    matrix = {cells[:2]: (cells[-1], mark) for cells, mark in rows(found, "B") if len(cells) == 6}
    assert matrix["`ReserveStock`", "refused"] == ("`test_checkout_reserve_stock_is_refused_by_stock_rejected` ran", M)
    assert matrix["`ChargePayment`", "timeout"] == ("`test_checkout_charge_payment_is_not_answered` FAILED", PLANNED)
    assert matrix["`ReserveStock`", "duplicate"] == ("`test_checkout_each_command_comes_twice` not run", PLANNED)
    measured = [cells for cells, mark in rows(found, "B") if mark is M]
    assert len(measured) == 1
    tests = {cells[0]: (cells[-1], mark) for cells, mark in rows(found, "H") if "::" in cells[0]}
    assert tests.pop(f"`{REFUSED}`") == ("ran 2026-11-30 at 1a2b3c4", M)
    assert tests.pop(f"`{SILENT}`") == ("FAILED 1 of 1, 2026-11-30 at 1a2b3c4", PLANNED)
    assert set(tests.values()) == {("not run", PLANNED)}


def test_a_failed_test_is_named_first() -> None:
    """A reader of section 13 or of the list of tests cannot overlook it."""
    found = document({REFUSED: "passed", SILENT: "failed"})
    for number in ("13", "H"):
        first, second, *_ = said(found, number)
        assert first == "The tests ran 2026-11-30 at 1a2b3c4: passed = 1; FAILED = 1; without a result = 20."
        assert second == f"FAILED: `{SILENT}`."
    results = {cells[0]: cells[-1] for cells, _ in rows(found, "13") if cells[-1].startswith("FAILED")}
    assert results == {"each end of Checkout": "FAILED 1 of 22, 2026-11-30 at 1a2b3c4"}


def test_a_requirement_of_several_tests_is_measured_when_all_have_passed() -> None:
    """One that is missing leaves it planned, with the number of those that passed."""
    every = [test.node for test in project_of(sample.orders()).tests]
    found = {cells[0]: (cells[-1], mark) for cells, mark in rows(document(dict.fromkeys(every, "passed")), "13")}
    assert found["each end of Checkout"] == ("ran 2026-11-30 at 1a2b3c4", M)
    found = {cells[0]: (cells[-1], mark) for cells, mark in rows(document(dict.fromkeys(every[1:], "passed")), "13")}
    assert found["each end of Checkout"] == ("ran 21 of 22, 2026-11-30 at 1a2b3c4", PLANNED)


def test_the_run_of_another_project_is_refused() -> None:
    """Its tests may have the same names, and show another design."""
    other = Run("0" * 64, "2026-11-30T12:00:00Z", "", {REFUSED: "passed"})
    with pytest.raises(Conflict, match="old.json is the run of another project, 000000000000; this design gives"):
        shown_of(sample.orders()).after(other, "old.json")
    with pytest.raises(Conflict, match="this design gives none"):
        Shown().after(other, "old.json")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "truncated"),
        (b'{"project": "', "truncated"),
        (b"\xff\xfe", "malformed"),
        (b"[]", "Expected `object`"),
        (b'{"project": "x", "at": "2026-11-30T12:00:00Z", "commit": "", "tests": {}}', "regex"),
        (b'{"project": "%b", "at": "today", "commit": "", "tests": {}}' % (b"0" * 64), "regex"),
        (b'{"project": "%b", "at": "2026-11-30T12:00:00Z", "commit": "<b>", "tests": {}}' % (b"0" * 64), "regex"),
        (b'{"project": "%b", "at": "2026-11-30T12:00:00Z", "commit": "", "tests": {"a": "ok"}}' % (b"0" * 64), "Invalid enum"),
        (b'{"project": "%b", "at": "2026-11-30T12:00:00Z", "commit": "", "tests": {}, "more": 1}' % (b"0" * 64), "unknown field"),
        (b" " * (BYTES_MAX + 1), "more than 5,000,000 bytes"),
    ],
)  # fmt: skip
def test_a_damaged_record_is_refused_with_the_reason(data: bytes, why: str) -> None:
    """Half a record measures nothing."""
    with pytest.raises(Malformed, match=f"ran.json.*{why}") as refused:
        read_run(data, "ran.json")
    assert "make test in the project writes it: .partita/ran.json" in str(refused.value)

"""The planted bugs fit the code and the list of them; some are planted here, all by `make prove-planted`."""

from __future__ import annotations

import pytest
from tests.planted.listing import GUARANTEES, PAGE, page
from tests.planted.planting import Plant, Unplantable, instead, locate, planted, swap
from tests.planted.prove import prove, run_tests
from tests.planted.table import PLANTS

FASTEST = (
    "parked-handed-out",
    "dedupe-key-without-handler",
    "late-reply-ignored",
    "cleaned-by-wall-clock",
    "bytes-dropped",
)


@pytest.mark.parametrize("name", PLANTS)
def test_each_bug_can_be_planted(name: str) -> None:
    """A target that is gone, or reads otherwise, would make a plant that does nothing."""
    planted(PLANTS[name])


def test_each_test_that_finds_one_exists() -> None:
    """With its case, where it has several."""
    code, said = run_tests(list(dict.fromkeys(plant.found_by for plant in PLANTS.values())), {}, "--collect-only")
    assert code == 0, said[-2_000:]


def test_each_guarantee_is_broken_by_several() -> None:
    """And whatever else the list has a heading for. G8 promises nothing."""
    assert {plant.guarantee for plant in PLANTS.values()} == set(GUARANTEES)
    for guarantee in GUARANTEES:
        assert sum(plant.guarantee == guarantee for plant in PLANTS.values()) >= 5


def test_the_list_in_the_guide_is_the_table() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(text), "python -m tests.planted.listing"


@pytest.mark.parametrize(
    ("target", "under", "edit", "says"),
    [
        ("Admission.was_removed", "", swap("a", "b"), "nowhere"),
        ("ADD", "store/sqlite", swap("a", "b"), "outbox.py, .*parking.py"),
        ("Binding.identity", "", swap("text that is gone", ""), "stands there 0 times"),
        ("Binding.identity", "", swap("type_name: str", "type_name: str"), "stays what it is"),
        ("Binding.identity", "", instead("return (\n"), "no Python"),
    ],
    ids=["gone", "there twice", "reads otherwise", "changes nothing", "no Python"],
)
def test_what_cannot_be_planted_fails_loudly(target: str, under: str, edit: object, says: str) -> None:
    with pytest.raises(Unplantable, match=says):
        planted(Plant("G1", "", target, edit, "", under))  # type: ignore[arg-type]  # each is an Edit


def test_a_target_is_found_by_its_name_alone() -> None:
    """It may move from module to module."""
    assert locate(PLANTS["dedupe-key-without-handler"]).module == "partita.catalog.binding"


@pytest.mark.slow
def test_a_bug_that_no_test_runs_into_is_told() -> None:
    """A test that never imports the planted module proves nothing, nor does one that stays green."""
    plant = PLANTS["parked-handed-out"]
    elsewhere = Plant("G2", "", plant.target, plant.edit, "tests/unit/test_errors.py", plant.under)
    assert prove("parked-handed-out", elsewhere).verdict == "NOT PLANTED"
    blind = Plant("G2", "", plant.target, plant.edit, FINDS_OTHERS, plant.under)
    assert prove("parked-handed-out", blind).verdict == "NOT FOUND"


FINDS_OTHERS = "tests/conformance/test_adapters.py::test_the_sqlite_store[a_row_keeps_its_bytes]"


@pytest.mark.slow
@pytest.mark.parametrize("name", FASTEST)
def test_a_planted_bug_is_found(name: str) -> None:
    result = prove(name, PLANTS[name])
    assert result.verdict == "found", result.said

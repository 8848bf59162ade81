"""The model answers which services hear an event, and where the point of no return lies."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.design.sample import SAID, a_saga, nothing

from partita.design.model.choreography import Choreography, Reaction
from partita.design.model.origin import Fact
from partita.design.model.saga import StepKind


def test_an_event_is_heard_by_reactions_and_by_the_saga_that_waits_for_it() -> None:
    design = replace(
        nothing(),
        sagas=(a_saga("step", "pivot", "retriable"),),
        choreographies=(
            Choreography("After", Fact("", SAID), (Reaction(("Ok1", "Start"), "crm", "tells", SAID),), SAID),
        ),
    )

    assert design.consumers("Ok1") == ("crm", "home")
    assert design.consumers("Fail1") == ("home",)
    assert design.consumers("Other") == ()


@pytest.mark.parametrize(
    ("kinds", "index"),
    [(("step", "pivot", "retriable"), 1), (("step", "step", "retriable"), 1), (("retriable", "retriable"), -1)],
)
def test_the_point_of_no_return_is_the_pivot_or_the_last_step_before_a_retriable(
    kinds: tuple[StepKind, ...], index: int
) -> None:
    assert a_saga(*kinds).pivot == index


def test_a_name_that_the_design_does_not_have_is_an_error() -> None:
    with pytest.raises(KeyError, match="Nothing"):
        nothing().event("Nothing")

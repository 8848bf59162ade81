"""The model answers who hears an event, and where the point of no return lies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from partita.design.model.choreography import Choreography, Reaction
from partita.design.model.delivery import BusDesign, FailurePolicy
from partita.design.model.design import Design
from partita.design.model.load import Load
from partita.design.model.origin import Fact, Origin
from partita.design.model.saga import SagaDesign, StepDesign, StepKind

SAID = Origin("declared", "orders.yaml:1")


def test_an_event_is_heard_by_reactions_and_by_the_saga_that_waits_for_it() -> None:
    design = replace(
        _nothing(),
        sagas=(_saga("step", "pivot", "retriable"),),
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
    assert _saga(*kinds).pivot == index


def test_a_name_that_the_design_does_not_have_is_an_error() -> None:
    with pytest.raises(KeyError, match="Nothing"):
        _nothing().event("Nothing")


def _saga(*kinds: StepKind) -> SagaDesign:
    steps = tuple(
        StepDesign(
            f"s{n}",
            kind,
            f"Do{n}",
            "there",
            f"Ok{n}",
            (f"Fail{n}",),
            "",
            "",
            Fact(30.0, SAID),
            Fact("undo", SAID),
            SAID,
        )
        for n, kind in enumerate(kinds)
    )
    return SagaDesign("Saga", "home", "Start", "order_id", Fact(900.0, SAID), "", Fact("", SAID), steps, SAID)


def _nothing() -> Design:
    hour = Fact(3600.0, SAID)
    return Design(
        source="orders.yaml",
        domain="orders",
        purpose=Fact("", SAID),
        namespace="orders",
        load=Load((), hour),
        services=(),
        events=(),
        commands=(),
        sagas=(),
        choreographies=(),
        aggregates=(),
        read_models=(),
        rules=(),
        failure=FailurePolicy(Fact((60.0,), SAID), Fact("dead-letter", SAID), Fact("team", SAID), hour),
        compatibility=Fact("BACKWARD_TRANSITIVE", SAID),
        bus=BusDesign(Fact("kafka", SAID), Fact(12, SAID), Fact(3, SAID)),
    )

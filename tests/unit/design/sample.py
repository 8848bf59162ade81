"""A small saga and an empty design, from which tests build their own."""

from __future__ import annotations

from partita.design.model.delivery import BusDesign, FailurePolicy
from partita.design.model.design import Design
from partita.design.model.load import Load
from partita.design.model.origin import Fact, Origin
from partita.design.model.saga import SagaDesign, StepDesign, StepKind

SAID = Origin("declared", "orders.yaml:1")


def a_saga(*kinds: StepKind) -> SagaDesign:
    """A saga of steps s0, s1 and so on."""
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


def nothing() -> Design:
    """A design without parts."""
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

"""A design is kept as JSON."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.design.sample import SAID, a_saga, nothing

from partita.design.model.field import FieldDesign
from partita.design.model.message import EventDesign
from partita.design.model.origin import Fact, Origin
from partita.design.model.text import from_json, to_json
from partita.errors import Malformed


def test_a_design_is_the_same_after_its_way_through_json() -> None:
    line = FieldDesign("lines", "list", SAID, of="record", fields=(FieldDesign("sku", "string", SAID, pii=True),))
    event = EventDesign(
        "OrderPlaced",
        "orders",
        "order_id",
        (line,),
        Fact("", SAID),
        "event",
        Fact(1.5, SAID),
        Fact(80, SAID),
        Fact(None, SAID),
        SAID,
    )
    design = replace(
        nothing(), sagas=(a_saga("step", "pivot"),), events=(event,), purpose=Fact("ü", Origin("assumed", why="x"))
    )

    assert from_json(to_json(design), "design.json") == design


@pytest.mark.parametrize("text", ["", "[]", '{"source": 1}', "{", '{"source": "a"}'])
def test_another_text_is_refused_with_its_source(text: str) -> None:
    with pytest.raises(Malformed, match=r"docs/design\.json is no design"):
        from_json(text, "docs/design.json")

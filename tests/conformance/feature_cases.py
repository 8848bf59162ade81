"""The cases of the bus's suite as pytest's parameters: a case that is not run for a bus is listed as skipped, with the
features that the bus lacks."""

from __future__ import annotations

from typing import Any

import pytest

from partita.bus.features import Feature
from partita.testing.conformance import bus as bus_suite


def listed(features: Feature) -> list[Any]:
    """One parameter for each case. Any: pytest does not export the type of a parameter."""
    left_out = bus_suite.plan(features).left_out
    return [
        pytest.param(
            case,
            id=case.name,
            marks=[pytest.mark.skip(reason=f"the bus lacks {left_out[case.name]}")] if case.name in left_out else [],
        )
        for case in bus_suite.CASES
    ]

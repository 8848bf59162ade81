"""Lost delays: retries that come too late for a step, because its saga has given it up before."""

from __future__ import annotations

from typing import NamedTuple

from partita.catalog.service import service_of
from partita.sagas.definition import SagaDefinition, StepSpec


class LostDelays(NamedTuple):
    """A step that no delayed retry of its participant can save: the saga gives it up after `patience_s`, and the first delayed
    retry comes after `first_s`."""

    saga: SagaDefinition
    step: StepSpec
    patience_s: float
    first_s: float

    @property
    def why(self) -> str:
        """The reason."""
        participant = self.step.command.service.name
        return (
            f"no delayed retry of {participant} can save this step: the first comes after {self.first_s:g} s, and the saga "
            f"gives the step up after {self.patience_s:g} s"
        )

    @property
    def fix(self) -> str:
        """The change that lets a delayed retry come in time."""
        enough = f"seconds({2 * self.first_s:g})"
        wait = f"timeout={enough} at {self.step.place}"
        if self.saga.deadline_s <= self.first_s:
            wait += f" and deadline={enough} or more"
        return f"{wait}, or retry=Retry(delays=({self.patience_s / 3:.3g}, ...)) in {self.step.command.service.name}"


def lost_delays(definition: SagaDefinition) -> tuple[LostDelays, ...]:
    """The steps of a saga that are given up before a delayed retry comes. A step that is sent again, or whose participant is
    asked, waits for the retry until the deadline; one behind the point of no return without end."""
    found = []
    for spec in definition.steps[: definition.pivot_index + 1]:
        delays = service_of(spec.command).retry_for(spec.command).delays
        timeout_s = spec.timeout_s if spec.on_timeout == "undo" else definition.deadline_s
        patience_s = min(timeout_s, definition.deadline_s)
        if delays and patience_s <= delays[0]:
            found.append(LostDelays(definition, spec, patience_s, delays[0]))
    return tuple(found)

"""A design with its parts by their names, for the rules of the check."""

from __future__ import annotations

from partita.design.model.design import Design
from partita.design.model.finding import Finding
from partita.design.model.origin import Origin


class Indexed:
    """A design whose parts are found by name: with 500 events a search through all of them for each name is too slow."""

    def __init__(self, design: Design) -> None:
        self.design = design
        self.events = {each.name: each for each in design.events}
        self.services = {each.name: each for each in design.services}
        self.commands = {each.name: each for each in design.commands}
        self.aggregates = {each.name: each for each in design.aggregates}
        self.read_models = {each.name: each for each in design.read_models}


def finding(rule: str, origin: Origin, at: str, what: str, why: str, write: str) -> Finding:
    """A finding at the line of an origin; line 1 where it has none."""
    line = origin.place.rpartition(":")[2]
    return Finding(int(line) if line.isdecimal() else 1, rule, what, why, write, at)


def span(seconds: float) -> str:
    """A time as a brief writes it: `90s`, `15m`, `24h`, `30d`."""
    for unit, name in ((86_400.0, "d"), (3_600.0, "h"), (60.0, "m")):
        if seconds >= unit and seconds % unit == 0 and not (name == "d" and seconds == 86_400.0):
            return f"{seconds / unit:g}{name}"
    return f"{seconds:g}s" if seconds >= 1 else f"{seconds * 1_000:g}ms"

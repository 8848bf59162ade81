"""The loads of the answers in a brief: each at the event that it counts."""

from __future__ import annotations

import re

from partita.design.brief.asking.generic import Names
from partita.design.brief.asking.rates import Rate
from partita.design.brief.asking.rule_line import ASSUMED, SAID
from partita.design.brief.asking.sections import Sections

_STREAM = re.compile(r"(\w+)_per_(second|minute|hour|day): (\{[^}]*\})")


def set_loads(sections: Sections, rates: tuple[Rate, ...], names: Names, retention: str) -> list[str]:
    """Write the section of loads, and return the loads that count no event of the brief."""
    text = " ".join(sections.lines["load"])
    streams = [(name, unit, inner) for name, unit, inner in _STREAM.findall(text)]
    lines: dict[str, list[tuple[str, str]]] = {
        name: [(f"  {name}_per_{unit}: {inner}", ASSUMED)] for name, unit, inner in streams
    }
    begins = {name: (re.findall(r"begins: (\w+)", inner) or [""])[0] for name, _, inner in streams}
    said: set[str] = set()
    unread: list[str] = []
    for rate in rates:
        name = _stream_of(rate, begins, names, said)
        event = begins.get(name, "") or _event_of(rate, sections)
        if not event:
            unread.append(f"{_plain(rate.steady)} {rate.key} a {rate.unit}")
            continue
        said.add(rate.key or name)
        lines = {key: value for key, value in lines.items() if key != name}
        peak = f", peak: {_plain(rate.peak)}" if rate.peak else ""
        key = f"{(rate.key or name)[:40]}_per_{rate.unit}"
        lines[rate.key or name] = [
            (f"  {key}: {{steady: {_plain(rate.steady)}{peak},", SAID),
            (f"    begins: {event}}}", ASSUMED),
        ]
    kept = re.findall(r"retention: (\w+)", text)[0]
    sections.lines["load"] = ["load:"]
    for name in [*said, *(each for each in lines if each not in said)]:
        for line, comment in lines.get(name, ()):
            sections.add("load", line, None if comment == ASSUMED else comment)
    sections.add("load", f"  retention: {retention or kept}", SAID if retention else None)
    return unread


def _stream_of(rate: Rate, begins: dict[str, str], names: Names, said: set[str]) -> str:
    """The stream that a load is about; the first one where the load is the first, and names no event of another."""
    noun = rate.noun.replace("-", "")
    for name, event in begins.items():
        if noun and (noun in name.replace("_", "") or noun in event.lower()):
            return name
    first = next(iter(begins), "")
    return first if not said and first else ""


def _event_of(rate: Rate, sections: Sections) -> str:
    """An event with the noun of a load in its name."""
    noun = rate.noun.replace("-", "")
    return next((each for each in sections.names("events") if noun and noun in each.lower()), "")


def _plain(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")

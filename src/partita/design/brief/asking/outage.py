"""Outages that an answer names: the steps of the absent service wait for it, and their saga has the time."""

from __future__ import annotations

import re

from partita.design.brief.asking.rule_line import ASSUMED, SAID
from partita.design.brief.asking.sections import Sections
from partita.design.brief.asking.times import seconds, short

LADDER = (1.0, 5.0, 25.0, 60.0, 300.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 28_800.0, 57_600.0, 86_400.0)
"""The waits between tries while a provider is away: quick at first, then seldom."""
OUTLIVES = 1.5
"""An answer may take so many times the outage: afterwards the service works off what waited."""
_STEP = re.compile(r"- \{do: (\w+), at: ([\w-]+),")
_ANY = re.compile(r"\b(?:any|lose|loses|lost|network|nothing|outages?|participants?|services?|systems?)\b")
_PROVIDER = re.compile(r"\b(?:acquirer|banks?|card network|providers?|psp)\b")
"""Words for the world behind the steps that move money."""
_REACTION = re.compile(r", on_timeout: \w+")
_TIMES = re.compile(r", (?:on_timeout: \w+|retry: \[[^\]]*\]|timeout: [\w.]+)")


def outlive(sections: Sections, words: str, time: str) -> bool:
    """Let the steps before the point of no return outlive an outage: those at the services that a text names, else all at other
    services than the saga's own. A step that moves money is asked about later than the outage, and its service tries for as long;
    any other one is sent again. False where the text names no part of the system, or a service without such a step."""
    flows = sections.lines.get("flows", [])
    own = sections.names("producers")[:1]
    services = sections.names("producers") + sections.names("consumers")
    named = {each for each in services if _names(each, words)}
    if not named and not (_ANY.search(words) or _PROVIDER.search(words)):
        return False
    found = False
    for line in list(flows):
        step = _STEP.search(line)
        if step is None or "retriable: yes" in line or "human: yes" in line:
            continue
        outside = "on_timeout: ask" in line if _PROVIDER.search(words) else step[2] not in own
        if (step[2] in named) if named else outside:
            _wait(sections, flows.index(line), time)
            found = True
    if found:
        sections.outage_s = max(sections.outage_s, seconds(time))
    return found


def waits_for(outage_s: float) -> list[float]:
    """The waits between tries that together are longer than an outage."""
    found: list[float] = []
    for wait in LADDER:
        rest = outage_s - sum(found)
        if rest < 0:
            break
        found.append(next((each for each in LADDER[3:] if each > rest), wait) if wait >= 60.0 and wait > rest else wait)
    while sum(found) <= outage_s:
        found.append(LADDER[-1])
    return found


def _wait(sections: Sections, at: int, time: str) -> None:
    """Give a step the times of an outage, on a line of their own. The times that an answer gave to the step stay."""
    flows = sections.lines["flows"]
    line, outage_s = flows[at], seconds(time)
    comment = sections.said.get(line)
    asks = "on_timeout: ask" in line
    if line.endswith(","):
        flows[at] = line if asks else sections.say(f"{line} on_timeout: retry,", comment or ASSUMED)
        return
    first = f"{(_TIMES if asks else _REACTION).sub('', line.removesuffix('}'))},"
    own = "on_timeout: retry"
    if asks:
        waits = waits_for(outage_s)
        limit = short(max(OUTLIVES * outage_s, 1.25 * sum(waits)))
        own = f"timeout: {limit}, on_timeout: ask, retry: [{', '.join(short(each) for each in waits)}]"
    flows[at : at + 1] = [
        first if comment is None else sections.say(first, comment),
        sections.say(f"         {own}}}", f"{SAID}: an outage of {time} ends nothing"),
    ]


def _names(service: str, words: str) -> bool:
    """Whether a text names a service, by its whole name or by the first word of it."""
    plain = service.removesuffix("-service").replace("-", "[ -]")
    return re.search(rf"(?<![a-z]){plain}s?(?![a-z])", words) is not None

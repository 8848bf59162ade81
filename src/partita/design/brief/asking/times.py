"""Times of answers at the steps of a draft, and a deadline that is as long as they are together."""

from __future__ import annotations

import re
from collections.abc import Iterator

from partita.design.brief.asking.deed import Deed
from partita.design.brief.asking.rule_line import SAID
from partita.design.brief.asking.sections import Sections
from partita.design.brief.deriving.verbs import words_of
from partita.design.brief.matching import seconds_of

_TIMEOUT = re.compile(r", timeout: ([\w.]+)")
_WAITS = {
    "remind": re.compile(r", remind: \[([^\]]*)\]"),
    "retry": re.compile(r", retry: \[([^\]]*)\]"),
    "escalate": re.compile(r", escalate: (\{[^}]*\}|\[[^\]]*\])"),
    "timers": re.compile(r", timers: (\[[^\]]*\])"),
}
STAYS_OPEN = re.compile(r", on_timeout: retry")
"""The reaction of a step that no clock ends before the deadline."""
OPEN = "1y"
"""The deadline of a saga in which a person decides: late enough that no clock decides in the person's place."""
_SPAN = re.compile(r"\b\d[\d.]*(?:ms|[smhdwy])\b")


def seconds(span: str) -> float:
    """The seconds of a time of a brief."""
    return seconds_of(span) or 0.0


def short(value: float) -> str:
    """Seconds as a brief writes them, rounded up to its unit."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if value >= 2 * length or value == length:
            return f"{int(-(-value // length))}{unit}"
    return f"{int(-(-value // 1))}s"


def set_times(sections: Sections, at: str, deed: Deed, do: str = "") -> bool:
    """Give the step of a service, or the one that does `do`, its times; False where there is none."""
    flows = sections.lines.get("flows", [])
    within, remind, (escalate, people) = deed.within, deed.remind, deed.escalate
    for number, line in enumerate(flows):
        is_it = f"do: {do}," in line if do else f"at: {at}," in line
        found = _TIMEOUT.search(line)
        if not is_it or found is None or not (within or remind or escalate or deed.lapses):
            continue
        line = STAYS_OPEN.sub("", line) if deed.lapses else line
        if not (within or remind or escalate):
            flows[number] = sections.say(line, sections.said.get(flows[number], SAID))
            return True
        last = max((seconds(each) for each in (*remind, escalate) if each), default=0.0)
        limit = within or (short(2 * last) if last >= seconds(found[1]) else found[1])
        rest = _TIMEOUT.sub("", line.removesuffix("}"))
        for key, pattern in _WAITS.items():  # assumed ones, where they still fit
            known = pattern.search(rest)
            waits = [seconds(span) for span in _SPAN.findall(known[1])] if known else []
            said = bool(remind if key == "remind" else escalate if key == "escalate" else "")
            fits = sum(waits) < seconds(limit) if key == "retry" else all(span < seconds(limit) for span in waits)
            rest = rest if fits and not said else pattern.sub("", rest)
        own = [f"timeout: {within}"] if within else []
        own += [f"remind: [{', '.join(remind)}]"] if remind else []
        own += [f"escalate: {{after: {escalate}, to: {people}}}"] if escalate else []
        rest += "" if within else f", timeout: {limit}"
        flows[number : number + 1] = [f"{rest},", sections.say(f"         {', '.join(own)}}}", SAID)]
        return True
    return False


def set_timeout(sections: Sections, words: str, time: str) -> bool:
    """Give a time to the step whose command a text speaks of: `a claim is decided within 20 days`."""
    for line in list(sections.lines.get("flows", ())):
        found = re.search(r"- \{do: (\w+), at: ([\w-]+),", line)
        stem = words_of(found[1])[0].lower()[:5].rstrip("e") if found else ""
        if found and "retriable" not in line and len(stem) > 3 and re.search(rf"\b{stem}", words):
            return set_times(sections, found[2], Deed("", "act", within=time), do=found[1])
    return False


def set_deadline(sections: Sections, time: str, comment: str) -> bool:
    """Give the first saga its deadline, where its steps have the time."""
    flows = sections.lines.get("flows", [])
    at = next((at for at, line in enumerate(flows) if line.startswith("    deadline: ")), None)
    if at is None or flows[at] in sections.said or seconds(time) < _total(flows):
        return False
    flows[at] = sections.say(f"    deadline: {time}", comment)
    return True


def fit_deadlines(sections: Sections) -> None:
    """Make an assumed deadline as long as the steps of its saga and an outage that an answer names, and a quarter more."""
    flows = sections.lines.get("flows", [])
    starts = [at for at, line in enumerate(flows) if line.startswith("    deadline: ")]
    for at in starts:
        total = _total(flows[at:]) + sections.outage_s
        if flows[at] in sections.said:
            continue
        if _waits_for_a_person(sections, flows[at:]) and seconds(flows[at].split()[1]) < seconds(OPEN):
            flows[at] = f"    deadline: {OPEN}"
        elif seconds(flows[at].split()[1]) < total:
            flows[at] = f"    deadline: {short(1.25 * total)}"


def _waits_for_a_person(sections: Sections, lines: list[str]) -> bool:
    """Whether the first saga in some lines has a step of a person that stays open."""
    people = {line.strip().partition(":")[0] for line in sections.lines.get("consumers", ()) if "kind: human" in line}
    for line in _first_saga(lines):
        at = re.search(r" at: ([\w-]+),", line)
        if at and STAYS_OPEN.search(line) and (at[1] in people or "human: yes" in line):
            return True
    return False


def _total(lines: list[str]) -> float:
    """The timeouts of the first saga in some lines together."""
    return sum(seconds(each) for line in _first_saga(lines) for each in re.findall(r"(?<!on_)timeout: (\w+)", line))


def _first_saga(lines: list[str]) -> Iterator[str]:
    """The lines up to the end of the first saga."""
    begun = False
    for line in lines:
        if line.startswith("    failed: ") or (begun and re.match(r"  [A-Z]\w*:$", line)):
            return
        begun = begun or "timeout: " in line
        yield line

"""The wishes of the answer about consistency: rules where the form has one, and the words themselves where it has none."""

from __future__ import annotations

import re

from partita.design.brief.asking.answers import span_in
from partita.design.brief.asking.generic import Names
from partita.design.brief.asking.sections import Sections
from partita.design.brief.matching import seconds_of

SAID = "your answer"
DAY_S = 86_400.0
LIMIT = re.compile(
    r"\b(at a time|at most|at least|only one|no more than|never|must not|not exceed\w*|equals?|unique\w*)\b"
)


def add_wishes(sections: Sections, wishes: tuple[str, ...], names: Names) -> None:
    """Put each wish where it belongs; none is dropped."""
    for wish in wishes:
        text = wish.lower()
        if re.fullmatch(r"(window )?(of )?\d+ ?\w+( window)?", text) and span_in(wish):
            _once(sections, f"exactly once for {wish}", names)
        elif re.search(r"\b(exactly.?once|once|twice|duplicat\w*|idempot\w*)\b", text):
            _once(sections, wish, names)
        elif re.search(r"out.of.order|in order|\border(ed|ing)\b", text):
            line = f"  - {{rule: '{_rule(wish)}', kind: order, key: {names.key}}}"
            sections.add("consistency", line, SAID)
        elif re.search(r"\b(audit\w*|history|on record|traceab\w*|explain\w*)\b", text):
            keep = span_in(wish) or "10y"
            line = f"  - {{rule: '{_rule(wish)}', kind: audit, keep: {keep}}}"
            sections.add("consistency", line, SAID if span_in(wish) else f"{SAID}; the time is assumed")
        elif re.search(r"\b(eventual\w*|behind|late|lag\w*|stale\w*|fresh\w*|delay\w*|up.to.date)\b", text):
            _late(sections, wish)
        elif LIMIT.search(text) and sections.names("storage"):
            _invariant(sections, wish)
        elif re.search(r"\b(strong\w*|immediate\w*|read.your\w*|linear\w*)\b", text):
            sections.notes.append(
                f'your answer: "{wish}". Within one service it holds: a command changes its aggregate and answers in one '
                "transaction. Across services a saga keeps it. A read model is behind: ask the service that owns the thing."
            )
        else:
            sections.notes.append(
                f'your answer: "{wish}". No rule of this form says it yet: write one under `consistency`.'
            )


def _once(sections: Sections, wish: str, names: Names) -> None:
    """A rule of an effect with the words of the wish; a longer window is one of the consumers too."""
    window = span_in(wish)
    window = (
        "24h" if 0 < (seconds_of(window) or 0) < DAY_S else window
    )  # it covers a shorter one, which retries may outlast
    known = [line for line in sections.lines.get("consistency", ()) if "exactly-once-effect" in line]
    generic = re.fullmatch(r"(?i)(with )?exactly.?once( effects?| delivery| processing)?( within .*| for .*)?", wish)
    if known and (generic or not window):
        old = known[0]
        new = re.sub(r"window: \w+", f"window: {window}", old) if window else old
        if not generic:
            new = re.sub(r"rule: .*?, kind:", lambda _: f"rule: '{_rule(wish)}', kind:", old)
        _replace(
            sections,
            old,
            new,
            SAID if window or not generic else f"{SAID}: exactly-once effects; its words are assumed",
        )
    else:
        line = f"  - {{rule: '{_rule(wish)}', kind: exactly-once-effect, key: {names.key}, window: {window or '24h'}}}"
        sections.add("consistency", line, SAID if window else f"{SAID}; the window is assumed")
    if window and (seconds_of(window) or 0) > DAY_S:
        failure = sections.lines["failure"][0]
        _replace(
            sections,
            failure,
            re.sub(r"window: \w+", f"window: {window}", failure),
            f"{SAID}; the rest is assumed",
            "failure",
        )


def _invariant(sections: Sections, wish: str) -> None:
    """A limit is kept by the aggregate that the words name, else by the first one: one transaction can check it."""
    aggregates = sections.names("storage")
    words = re.findall(r"[a-z]+", wish.lower())
    named = [each for each in aggregates if any(word.startswith(each.lower()) for word in words)]
    line = f"  - {{rule: '{_rule(wish)}', kind: invariant, across: [{(named or aggregates)[0]}]}}"
    sections.add("consistency", line, f"{SAID}; the aggregate is assumed")


def _late(sections: Sections, wish: str) -> None:
    known = [
        line
        for line in sections.lines.get("consistency", ())
        if "kind: staleness" in line and line not in sections.said
    ]
    late = span_in(wish)
    if not known:
        sections.notes.append(
            f'your answer: "{wish}". No read model is in this brief: each reaction comes later than its event.'
        )
    for old in known if late else known[:1]:
        new = re.sub(r"max: \w+", f"max: {late}", old) if late else old
        new = re.sub(r"at most \d+ \w+ behind", f"at most {late} behind", new) if late else new
        _replace(sections, old, new, SAID if late else f"{SAID}: eventual; the time is assumed")


def _replace(sections: Sections, old: str, new: str, comment: str, key: str = "consistency") -> None:
    lines = sections.lines[key]
    lines[lines.index(old)] = sections.say(new, comment)


def _rule(wish: str) -> str:
    return re.sub(r"\s+", " ", wish)

"""Answers of different people in plain words: services, steps, loads, windows and times are where the answers put them."""

from __future__ import annotations

import re

import pytest
from tests.unit.design.brief.domains import DOMAINS as READ
from tests.unit.design.brief.unseen import UNSEEN

from partita.design.brief.asking.answers import read_answers
from partita.design.brief.asking.drafting import draft
from partita.design.brief.form import UNITS
from partita.design.brief.reading import read_brief
from partita.design.checking.rules import Verdict, check
from partita.design.model.design import Design
from partita.design.model.saga import StepDesign
from partita.design.skeleton.names import check_names

QUESTIONS_MAX = 6
DOMAINS = {**READ, **UNSEEN}


def drafted(name: str) -> tuple[str, Design]:
    text = draft(read_answers(*DOMAINS[name].answers))
    return text, read_brief(text, f"{name}.yaml")


def step_text(step: StepDesign) -> str:
    undo = f"/{step.undo}" if step.undo else ""
    return f"{step.do}@{step.at}{undo}{'!' if step.kind == 'pivot' else ''}{'*' if step.human else ''}"


@pytest.mark.parametrize("name", DOMAINS)
def test_the_services_and_the_steps_are_those_of_the_answers(name: str) -> None:
    """A clause that became a service of its own would be the first thing that a reader sees."""
    _, design = drafted(name)

    assert check(design) == Verdict((), ())
    check_names(design)
    assert design.domain == DOMAINS[name].name
    assert {each.name for each in design.services} == set(DOMAINS[name].services.split())
    assert " ".join(step_text(step) for _, step in design.steps) == DOMAINS[name].steps
    assert design.sagas[0].start == DOMAINS[name].start


@pytest.mark.parametrize("name", DOMAINS)
def test_every_number_of_the_answers_is_in_its_place(name: str) -> None:
    text, design = drafted(name)
    wanted = DOMAINS[name]
    loads = {each.name: each for each in design.load.streams}

    for noun, (steady, peak, unit) in wanted.load.items():
        assert loads[noun].steady.value == pytest.approx(steady / UNITS[unit])
        assert peak == 0 or loads[noun].peak.value == pytest.approx(peak / UNITS[unit])
        assert loads[noun].steady.origin.mark == "declared"
    assert {each.read: each.max for each in design.rules if each.kind == "staleness"} == wanted.late
    assert tuple(each.window for each in design.rules if each.kind == "exactly-once-effect") == wanted.windows
    assert tuple(each.keep for each in design.rules if each.kind == "audit") == wanted.keep
    assert {
        step.do: (step.timeout.value, tuple(each.after for each in step.timers if each.kind == "remind"))
        for _, step in design.steps
        if step.do in wanted.times
    } == wanted.times
    escalations = [(each.after, each.to) for _, step in design.steps for each in step.timers if each.kind == "escalate"]
    assert wanted.escalate in ((), *escalations)
    assert wanted.retries in ((), design.failure.retry_topics.value)
    assert wanted.deadline in (0.0, design.sagas[0].deadline.value)
    assert not wanted.kinds or sorted(each.kind for each in design.rules) == sorted(wanted.kinds.split())
    assert "your answer" in text


@pytest.mark.parametrize("name", DOMAINS)
def test_questions_are_few_and_words_without_a_place_are_among_them(name: str) -> None:
    text, design = drafted(name)
    notes = [line for line in text.splitlines()[2:] if line.startswith("# ")]

    assert len(design.questions) + sum(line.startswith("# question:") for line in notes) <= QUESTIONS_MAX
    asked = "\n".join([*notes, *(each.text for each in design.questions)])
    for words in DOMAINS[name].unread:
        assert words in asked
    assert DOMAINS[name].unread or not notes


@pytest.mark.parametrize("name", DOMAINS)
def test_every_verb_of_an_answer_marks_its_line(name: str) -> None:
    """The architect sees which lines repeat an answer, and what of them is assumed."""
    text, _ = drafted(name)
    answers = read_answers(*DOMAINS[name].answers)
    named = [line for line in text.splitlines() if re.match(r"  [a-z0-9-]+: \{(namespace: \S+ )?team:", line)]

    assert len([line for line in named if "# you named it" in line or "# named after your words" in line]) == len(named)
    for party in (each for each in answers.reactors if each.deeds):
        own = re.compile(rf"(at|who): {re.escape(answers.name_of(party))},.*# your answer")
        assert any(own.search(line) for line in text.splitlines()), party.name

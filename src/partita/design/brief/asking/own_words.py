"""The nouns of a pattern give way to those of the answers: a policyholder, a damage and a cover stay what they were called."""

from __future__ import annotations

import re

from partita.design.brief.asking.answers import Answers
from partita.design.brief.asking.lexicon import WORDS
from partita.design.brief.asking.sections import Sections
from partita.design.brief.asking.wording import plain, plural

TEXT = re.compile(r"(?<=doc: )[^{}]*|(?<=why: )[^{}]*|(?<=does: )[^{}]*|(?<=rule: )[^{}]*")


def speak_as_answered(sections: Sections, answers: Answers) -> None:
    """Replace each noun of a pattern that the answers do not have by another word for the same thing that they have."""
    said = plain(" ".join(answers.texts)).lower()
    for old, others in WORDS["same"].items():
        new = next((each for each in others.split() if _has(said, each)), "")
        if new and not _has(said, old):
            _replace_in_texts(sections, old, new)
            if old in WORDS["named"]["nouns"].split():
                _replace_in_names(sections, old, new)


def _has(text: str, noun: str) -> bool:
    return re.search(rf"\b(?:{re.escape(noun)}|{re.escape(plural(noun))})\b", text) is not None


def _replace_in_texts(sections: Sections, old: str, new: str) -> None:
    """In sentences alone: the name of a service or of a field is a contract."""
    pairs = [(old, new), (plural(old), plural(new)), (old.capitalize(), new.capitalize())]

    def spoken(found: re.Match[str]) -> str:
        text = found[0]
        for before, after in pairs:
            text = re.sub(rf"(?<![\w-]){re.escape(before)}(?![\w-])", after, text)
        return text

    for key, lines in sections.lines.items():
        sections.lines[key] = [TEXT.sub(spoken, line) for line in lines]


def _replace_in_names(sections: Sections, old: str, new: str) -> None:
    """In names of types and fields too, where no other part of the pattern has the new one."""
    text = "\n".join(line for lines in sections.lines.values() for line in lines)
    if re.search(rf"{new.capitalize()}(?![a-z])", text):
        return
    names = [(rf"{old.capitalize()}(?![a-z])", new.capitalize()), (rf"(?<![\w-]){old}(?=:)", new)]
    for key, lines in sections.lines.items():
        for pattern, word in names:
            lines = [re.sub(pattern, word, line) for line in lines]
        sections.lines[key] = lines

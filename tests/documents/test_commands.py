"""Each `partita` command that a page shows, in a block or in a sentence, is one that the command line takes."""

from __future__ import annotations

import re
import shlex

import click
import pytest
from tests.documents.walk import blocks_of
from tests.documents.wheelhouse import ROOT
from tests.tidy.test_deploy import parsed

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES.remove(ROOT / "docs/blocks.md")  # it quotes beginnings
IN_BLOCK = re.compile(r"(?:^|&& |: )(partita [^\n]*)", re.MULTILINE)
IN_SENTENCE = re.compile(r"`(?:PARTITA_\w+=\S+ )?(partita [^`\n]+)`")
# `a|b` is one of two, `...` and capitals stand for the reader's own: no words of the command line.
ALTERNATIVES = re.compile(r"\\?\||\.\.\.|^partita( \w+)?$|\$")


def commands() -> list[str]:
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        said = IN_SENTENCE.findall(re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))
        typed = [line for block in blocks_of(page) if block.language == "sh" for line in IN_BLOCK.findall(block.text)]
        found += [f"{page.name}: {each}" for each in (*typed, *said) if not ALTERNATIVES.search(each)]
    return list(dict.fromkeys(found))


def words_of(command: str) -> list[str]:
    """The arguments that a shell passes to the program, with values in place of the reader's own."""
    words = shlex.split(re.sub(r"( &&| \||\s>|;| --$).*", "", command), comments=True)[1:]
    return [{"N": "2", "URL": "postgresql://host/database"}.get(word, word) for word in words]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PARTITA_STORE", "PARTITA_BUS", "PARTITA_DATA", "PARTITA_APP"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.mark.parametrize("command", commands())
def test_the_command_is_one(command: str) -> None:
    """An option that was renamed would be found by a reader otherwise."""
    words = words_of(command.partition(": ")[2])
    try:
        parsed(words)
    except click.MissingParameter:  # a sentence may name a command without what it acts on
        assert len(words) <= 2, command


def test_there_are_commands_and_a_wrong_one_is_seen() -> None:
    assert len(commands()) > 60
    with pytest.raises(click.UsageError, match="No such option"):
        parsed(words_of("partita journey KEY --vew tree"))

"""`partita design new`: four answers in plain words become a brief."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click

from partita.cli.output import say, talk
from partita.design.brief.asking.answers import ANSWER_MAX, QUESTIONS, read_answers
from partita.design.brief.asking.drafting import draft
from partita.design.brief.asking.understanding import understanding_of
from partita.design.brief.reading import read_brief
from partita.design.checking.rules import check
from partita.errors import SettingsError

EXAMPLES = {
    "domain": "Order processing of a shop: 50 orders a second, 400 at the peak.",
    "producers": "order-service places orders",
    "consumers": "inventory-service reserves the stock and releases it, payment-service charges the payment, "
    "notification-service writes to the customer, analytics keeps sales figures",
    "consistency": "An order is charged at most once, within 24 hours. Reports may be 5 seconds behind.",
}
CORRECTIONS_MAX = 20


@click.command(epilog='Example:  partita design new --domain "fleet maintenance" --producers fleet-service ...')
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--domain", help=QUESTIONS["domain"])
@click.option("--producers", help=QUESTIONS["producers"])
@click.option("--consumers", help=QUESTIONS["consumers"])
@click.option("--consistency", help=QUESTIONS["consistency"])
def new(
    file: Path | None, domain: str | None, producers: str | None, consumers: str | None, consistency: str | None
) -> None:
    """Write a brief from four answers into FILE (default: the domain's name with .yaml). Each line that no answer has says so.

    An answer that no option gives is asked for in the terminal.
    """
    given = {"domain": domain, "producers": producers, "consumers": consumers, "consistency": consistency}
    words = {name: _answer(name, text) for name, text in given.items()}
    answers = read_answers(**words)
    path = file or Path(f"{answers.domain}.yaml")
    text = draft(answers)
    design = read_brief(text, str(path))
    _write(path, text)
    assumed = len(re.findall(r"\sassumed$", text, re.MULTILINE))
    say(
        f"{path}: {len(design.events)} events, {_count(len(design.sagas), 'saga')}; {assumed} lines are assumed, and say so.",
        "",
    )
    for question in design.questions:
        say(f"{question.id}  {question.text}", f"     {question.owner}: {question.decides}", "")
    for note in (line.removeprefix("# ") for line in text.splitlines()[3:] if line.startswith("# ")):
        say(note, "")
    found = check(design).to_mend
    for each in found:
        say(f"{path}:{each.line}: {each.rule}: {each.what}", f"  {each.why}", f"  Write {each.write}", "")
    talk(f"Next: read {path}, then partita design check {path} --ledger")


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _answer(name: str, text: str | None) -> str:
    """The answer of an option, or of the person at the terminal.

    Raises:
        UsageError: there is neither an option nor a terminal.
    """
    if text is None:
        if not sys.stdin.isatty():
            raise click.UsageError(f"--{name} is missing, and no person is at a terminal: {QUESTIONS[name]}")
        text = _asked(name)
    if len(text) > ANSWER_MAX:
        raise SettingsError(f"The answer to --{name} has {len(text):,} characters.", hint="A few words are enough.")
    return text


def _asked(name: str) -> str:
    """Ask a person, and show what is read from the answer until the person is content with it."""
    talk("", QUESTIONS[name], f"  such as: {EXAMPLES[name]}")
    text = str(click.prompt(name, default="", show_default=False, err=True))
    for _ in range(CORRECTIONS_MAX):
        talk("Read as:", *(f"  {line}" for line in understanding_of(name, text[:ANSWER_MAX])))
        again = str(click.prompt("Enter if right, or the whole answer again", default="", show_default=False, err=True))
        if not again.strip():
            break
        text = again
    return text


def _write(path: Path, text: str) -> None:
    """Write a file that does not exist yet.

    Raises:
        SettingsError: it exists.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise SettingsError(f"{path} exists already.", hint="Nothing was changed. Name another file.") from None

"""Output about a stranger's app is about that app: no word of the examples, and no internal name."""

from __future__ import annotations

import asyncio
import importlib
import re
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import click
import pytest
from click.testing import CliRunner
from tests.waiting import until

from partita import App
from partita.cli.main import COMMANDS, cli
from partita.examples.shop.app import app as shop

EXAMPLES = ("demo", "shop")
"""The commands about the examples."""
INSIDE = re.compile(r"typing\.|<class|<function| object at 0x|Traceback|partita\.key")


class Stranger(NamedTuple):
    """A project made by `partita new`, in which one thing was bought."""

    app: App
    letter: str


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stranger]:
    """The project, with the folder of its data as the current one."""
    folder = tmp_path_factory.mktemp("stranger")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PARTITA_APP", "PARTITA_DATA", "PARTITA_STORE", "PARTITA_BUS"):
            patch.delenv(name, raising=False)
        patch.chdir(folder)
        assert CliRunner().invoke(cli, ["new", "tea_house"]).exit_code == 0
        patch.chdir(folder / "tea_house")
        patch.syspath_prepend(str(folder / "tea_house"))
        app: App = importlib.import_module("tea_house.app").app
        messages = importlib.import_module("tea_house.messages")
        yield Stranger(app, asyncio.run(_lived(app, messages)))
        for name in [name for name in sys.modules if name.partition(".")[0] == "tea_house"]:
            del sys.modules[name]


async def _lived(app: App, messages: Any) -> str:
    """One purchase goes through, and one message becomes a dead letter; returns its id."""
    async with app.running() as system:
        await app.send(messages.PlaceOrder(order_id="first", sku="tea"))
        await app.settled()
        store = system.stores["stock"]
        topic = system.catalog.service("stock").commands_topic
        await system.bus.append([_broken(topic)])

        async def dead() -> list[str]:
            async with store.reading() as session:
                return [letter.id for letter in await session.dead_letters.find("stock", 1)]

        (letter,) = await until(dead)
    return str(letter)


def _broken(topic: str) -> Any:
    from partita.bus.port import Outgoing

    return Outgoing(topic, "first", b"no envelope", b"nothing that can be read", "broken-1")


def names_of(app: App) -> set[str]:
    """Every name that an app declares."""
    messages = {name for c in app.catalog.contracts.values() for name in (c.name, c.wire_name)}
    services = {name for s in app.services for name in (s.name, s.namespace)}
    return messages | services | {definition.name for definition in app.definitions}


def foreign(text: str, app: App) -> set[str]:
    """Words of the examples in a text about another app."""
    words = names_of(shop) - names_of(app) - {"client-web", "client.web"}
    found = {word for word in words if re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text)}
    return found | set(re.findall(r"partita (?:demo|shop)\b|partita\.examples[.\w]*|\bthe shop\b", text))


ASKED = [
    "describe",
    "describe service stock",
    "describe service client-web",
    "describe event PlaceOrder",
    "describe event OutOfStock",
    "describe saga Purchase",
    "describe saga Nothing",
    "journey first",
    "journey nothing",
    "why",
    "why first",
    "doctor",
    "saga list",
    "saga show first",
    "saga diagram Purchase",
    "saga retry first --yes",
    "consumers list",
    "consumers pause nothing",
    "outbox status",
    "outbox list",
    "dlq groups",
    "dlq list",
    "dlq show LETTER",
    "dlq replay --rehearse",
    "op list",
    "audit list",
    "audit verify",
    "alerts list",
    "alerts rules",
    "topics describe",
    "topics plan",
    "db status",
    "db check",
    "schema show PlaceOrder",
    "schema show Nothing",
    "schema list",
    "metrics",
    "run --only nothing",
]


@pytest.mark.parametrize("words", ASKED)
@pytest.mark.parametrize("output", ["text", "json"])
def test_an_answer_is_about_the_strangers_app(stranger: Stranger, words: str, output: str) -> None:
    asked = words.replace("LETTER", stranger.letter).split()
    command: click.Command | None = cli
    for word in asked:
        command = command.get_command(click.Context(command), word) if isinstance(command, click.Group) else command
    if output == "json" and command is not None and "output" in {param.name for param in command.params}:
        asked += ["-o", "json"]
    done = CliRunner().invoke(cli, asked)
    said = done.output + (f"{done.exception}" if done.exception else "")
    assert said.strip() and foreign(said, stranger.app) == set() and not INSIDE.search(said), said


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in EXAMPLES])
def test_a_help_page_has_no_word_of_the_shop(stranger: Stranger, name: str) -> None:
    """Its examples use the names of any app."""
    command = cli.get_command(click.Context(cli), name)
    pages = [[name], *([name, verb] for verb in (command.commands if isinstance(command, click.Group) else ()))]
    for page in pages:
        said = CliRunner().invoke(cli, [*page, "--help"]).output
        assert foreign(said, stranger.app) == set(), said


def test_a_foreign_word_is_seen(stranger: Stranger) -> None:
    """Otherwise the test above proves nothing."""
    assert foreign("try partita demo", stranger.app) and foreign("saga Checkout waits", stranger.app) == {"Checkout"}

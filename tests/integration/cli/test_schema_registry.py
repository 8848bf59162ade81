"""`partita schema register`, `check --against URL` and `diff`, against the embedded registry over a socket."""

from __future__ import annotations

import asyncio
import json
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from click.testing import CliRunner, Result
from tests.integration.registry_server.own_registry import served

from partita import App, Event, Key, Service, Since
from partita.cli.main import cli
from partita.errors import NotFound, SettingsError

NAME = "registered_app"


def app_of(**fields: Any) -> App:
    """An app with one event, `Sold`, in each language, with these fields beside its key."""
    services = []
    for codec in ("avro", "json"):
        service = Service(codec, namespace=f"sold.{codec}", codec=codec)
        hints = {name: kind for name, (kind, _) in fields.items()}
        space: dict[str, Any] = {"__annotations__": {"sku": Key[str], **hints}, "__module__": __name__}
        space |= {name: default for name, (_, default) in fields.items() if default is not ...}
        make: Any = type(Event)
        sold = make("Sold", (Event,), space, of=service)

        def hear(event: Any) -> None: ...

        hear.__annotations__["event"] = sold
        service.on(hear)
        services.append(service)
    return App(*services)


@pytest.fixture
def declared() -> Iterator[types.ModuleType]:
    """The module whose `app` the command line imports."""
    module = sys.modules[NAME] = types.ModuleType(NAME)
    module.app = app_of(note=(str, ""))  # type: ignore[attr-defined]
    yield module
    del sys.modules[NAME]


async def run(*words: str) -> Result:
    """The command in a thread: it has an event loop of its own."""
    return await asyncio.to_thread(
        lambda: CliRunner().invoke(cli, ["schema", *words, "--app", f"{NAME}:app"], standalone_mode=False)
    )


async def states(*words: str) -> dict[str, str]:
    found: dict[str, Any] = json.loads((await run("register", *words, "-o", "json")).stdout)
    return {each["message"]: each["state"] for each in found["schemas"]}


async def test_a_registry_gets_the_schemas_once_and_judges_the_next_ones(declared: Any, tmp_path: Path) -> None:
    async with served(tmp_path) as url:
        nothing = await run("check", "--against", url)
        assert isinstance(nothing.exception, NotFound) and "partita schema register" in str(nothing.exception.hint)

        names = ("sold.avro.v1.Sold", "sold.json.v1.Sold")
        assert await states("--registry", url, "--dry-run") == dict.fromkeys(names, "new")
        assert await states("--registry", url) == dict.fromkeys(names, "new"), "the dry run registered one"
        assert await states("--registry", url) == dict.fromkeys(names, "known")
        assert (await run("check", "--against", url)).return_value in (0, None)

        declared.app = app_of(note=(str, ""), place=(Annotated[str, Since(2)], ""))
        assert "may follow those of" in (await run("check", "--against", url)).stdout
        # A registry knows no classes: a schema in JSON that is open takes no new property at its level.
        assert await states("--registry", url) == {names[0]: "new", names[1]: "refused"}

        declared.app = app_of(note=(int, 0))
        refused = await run("check", "--against", url, "--level", "FULL_TRANSITIVE")
        assert "Sold.note" in refused.stdout and "may not follow" in refused.stdout
        said = await run("register", "--registry", url)
        assert said.return_value == 3 and "is refused:" in said.stdout and "nothing was registered" in said.stdout
        declared.app = app_of(note=(str, ""))
        assert set((await states("--registry", url)).values()) == {"known"}, "a refused plan registered a part"


async def test_a_registry_that_is_away_and_an_address_of_none(declared: Any) -> None:
    away = await run("check", "--against", "http://user:secret@127.0.0.1:1")
    assert "cannot be reached" in str(away.exception) and "secret" not in str(away.exception) + away.output
    for words in (["check", "--against", "ftp://host"], ["register"]):
        assert isinstance((await run(*words)).exception, SettingsError)


async def test_a_diff_has_the_lines_and_the_verdicts(declared: Any, tmp_path: Path) -> None:
    declared.app = app_of(note=(str, ""), place=(Annotated[str, Since(2)], ""))
    found = (await run("diff", "sold.avro.v1.Sold@1", "sold.avro.v1.Sold", "--against", str(tmp_path))).stdout
    assert '+      "name": "place",' in found and found.count(": yes\n") == 2
    same = (await run("diff", "sold.json.v1.Sold", "sold.json.v1.Sold", "--against", str(tmp_path))).stdout
    assert same.startswith("no difference\n")
    absent = await run("diff", "sold.avro.v1.Sold@7", "sold.avro.v1.Sold", "--against", str(tmp_path))
    assert isinstance(absent.exception, NotFound) and "It has: 1, 2." in str(absent.exception.hint)


async def test_a_diff_of_a_change_that_hurts_says_whom(declared: Any, tmp_path: Path) -> None:
    """A kept revision stays what it was when the class changes."""
    assert (await run("export", str(tmp_path))).exit_code == 0
    declared.app = app_of(note=(int, 0))
    found = (await run("diff", "sold.avro.v1.Sold@1", "sold.avro.v1.Sold", "--against", str(tmp_path))).stdout
    assert "readers of sold.avro.v1.Sold read messages of sold.avro.v1.Sold@1: no: " in found

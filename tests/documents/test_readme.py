"""The README is true when it is followed as written, from an empty folder and the wheel."""

from __future__ import annotations

import re
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.documents.walk import Block, Walk, blocks_of
from tests.documents.wheelhouse import ROOT, user_environment

from partita import Settings, __version__, seconds
from partita.testing.scenario import Scenario

README = ROOT / "README.md"
BLOCKS = blocks_of(README)
DEMO = "partita demo"
(EXTRA,) = re.findall(r"pip install '(.*\[shop\])'", README.read_text(encoding="utf-8"))


def file(path: str) -> Block:
    """The block that is that file."""
    (found,) = (block for block in BLOCKS if block.path == path)
    return found


def test_the_wheel_has_the_name_that_the_readme_installs(wheels: Path) -> None:
    """A version that is raised makes another name."""
    named = set(re.findall(r"partita-[\w.]+-py3-none-any\.whl", README.read_text(encoding="utf-8")))
    assert named == {f"partita-{__version__}-py3-none-any.whl"} == {path.name for path in wheels.glob("partita-*")}


def test_the_first_example_is_short() -> None:
    """A first look is one screen: some fifteen lines, without those that are empty."""
    assert 15 <= sum(1 for line in file("hello.py").text.splitlines()[1:] if line.strip()) <= 20


@pytest.mark.parametrize("options", [["-i", "-q"], ["-"]], ids=["typed into the prompt", "from stdin"])
def test_the_first_example_may_be_pasted(tmp_path: Path, options: list[str]) -> None:
    """The prompt has no source to read a handler's code from, and ends a block at each empty line."""
    pasted = file("hello.py").text
    done = subprocess.run(
        [sys.executable, *options], input=pasted, cwd=tmp_path, env=user_environment(tmp_path, tmp_path),
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.stdout == "brewing tea 1\n" and "Traceback" not in done.stderr, done.stderr


@pytest.mark.slow
def test_the_first_example_does_nothing_twice(tmp_path: Path) -> None:
    (tmp_path / "hello.py").write_text(file("hello.py").text)

    def run() -> str:
        command = [sys.executable, "hello.py"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60).stdout

    assert (run(), run()) == ("brewing tea 1\n", "")


@pytest.fixture
def purchase(tmp_path: Path) -> Iterator[Any]:
    """The example of a saga as a module."""
    module: Any = types.ModuleType("purchase")
    sys.modules["purchase"] = module
    exec(compile(file("purchase.py").text, "purchase.py", "exec"), module.__dict__)
    module.app = module.app.configured(Settings(data=tmp_path))
    yield module
    del sys.modules["purchase"]


async def stock_of(t: Scenario) -> list[dict[str, Any]]:
    return [dict(row) for row in await t.fetch("stock", "SELECT * FROM stock")]


async def test_the_saga_cancels_where_the_stock_does_not_answer_in_time(purchase: Any) -> None:
    """And what was taken goes back, though it is taken after the time."""
    async with purchase.app.testing() as t:
        t.stub(purchase.TakeStock).is_away()
        await t.send(purchase.PlaceOrder(order_id="o1", sku="tea"))
        await t.advance(seconds(30))
        t.stub(purchase.TakeStock).is_real()
        await t.settled()
        assert await t.saga(purchase.Purchase, "o1") == "undone"
        assert await stock_of(t) == [{"sku": "tea", "free": 1}]


async def test_the_saga_gives_nothing_back_that_was_never_taken(purchase: Any) -> None:
    """An undo comes after each silence, also of a participant that did nothing: one tea would have become two."""
    async with purchase.app.testing() as t:
        t.stub(purchase.TakeStock).is_silent()
        await t.send(purchase.PlaceOrder(order_id="o1", sku="tea"))
        await t.advance(seconds(30))
        await t.settled()
        assert await t.saga(purchase.Purchase, "o1") == "undone"
        assert len(t.sent(purchase.ReturnStock)) == 1
        assert await stock_of(t) == [{"sku": "tea", "free": 1}]


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.long
@pytest.mark.timeout(400)
def test_the_readme_is_followed_from_an_empty_folder(tmp_path: Path, wheels: Path) -> None:
    """Every block, in order, also the demo, which ends with another exit code than 0 where something was lost."""
    (tmp_path / "checkout").mkdir()
    with Walk(tmp_path / "checkout", user_environment(tmp_path, wheels)) as walk:
        for block in BLOCKS:
            walk.follow([block])
            if "purchase.py" in block.text and block.language == "sh":
                assert "OrderConfirmed(order_id='1')" in walk.printed
                assert "OrderCancelled(order_id='2', reason='OutOfStock')" in walk.printed
                assert all(name in walk.printed for name in ("PlaceOrder", "OrderPlaced", "TakeStock", "ConfirmOrder"))
                walk.follow([Block("README.md", block.line, "sh", "python purchase.py")])
                assert walk.printed == ""
            if DEMO in block.text:
                assert "0 lost, 0 done twice" in walk.printed
            if "shop import" in block.text:
                assert re.search(r"^\d+ lines read = \d+ placed \+ \d+ rejected", walk.printed, re.MULTILINE)
        walk.follow([Block("README.md", 0, "sh", f"pip install '{EXTRA}'\npython -m partita.examples.shop.api")])

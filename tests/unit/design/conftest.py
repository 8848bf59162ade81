"""The shop from a copy of its sources with one text changed, for the tests of drift and of the check."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from partita.app import App
from partita.examples import shop

EVERYWHERE = "*"
Changed = Callable[[str, str, str], App]


@pytest.fixture
def changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Changed]:
    """Imports the shop from a copy of its sources with one text changed."""
    name = f"shop_{abs(hash(request.node.name)) % 10**9}"

    def shop_with(file: str, old: str, new: str) -> App:
        folder = tmp_path / name
        shutil.copytree(Path(shop.__file__).parent, folder, ignore=shutil.ignore_patterns("__pycache__"))
        for source in folder.rglob("*.py"):
            text = source.read_text(encoding="utf-8").replace("partita.examples.shop", name)
            if file in (EVERYWHERE, source.name):
                assert file == EVERYWHERE or old in text, f"{source.name} has no {old!r} any more"
                text = text.replace(old, new) if old else text + new
            source.write_text(text, encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        app: App = importlib.import_module(f"{name}.app").app
        return app

    yield shop_with
    for module in [each for each in sys.modules if each.partition(".")[0] == name]:
        del sys.modules[module]

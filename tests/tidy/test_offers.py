"""An area, which is a folder of `src/partita`, offers some names to the other areas and keeps the rest: `offers.toml` lists them."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src/partita"
OFFERS = Path(__file__).with_name("offers.toml")
FREE = {"testing"}
"""The suites and the generators of cases look into every area; nobody above them looks into the areas through them."""

AT_THE_ROOT = {"__init__", "app", "bell", "clock", "errors", "message", "signals", "size"}
"""Files that are no area: each area may import all that they hold, so there are few of them."""


class Import(NamedTuple):
    """One name of an area, imported by a file of another area. `module` is the file within the area, without its ending."""

    where: str
    area: str
    module: str
    name: str


def imports(package: Path) -> Iterator[Import]:
    """Every import of an area's name from outside of that area, in functions and for the type checker too."""
    for path in sorted(package.rglob("*.py")):
        file = path.relative_to(package)
        if file.parts[0] in FREE:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            where = f"{file.as_posix()}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.ImportFrom):
                found = [(node.module or "", alias.name) for alias in node.names]
            elif isinstance(node, ast.Import):
                found = [(alias.name, "*") for alias in node.names]
            else:
                continue
            for module, name in found:
                top, *parts = module.split(".")
                if top == "partita" and parts and parts[0] != file.parts[0] and (package / parts[0]).is_dir():
                    yield Import(where, parts[0], "/".join(parts[1:]) or "__init__", name)


def complaints(package: Path, offers: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Each import of a name that its area does not offer, and each name that is offered and that no other area imports."""
    offered = {
        (area, module, name)
        for area, offer in offers.items()
        for module, names in offer.items()
        for name in names.split()
    }
    found = list(imports(package))
    wrong = [
        f"{each.where}: imports {each.name} of {each.area}/{each.module}.py, which {each.area} does not offer. Use a name that "
        f"it offers (tests/tidy/offers.toml, [{each.area}]), or add this one there and say in the commit why."
        for each in found
        if (each.area, each.module, each.name) not in offered
    ]
    used = {(each.area, each.module, each.name) for each in found}
    wrong += [
        f"tests/tidy/offers.toml: no other area imports {name} of {area}/{module}.py. Take it out: no more is offered than is used."
        for area, module, name in sorted(offered - used)
    ]
    for area, offer in offers.items():
        for module, names in offer.items():
            if names.split() != sorted(set(names.split())):
                wrong.append(f"tests/tidy/offers.toml: [{area}] {module} is not sorted, or has a name twice.")
    return wrong


def test_no_area_imports_a_name_that_is_not_offered() -> None:
    """A name that is not offered may be changed with a look at its own area alone."""
    assert not (wrong := complaints(PACKAGE, tomllib.loads(OFFERS.read_text(encoding="utf-8")))), "\n" + "\n".join(
        wrong
    )


def test_no_other_file_lies_at_the_root() -> None:
    """A file without an area is on no list of what is offered: a new one belongs into a folder."""
    assert {path.stem for path in PACKAGE.glob("*.py")} == AT_THE_ROOT


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("from partita.bus.port import Fence", "app.py:1: imports Fence of bus/port.py, which bus does not offer"),
        ("def f():\n    from partita.bus.log.bus import LogBus", "app.py:2: imports LogBus of bus/log/bus.py"),
        ("import partita.bus.port", "app.py:1: imports * of bus/port.py"),
        ("from partita.bus import port", "app.py:1: imports port of bus/__init__.py"),
    ],
)
def test_an_import_of_a_name_that_is_not_offered_is_seen(line: str, said: str, tmp_path: Path) -> None:
    """Wherever it stands, and in each form."""
    _package(tmp_path, line)
    first, *others = complaints(tmp_path, {"bus": {"port": "Bus"}})
    assert first.startswith(said) and "tests/tidy/offers.toml, [bus]" in first and not others


def test_no_more_is_offered_than_is_used(tmp_path: Path) -> None:
    """A name that nobody needs any more would be taken for a promise."""
    _package(tmp_path, "")
    assert complaints(tmp_path, {"bus": {"port": "Bus Fence"}}) == [
        "tests/tidy/offers.toml: no other area imports Fence of bus/port.py. Take it out: no more is offered than is used."
    ]
    assert complaints(tmp_path, {"bus": {"port": "Bus Bus"}}) == [
        "tests/tidy/offers.toml: [bus] port is not sorted, or has a name twice."
    ]


def _package(folder: Path, line: str) -> None:
    """An area with two files, which import each other freely, one that imports an offered name, and a line in `app.py`."""
    for name, text in {
        "bus/__init__.py": "",
        "bus/log/bus.py": "from partita.bus.port import Fence\n",
        "bus/port.py": "class Bus: ...\nclass Fence: ...\n",
        "outbox/relay.py": "from partita.bus.port import Bus\nfrom partita.errors import NotFound\nimport asyncio\n",
        "testing/conformance/bus.py": "from partita.bus.port import Fence\n",
        "errors.py": "",
        "app.py": line,
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

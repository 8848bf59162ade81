"""The folder list is the glossary: each folder stands in it, each place in it exists, each term stands there once, sorted."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src/partita"
PAGE = ROOT / "docs/glossary.md"
TERM = re.compile(r"^\| \*\*([^*]+)\*\* \| (.+) \| (.+) \|$", re.M)
PLACE = re.compile(r"`([a-z_/]+(?:\.py)?)`")


def complaints(page: str, package: Path) -> list[str]:
    """Everything that is wrong with a glossary."""
    found = [(match[1], match[3]) for match in TERM.finditer(page)]
    terms = [term for term, _ in found]
    wrong = [f"{term} stands there twice" for term in sorted(set(terms)) if terms.count(term) > 1]
    wrong += [f"{b} comes before {a}" for a, b in zip(terms, terms[1:], strict=False) if a.lower() > b.lower()]
    for term, where in found:
        wrong += [f"{term}: there is no {place}" for place in PLACE.findall(where) if not (package / place).exists()]
    named = set(PLACE.findall(page))
    folders = (path for path in package.rglob("__init__.py") if path.parent != package)
    missing = sorted(path.parent.relative_to(package).as_posix() for path in folders)
    return wrong + [f"the folder {name} is in no line" for name in missing if name not in named]


def test_the_glossary_knows_each_folder() -> None:
    assert complaints(PAGE.read_text(encoding="utf-8"), PACKAGE) == []


def test_each_mistake_is_seen(tmp_path: Path) -> None:
    (tmp_path / "bus").mkdir()
    (tmp_path / "bus/__init__.py").touch()
    page = "| **relay** | moves | `outbox` |\n| **outbox** | leaves | `store` |\n| **outbox** | again | `store` |\n"
    assert complaints(page, tmp_path) == [
        "outbox stands there twice",
        "outbox comes before relay",
        "relay: there is no outbox",
        "outbox: there is no store",
        "outbox: there is no store",
        "the folder bus is in no line",
    ]

"""Each signal is given with its fields, the reference is the table, and no text names a metric that does not exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.tidy.signals_reference import PAGE, page

from partita import signals
from partita.observability.metrics import METRICS
from partita.signals import SIGNALS, Signal

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src/partita"
CONSTANTS = {name: value for name, value in vars(signals).items() if isinstance(value, Signal)}
METRIC = re.compile(r"`(partita_[a-z]+_[a-z_]+)")


def given(source: str) -> Iterator[tuple[int, str, set[str]]]:
    """The line, the constant and the fields of each signal that a source gives."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "of":
            of = node.func.value
            name = of.attr if isinstance(of, ast.Attribute) else of.id if isinstance(of, ast.Name) else ""
            if name.isupper():
                yield node.lineno, name, {keyword.arg or "**" for keyword in node.keywords}


def wrong(source: str) -> list[str]:
    """What is wrong with the signals that a source gives."""
    found: list[str] = []
    for line, name, fields in given(source):
        signal = CONSTANTS.get(name)
        if signal is None:
            found.append(f"{line}: there is no signal {name}")
        elif fields != set(signal.fields):
            found.append(f"{line}: {name} has the fields {sorted(signal.fields)}, not {sorted(fields)}")
    return found


def test_each_signal_is_given_with_its_fields() -> None:
    """A gauge that nobody has looked at yet would fail on the first page that shows it, in production."""
    for path in SOURCE.rglob("*.py"):
        assert wrong(path.read_text(encoding="utf-8")) == [], path


def test_a_wrong_signal_is_seen() -> None:
    assert wrong("STORES_UP.of(1, service=name)") == ["1: there is no signal STORES_UP"]
    assert wrong("\nsignals.STORE_UP.of(1)") == ["2: STORE_UP has the fields ['service'], not []"]
    assert wrong("STORE_UP.of(1, service=a, key=b)") == [
        "1: STORE_UP has the fields ['service'], not ['key', 'service']"
    ]
    assert wrong("STORE_UP.of(1, **fields)") == ["1: STORE_UP has the fields ['service'], not ['**']"]
    assert not wrong("STORE_UP.of(1, service=name); SagaDirectory.of(sagas, 1.0)")


def test_each_signal_is_given_somewhere() -> None:
    """A table that promises what nobody reports is worse than none."""
    text = "".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py") if path.name != "signals.py")
    assert [name for name in CONSTANTS if not re.search(rf"\b{name}\b", text)] == []
    assert set(SIGNALS.values()) == set(CONSTANTS.values())


def test_the_reference_is_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.tidy.signals_reference"


def test_the_guides_name_metrics_that_exist() -> None:
    """Somebody builds an alert on it."""
    known = {metric.name for metric in METRICS.values()}
    for path in [*ROOT.glob("docs/**/*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"]:
        named = {name.removesuffix("_total") for name in METRIC.findall(path.read_text(encoding="utf-8"))}
        assert named <= known, path

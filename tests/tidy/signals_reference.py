"""The reference of signals and metrics, made from the table: `python -m tests.tidy.signals_reference` writes it."""

from __future__ import annotations

from pathlib import Path

from partita.observability.metrics import METRICS
from partita.signals import FIELDS, SIGNALS, Signal

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/signals.md"
INTRODUCTION = """# Signals and metrics

A running system reports these signals of itself. The table is declared in `src/partita/signals.py`, and the metrics on
`/metrics` are derived from it ([running](../guides/running.md#metrics)): a signal's fields are the labels of its metric. No
field holds a key, an id or the text of an error.

An **event** is counted by the process in which it happens, since its start: take `sum` over the instances. A **state** is read
from a database or the bus when somebody asks, and each process says the same of it: take `max`.
"""


def page() -> str:
    """The whole page."""
    lines = [INTRODUCTION]
    for kind, title in (("event", "Events"), ("state", "States")):
        lines += [f"## {title}", "", "| signal | metric | when | fields |", "|---|---|---|---|"]
        lines += [_row(signal) for signal in SIGNALS.values() if signal.kind == kind]
        lines.append("")
    lines += ["## Fields", "", "| field | meaning | values |", "|---|---|---|"]
    for name, field in FIELDS.items():
        values = ", ".join(f"`{value}`" for value in field.values)
        lines.append(f"| `{name}` | {field.meaning} | {values} |")
    return "\n".join(lines) + "\n"


def _row(signal: Signal) -> str:
    metric = METRICS[signal.name]
    total = "_total" if metric.kind == "counter" else ""
    fields = ", ".join(f"`{name}`" for name in signal.fields)
    return f"| `{signal.name}` | `{metric.name}{total}` | {signal.when} | {fields} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

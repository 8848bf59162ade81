"""`partita metrics`: the numbers in the databases, as the page that `/metrics` serves."""

from __future__ import annotations

from pathlib import Path

import click

from partita.app import load_app
from partita.cli.asking import ask, report_unknown
from partita.cli.output import data_option, document, output_option, print_json
from partita.cli.whose_app import app_option
from partita.observability.metrics import METRICS, read_all
from partita.observability.metrics_page import page
from partita.observability.reach import BUS, Sight
from partita.signals import STORE_UP, Sample


@click.command(epilog="Example:  partita metrics | grep dead_letters")
@data_option
@app_option
@output_option
def metrics(data: Path, app_name: str, output: str) -> None:
    """Print the gauges of all services, in Prometheus' text format. The counters of a process since its start are on its
    own page: partita run --metrics 127.0.0.1:9464.
    """
    samples, unknown = ask(load_app(app_name), data, _read)
    report_unknown(unknown)
    if output == "json":
        print_json("Metrics", {"items": [_as_json(each) for each in samples]})
    else:
        document(page(samples))


async def _read(sight: Sight) -> list[Sample]:
    found = await read_all(sight.stores, sight.bus, sight.clock, sight.ask_s)
    return found + [STORE_UP.of(0, service=name) for name in sight.unknown if name != BUS]


def _as_json(sample: Sample) -> dict[str, object]:
    metric = METRICS[sample.signal.name]
    return {"name": metric.name, "labels": dict(zip(metric.labels, sample.values, strict=True)), "value": sample.value}

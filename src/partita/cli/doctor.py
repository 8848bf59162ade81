"""`partita doctor`: this machine, the data folder, the databases and the broker, each finding with its fix."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from partita.app import load_app
from partita.cli.operating import run
from partita.cli.output import data_option, output_option, print_json, say
from partita.cli.whose_app import app_option
from partita.observability.doctor.examination import examine

SIGNS = {"ok": " ok ", "note": "note", "bad": " !! "}


@click.command(epilog="Example:  partita doctor --data .partita")
@data_option
@app_option
@output_option
def doctor(data: Path, app_name: str, output: str) -> int:
    """Check the machine, the data folder, databases, bus and services; exit 3 when a check fails."""
    found = run(examine(load_app(app_name), data))
    bad = sum(finding.level == "bad" for finding in found)
    if output == "json":
        print_json("Doctor", {"findings": bad, "items": [asdict(finding) for finding in found]})
        return 3 if bad else 0
    for finding in found:
        say(f"{SIGNS[finding.level]} {finding.what}: {finding.found}")
        if finding.fix:
            say(f"       {finding.fix}")
    notes = sum(finding.level == "note" for finding in found)
    counts = [
        f"{count} {word}{'s' if count > 1 else ''}" for count, word in ((bad, "finding"), (notes, "note")) if count
    ]
    say("", ", ".join(counts) or "nothing to do")
    return 3 if bad else 0

"""A participant that has HTTP alone, on SQLite and on PostgreSQL: the shop and the participant are killed in turn."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "examples" / "participants" / "http" / "payment.py"
pytestmark = [pytest.mark.slow, pytest.mark.processes, pytest.mark.timeout(600)]
BROKEN = 3


def tried(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A trial as a process of its own: it declares handlers of the shop that other tests have elsewhere."""
    return subprocess.run(
        [sys.executable, "-m", "servers.over_http", *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        timeout=500,
    )


@pytest.mark.parametrize("place", ["file", pytest.param("server", marks=pytest.mark.long)])
def test_nothing_is_lost_and_nothing_done_twice_while_both_sides_are_killed(
    place: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """There is no broker between them: each sends until the other has it, and each knows a copy."""
    store = "" if place == "file" else str(request.getfixturevalue("database"))
    done = tried(tmp_path, "--kills", "10", "--orders", "200", "--store", store)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-3_000:]}"
    assert "10 kills, 0 lost, 0 twice, 0 dead letters" in done.stdout and "cancelled" in done.stdout, done.stdout


def test_a_participant_without_a_key_for_the_provider_is_seen_by_the_witness(tmp_path: Path) -> None:
    """Each second answer of the provider is lost: asked again under another key, it takes the money again."""
    text = PROGRAM.read_text(encoding="utf-8")
    key, body = '{"key": command_id, "order_id"', "json.dumps(body).encode(), headers)"
    assert text.count(key) == 1 and text.count(body) == 1, "the place of the planted bug has moved"
    planted = tmp_path / "payment.py"
    often = "json.dumps(body | ({'key': str(os.urandom(8))} if 'key' in body else {})).encode(), headers)"
    planted.write_text(text.replace(body, often), encoding="utf-8")
    done = tried(tmp_path, "--kills", "0", "--orders", "20", "--loses", "0.5", "--program", str(planted))
    assert done.returncode == BROKEN and "was charged" in done.stdout, f"{done.stdout}\n{done.stderr[-3_000:]}"

"""Wrong input to a command gets an answer that names the mistake, and is never called a defect of ours."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from partita.cli.main import main
from partita.errors import Malformed
from partita.examples.shop.app import app
from partita.operators.letter_lines import imported
from partita.settings.settings import Settings

LETTER: dict[str, Any] = {
    "id": "l1", "consumer": "analytics", "topic": "t", "partition": 0, "offset": 1, "key": "k", "message_id": "m",
    "type": "T", "correlation_id": "c", "cause_type": "ValueError", "cause": "x", "stack": "", "fingerprint": "f",
    "attempts": 1, "headers": "00", "value": "00", "at_us": 1, "status": "open", "reason": "", "closed_us": 0,
    "superseded_by": "",
}  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The shop's databases, with nothing in them."""

    async def make() -> None:
        async with app.configured(Settings(data=tmp_path / "data")).running(roles=()):
            pass

    asyncio.run(make())
    return tmp_path / "data"


@pytest.fixture
def nowhere(tmp_path: Path) -> Iterator[Path]:
    """A path that cannot be created, not even by root: its parent is a file."""
    (tmp_path / "file").write_text("no folder")
    yield tmp_path / "file" / "x"


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """The exit code of a command, and all that it printed."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    shown = capsys.readouterr()
    return int(str(ended.value.code)), shown.out + shown.err


@pytest.mark.parametrize(
    "words",
    ["shop sample -f {}", "shop import {orders} --data {}", "journey x --data {}", "dlq export {} --data {data}"],
)
def test_a_path_that_cannot_be_used_is_named(
    words: str, data: Path, nowhere: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was called a defect of Partita, or of the app. The export was reported as done when there was no letter to
    export."""
    orders = tmp_path / "orders.csv"
    assert told(capsys, "shop", "sample", "--invoices", "1", "-f", str(orders))[0] == 0

    code, said = told(capsys, *words.format(str(nowhere), orders=orders, data=data).split())

    assert code != 0 and str(nowhere.parent) in said
    assert "defect" not in said and "app's code" not in said


def test_a_folder_that_may_not_be_read_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """As a stranger's folder: the system refuses it before Partita does."""
    name = "n" * 300  # no file system accepts it, with root's rights or without

    code, said = told(capsys, "journey", "x", "--data", str(tmp_path / name))

    assert code in (2, 4) and name in said and "defect" not in said


@pytest.mark.parametrize(
    "line",
    [
        b"\xa6\x00\xff",
        "café".encode("latin-1"),
        b"[" * 100_000,
        b"[1]",
        b"",
        json.dumps({**LETTER, "consumer": []}).encode(),
        json.dumps({**LETTER, "partition": "first"}).encode(),
        json.dumps({**LETTER, "key": 1}).encode(),
        json.dumps({**LETTER, "status": "lost"}).encode(),
        json.dumps({**LETTER, "at_us": 10**18}).encode(),
        json.dumps({**LETTER, "at_us": 10**30}).encode(),
        json.dumps({**LETTER, "value": 7}).encode(),
        json.dumps({**LETTER, "more": 7}).encode(),
    ],
)
def test_a_line_that_is_no_letter_is_not_imported(line: bytes) -> None:
    """A letter with a time outside the calendar would end each later `dlq list` with an error."""
    with pytest.raises(Malformed, match="^Line 3 is not an exported dead letter"):
        imported(line, 3)


def test_a_letter_that_was_exported_is_imported(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The list of letters shows it, too."""
    file = tmp_path / "letters"
    file.write_text(json.dumps(LETTER) + "\n")

    assert told(capsys, "dlq", "import", str(file), "--data", str(data)) == (0, "1 of 1 letters imported\n")
    assert "ValueError: x" in told(capsys, "dlq", "list", "--data", str(data))[1]


@pytest.mark.parametrize("content", [b"[" * 100_000, b"\xa6"])
def test_a_value_that_is_no_json_is_refused(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "value"
    file.write_bytes(content)

    for given in (file, tmp_path):
        code, said = told(capsys, "dlq", "edit", "x", "--data-file", str(given))
        assert code in (1, 2) and str(given) in said and "defect" not in said


@pytest.mark.parametrize("roles", ["", ",", ",,"])
def test_no_role_at_all_is_refused(roles: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The command printed "ready", and did nothing for ever."""
    code, said = told(capsys, "run", "--roles", roles, "--data", str(tmp_path))
    assert code == 2 and "names no role" in said


@pytest.mark.parametrize(
    "words",
    ["describe service nope", "describe event nope", "describe saga nope", "consumers list --group nope --data {}"],
)
def test_a_name_that_nothing_has_is_not_found(words: str, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With one exit code, whatever kind of name it is."""
    code, said = told(capsys, *words.format(data).split())
    assert code == 4 and "There is no" in said and "'nope'" in said


def test_a_group_is_resumed_in_production_with_a_reason(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The help says that a reason is required, and the audit had none; a dry run reported that the group goes on."""
    words = ("analytics", "--data", str(data))
    assert told(capsys, "consumers", "pause", *words, "--yes")[0] == 0
    monkeypatch.setenv("PARTITA_PROFILE", "production")

    assert told(capsys, "consumers", "resume", *words, "--dry-run") == (0, "analytics would go on\n")
    assert told(capsys, "consumers", "resume", *words)[0] == 2
    assert told(capsys, "consumers", "resume", *words, "--reason", "mended") == (0, "analytics goes on\n")


@pytest.mark.parametrize(
    "words", ["dlq import {}", "dlq {}", "saga list --limit {}", "run --roles {}", "dlq edit x --set {}"]
)
def test_a_word_of_the_command_line_forges_no_line(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A shell's `*` inserts names of files unchanged, and click printed one with its line end."""
    code, said = told(capsys, *(word.format("k\x1b[31m\r\nFORGED") for word in words.split(" ")))
    assert code == 2 and "\nFORGED" not in said and "\x1b" not in said and "\\x1b" in said


def test_rules_are_shown_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = told(capsys, "alerts", "rules")
    assert code == 0 and "no process runs SERVICE, and N messages wait" in said and "{" not in said


@pytest.mark.parametrize(("value", "is_shown"), [("1", True), ("on", True), ("0", False), ("off", False), ("", False)])
def test_the_stack_is_shown_where_it_is_switched_on(
    value: str, is_shown: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`PARTITA_TRACE=0` switched it on."""
    monkeypatch.setenv("PARTITA_TRACE", value)
    assert ("Traceback" in told(capsys, "run", "nowhere:app")[1]) is is_shown


def test_an_error_with_a_hint_is_two_lines(nowhere: Path) -> None:
    """The log's file named its hint a second time, with the line end written out."""
    words = [sys.executable, "-c", "from partita.cli.main import main; main()", "run", "--data", str(nowhere)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 6 and "\\n" not in ended.stderr and "\n  Check that" in ended.stderr


def test_the_shop_is_served_on_the_other_loopback_too(capsys: pytest.CaptureFixture[str], nowhere: Path) -> None:
    """The command accepted this address, and then reported a defect of Partita."""
    code, said = told(capsys, "shop", "serve", "--host", "::1", "--port", "0", "--data", str(nowhere))
    assert code == 2 and "Address family" not in said and "defect" not in said

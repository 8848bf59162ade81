"""`partita design check` fails a build where it finds something, and its JSON has what its text has."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from tests.unit.design.brief.briefs import SMALL, with_change

from partita.cli.main import cli
from partita.errors import SettingsError


@pytest.fixture
def brief(tmp_path: Path) -> Path:
    path = tmp_path / "bistro.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return path


def run(*words: str | Path) -> object:
    return cli.main(["design", *map(str, words)], standalone_mode=False)


def test_a_brief_without_a_fault_is_exit_code_0(brief: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", brief) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("0 to mend, 0 accepted; ") and "--ledger lists them" in printed.err


def test_a_line_outside_of_the_form_is_exit_code_3(brief: Path, capsys: pytest.CaptureFixture[str]) -> None:
    brief.write_text(with_change("pivot: true", "pivto: true"), encoding="utf-8")

    assert run("check", brief) == 3
    printed = capsys.readouterr()
    assert f"{brief}:31: form: steps has no key 'pivto'." in printed.out
    assert "  Write `pivot`." in printed.out
    assert printed.err == "1 to mend before this is a brief.\n"


def test_a_contradiction_is_exit_code_3(brief: Path, capsys: pytest.CaptureFixture[str]) -> None:
    brief.write_text(with_change("deadline: 10m", "deadline: 1m"), encoding="utf-8")

    assert run("check", brief) == 3
    printed = capsys.readouterr()
    assert f"{brief}:28: deadline-shorter-than-steps: The deadline of BookTable is 1m" in printed.out
    assert "  Write deadline: 2m or more, or shorter timeouts." in printed.out
    assert printed.err.startswith("1 to mend, 0 accepted; ")


def test_an_accepted_finding_does_not_fail(brief: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is shown with its reason, so that a reader of the log sees what was let through."""
    text = with_change("[TableBooked, BookingCancelled]", "TableBooked")
    brief.write_text(
        text + "accept: [{rule: orphan-event, at: BookingCancelled, why: nobody asks}]\n", encoding="utf-8"
    )

    assert run("check", brief) == 0
    assert (
        "accepted orphan-event: No service hears BookingCancelled.\n  because: nobody asks" in capsys.readouterr().out
    )
    run("check", brief, "-o", "json")
    (found,) = json.loads(capsys.readouterr().out)["findings"]
    assert (found["rule"], found["accepted"]) == ("orphan-event", "nobody asks")


def test_the_ledger_has_every_assumption_and_question(brief: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("check", brief, "--ledger")
    text = capsys.readouterr().out
    run("check", brief, "-o", "json")
    document = json.loads(capsys.readouterr().out)

    assert document["clean"] is True and document["findings"] == []
    for each in (*document["assumptions"], *document["questions"]):
        assert f"{each['id']}  {each['text']}" in text


def test_no_text_is_an_error_and_no_stack(brief: Path) -> None:
    brief.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(SettingsError, match="is no text in UTF-8"):
        run("check", brief)


ANSWERS = (
    "--domain", "order processing", "--producers", "order-service",
    "--consumers", "payment-service, inventory-service, notification-service, analytics", "--consistency", "eventual, once",
)  # fmt: skip


def test_four_answers_become_a_file_that_the_check_accepts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("new", *ANSWERS) is None
    printed = capsys.readouterr()

    assert printed.out.startswith("order-processing.yaml: 10 events, 1 saga;")
    assert "Q-1  May ConfirmOrder" in printed.out
    assert printed.err == "Next: read order-processing.yaml, then partita design check order-processing.yaml --ledger\n"
    assert run("check", "order-processing.yaml") == 0


def test_a_file_that_exists_is_not_changed(brief: Path) -> None:
    with pytest.raises(SettingsError, match="exists already"):
        run("new", brief, *ANSWERS)
    assert brief.read_text(encoding="utf-8") == SMALL


def test_a_missing_answer_without_a_terminal_names_its_option() -> None:
    with pytest.raises(click.UsageError, match="--consistency is missing, and no person is at a terminal"):
        run("new", *ANSWERS[:-2])


def in_a_terminal(folder: Path, typed: bytes, *words: str) -> tuple[int, str]:
    """A pseudo-terminal: the command asks on it, and reads the lines that a person typed. Behind them the input ends."""
    import pty  # on systems without it there is no terminal to test

    here, there = pty.openpty()
    command = [str(Path(sys.executable).with_name("partita")), "design", "new", *words]
    with subprocess.Popen(command, cwd=folder, stdin=there, stdout=there, stderr=there) as asked:
        os.close(there)
        os.write(here, typed + b"\x04")
        seen = b""
        with contextlib.suppress(OSError):  # Linux says so when the other side is closed
            while more := os.read(here, 65_536):
                seen += more
    os.close(here)
    return asked.returncode, seen.decode().replace("\r\n", "\n")


def test_answers_are_asked_for_in_a_terminal(tmp_path: Path) -> None:
    """Each question has an example, and each answer is shown as it was read before the next question."""
    code, seen = in_a_terminal(
        tmp_path,
        b"fleet maintenance: 40 repairs a day\n\nfleet-service\n\nworkshop reserves a bay, billing, mail\n\neventual\n\n",
        "fleet.yaml",
    )

    assert code == 0, seen
    assert "Which business domain is it, and how much happens in it?" in seen and "fleet.yaml: " in seen
    assert seen.count("such as: ") == 4 and seen.count("Enter if right") == 4
    assert "Read as:\n  domain: fleet-maintenance\n  load: 40 repairs a day\n" in seen
    assert "  workshop: reserve bay: a step that gives a thing, which can be given back\n" in seen
    assert "ReserveBay" in (tmp_path / "fleet.yaml").read_text(encoding="utf-8")


def test_a_person_corrects_an_answer_before_the_brief_is_written(tmp_path: Path) -> None:
    code, seen = in_a_terminal(
        tmp_path,
        b"workshop sweeps a bay\nworkshop reserves a bay for 15 minutes and frees it\n\n",
        "fleet.yaml", "--domain", "fleet maintenance", "--producers", "fleet-service", "--consistency", "",
    )  # fmt: skip
    text = (tmp_path / "fleet.yaml").read_text(encoding="utf-8")

    assert code == 0, seen
    assert "workshop: sweep bay: reacts; nothing waits for it" in seen
    assert "taken back by: free; for 15m at most" in seen
    assert "FreeBay" in text and "deadline: 15m  # your answer" in text and "sweep" not in text


def test_schema_and_prompt_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    run("schema")
    schema = capsys.readouterr().out
    run("prompt")

    assert json.loads(schema)["$id"] == "urn:partita:brief:1"
    assert schema.rstrip("\n") in capsys.readouterr().out

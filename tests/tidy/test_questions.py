"""Questions of a newcomer who sees the list of folders and files alone; a reader without the code answered nine or more of them.

Asked again after a larger move: who answers has the output of `git ls-files src` and the question, and names files.
"""

from __future__ import annotations

from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "src/partita"
ANSWERS = {
    "Where is it decided and written that a message was handled, so that a copy of it is dropped?": (
        "idempotency/inbox.py",
        "store/inbox.py",
    ),
    "Where does the transaction begin and end in which a handler runs and its messages are written?": (
        "runtime/path/unit_of_work.py",
    ),
    "What happens to a message whose handler raises?": (
        "runtime/failing/setting_aside.py",
        "runtime/failing/retry_policy.py",
    ),
    "Where does a message wait between two tries, and what tries it again when it is due?": (
        "store/parking.py",
        "runtime/background/retry_topics.py",
    ),
    "Where does a saga decide what follows a reply, or a timeout?": ("sagas/engine.py",),
    "Where do messages leave the outbox for the bus?": ("outbox/relay.py",),
    "What must I write to add a bus, and what proves it right?": (
        "bus/port.py",
        "bus/features.py",
        "bus/connect.py",
        "testing/conformance/bus.py",
    ),
    "Where is the Avro schema of a message class made, and where would Protobuf go?": (
        "schemas/avro.py",
        "schemas/fields/reading.py",
    ),
    "Where do I add a metric?": ("signals.py", "observability/metrics.py"),
    "Where is the answer of `partita why` found, and where is it printed?": ("observability/why.py", "cli/why.py"),
}


@pytest.mark.parametrize("question", ANSWERS)
def test_the_files_that_answer_a_question_are_there(question: str) -> None:
    """A file that moves takes its answer along: is its new place where a newcomer looks?"""
    assert [path for path in ANSWERS[question] if not (PACKAGE / path).is_file()] == []


def test_there_are_ten() -> None:
    assert len(ANSWERS) == 10

"""Bugs in answers that come later (G3, G5)."""

from __future__ import annotations

from tests.planted.finders import RUNS, postgres, store
from tests.planted.planting import Plant, swap

LATER = RUNS + "waiting/test_answered_later.py::"
WAITING = {
    "pending-mark-purged": Plant(
        "G3",
        "the mark of a command that waits goes with the window: a copy of it is handled again",
        "OLDEST",
        swap("NOT IN ('fatal step', 'pending')", "NOT IN ('fatal step')"),
        store("the_mark_of_a_pending_command_stays"),
        under="store/sqlite/inbox",
    ),
    "pending-row-purged": Plant(
        "G5",
        "a command that waits is forgotten after the window: its answer finds nothing",
        "PURGE",
        swap("WHERE state <> 'open' AND closed_us", "WHERE closed_us"),
        store("an_open_command_is_never_forgotten"),
        under="store/sqlite/pending",
    ),
    "question-waits-for-ever": Plant(
        "G5",
        "a step without an effect is given up, and its participant goes on waiting for an answer",
        "undo_next",
        swap('if step.phase == "unknown" and spec.answered_later:', "if False:"),
        "tests/integration/waiting/test_withdrawn.py::test_a_question_whose_time_is_over_waits_no_more",
        under="sagas/compensation",
    ),
    "waits-for-ever": Plant(
        "G5",
        "a handler is told that a command waits, and it has its answer",
        "SerialTx.waits",
        swap('row is not None and row.state == "open"', "row is not None"),
        LATER + "test_a_handler_sees_whether_a_command_waits[sqlite]",
    ),
    "answer-after-undo": Plant(
        "G5",
        "an answer counts although its step was undone",
        "Answering.answer",
        swap('if row.state == "undone":', "if False:"),
        LATER + "test_an_answer_after_the_undo_is_refused[sqlite]",
    ),
    "undo-leaves-it-open": Plant(
        "G5",
        "an undo does not close the command that waits: an answer counts after it",
        "close_undone",
        swap("await session.pending.undo(steps, now_us, but)", "()"),
        LATER + "test_an_answer_after_the_undo_is_refused[sqlite]",
    ),
    "sub-saga-after-its-undo": Plant(
        "G5",
        "a saga begins for a command whose step was undone before it came",
        "SagaBatch._advance",
        swap("handling.outcome != PENDING", "False"),
        RUNS
        + "sagas/test_sub_sagas.py::test_an_undo_that_overtakes_its_command_keeps_the_saga_from_beginning[embedded]",
        under="runtime/path/saga_steps",
    ),
    "older-version-deaf": Plant(
        "G5",
        "a reply that only an older version of a saga knows moves no instance of it",
        "SagaDirectory.of",
        swap("directory.by_version.items()", "{(d.name, 0): d for d in newest.values()}.items()"),
        RUNS
        + "sagas/test_older_versions.py::test_an_older_instance_takes_messages_that_the_newest_version_does_not_know[embedded-answered]",
        under="runtime/path/saga_steps",
    ),
    "second-answer-sent": Plant(
        "G3",
        "each answer is sent, not the first alone",
        "Answering.answer",
        swap('if row.state == "answered":', "if False:"),
        LATER + "test_the_first_answer_counts_and_the_same_again_is_quiet[sqlite]",
    ),
    "answer-kept-before-the-handler-ends": Plant(
        "G1",
        "the answer of a handler that is refused leaves all the same",
        "take_refusal",
        swap("handling.outputs = [", "handling.outputs += ["),
        LATER + "test_an_answer_leaves_with_its_handlers_writes_or_not_at_all[sqlite-refused]",
    ),
    "pending-row-not-locked": Plant(
        "G5",
        "an answer and an undo in two transactions do not see each other",
        "HOLD",
        swap(" FOR UPDATE", ""),
        postgres("an_undo_waits_for_the_answer_before_it"),
        under="store/postgres/pending",
    ),
    "token-of-another-id": Plant(
        "G3",
        "a token that was changed to name another command is taken",
        "Tokens.read",
        swap("== 0:", "< 0:"),
        "tests/unit/waiting/test_token.py::test_a_changed_token_is_refused",
    ),
    "token-without-end": Plant(
        "G3",
        "a token is taken after its time",
        "Tokens.read",
        swap("if now_s > int(until):", "if False:"),
        "tests/unit/waiting/test_token.py::test_a_token_ends",
    ),
    "decision-without-an-entry": Plant(
        "G7",
        "a decision of a person leaves no entry in the audit",
        "decide",
        swap('await record(work.session, work.now_us, by, "task do", target, detail=detail, reason=reason)', "pass"),
        RUNS + "waiting/test_tasks.py::test_a_decision_and_its_entry_are_one[sqlite]",
        under="operators/deciding",
    ),
    "decision-without-a-person": Plant(
        "G7",
        "a decision is taken over HTTP from a person that is not signed in",
        "TaskApi._actor",
        swap("if not isinstance(by, str) or not by:", "if False:"),
        RUNS + "waiting/test_task_api.py::test_without_a_person_nothing_is_shown",
    ),
    "answer-for-another-command": Plant(
        "G3",
        "the answer to another command is taken for the handler's own",
        "_answer_of",
        swap(" and envelope.causation_id == command_id", ""),
        LATER + "test_a_handler_that_answers_another_command_has_its_own_answer",
    ),
}

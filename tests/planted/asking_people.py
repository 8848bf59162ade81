"""Bugs in what people are asked and shown: tasks in a browser, links, and the sentences of `partita why`."""

from __future__ import annotations

from tests.planted.finders import RUNS
from tests.planted.planting import Plant, swap

PAGES = RUNS + "waiting/test_task_pages.py::"
AWAITED = "tests/unit/observability/test_awaited.py::"
WHY = RUNS + "observability/test_why_waiting.py::"
BY_GET = """given = {each.partition("=")[0]: each.partition("=")[2] for each in scope["query_string"].decode().split("&")}
                name = given.pop("partita.answer", "ClaimDenied")
                return await answered(visit, system, self.service.name, task, Posted(given, name, "", ""), BY)"""

ASKING_PEOPLE = {
    "reminder-time-is-the-end": Plant(
        "Watch",
        "the time of the next reminder is said to be the end of the step",
        "_ahead",
        swap(
            "Reminder(spec.timers[waiting.sent].command.name, due_us)",
            "Reminder(spec.timers[waiting.sent].command.name, until_us)",
        ),
        AWAITED + "test_a_reminder_is_named_until_it_is_sent_and_at_the_time_when_it_is_sent",
        under="observability/awaited",
    ),
    "overdue-command-unseen": Plant(
        "Watch",
        "no alert fires for a command that waits longer than the step of its saga gives it",
        "overdue_s",
        swap("limit_of(age, limits) if age.saga else None", "None"),
        RUNS + "alerts/test_pending_alerts.py::"
        "test_a_command_over_the_time_of_its_step_is_reported_once_and_so_is_its_end[sqlite]",
    ),
    "journey-without-the-wait": Plant(
        "Watch",
        "the journey of a claim of twelve days begins with its payment: the command that waited is purged",
        "journey",
        swap("for service, row, envelope in kept:", "for service, row, envelope in kept[:0]:"),
        RUNS
        + "examples/claims/test_claims.py::test_the_journey_of_a_claim_has_its_wait_in_the_order_of_time[approved]",
        under="observability/journey",
    ),
    "why-names-no-people": Plant(
        "Watch",
        "`partita why` names no people that a task waits for",
        "awaited_party",
        swap('f"{task.owner}: {task.title}" if task.owner else ', ""),
        WHY + "test_a_command_without_a_saga_has_its_sentence[sqlite]",
    ),
    "form-names-its-person": Plant(
        "G7",
        "a form says who decided: a person decides in the name of another one",
        "answered",
        swap(
            "made = filled(form, sent.fields)",
            'by = sent.fields.pop("by", by)  # type: ignore\n    made = filled(form, sent.fields)',
        ),
        PAGES + "test_a_form_names_no_person_and_no_other_key[sqlite]",
        under="operators/task_pages",
    ),
    "form-without-a-token": Plant(
        "G7",
        "a form of another site decides in the name of a person that is signed in",
        "_Shown.decided",
        swap("if not self._tokens.check(", "if False and not self._tokens.check("),
        PAGES + "test_a_form_of_another_site_person_or_task_is_not_taken[sqlite]",
    ),
    "form-token-of-another-task": Plant(
        "G7",
        "the token of one task's form is taken for another task",
        "_subject",
        swap(", reply_to]", "]"),
        PAGES + "test_a_form_of_another_site_person_or_task_is_not_taken[sqlite]",
        under="operators/form_post",
    ),
    "form-token-of-another-person": Plant(
        "G7",
        "the token of one person's form is taken from another person",
        "_subject",
        swap('[actor.encode(errors="surrogatepass").hex(), reply_to]', "[reply_to]"),
        PAGES + "test_a_form_of_another_site_person_or_task_is_not_taken[sqlite]",
        under="operators/form_post",
    ),
    "link-answers-a-get": Plant(
        "G3",
        "a link is answered when it is opened: a program that checks mails decides",
        "ReplyPage._answer",
        swap('return visit.open() if task.row.state == "open" else visit.closed(200)', BY_GET),
        PAGES + "test_a_link_is_read_by_a_get_and_answered_by_a_post[sqlite]",
    ),
    "page-not-escaped": Plant(
        "G7",
        "a text of a message is markup on the page of a task",
        "text",
        swap("escape(shown(line))", "shown(line)"),
        PAGES + "test_hostile_texts_stay_texts",
        under="operators/page_frame",
    ),
    "late-answer-not-told": Plant(
        "G7",
        "a person whose answer came too late is told that it was kept",
        "answered",
        swap("return shown.closed(409, ", "return shown.done() or shown.closed(409, "),
        PAGES + "test_one_that_is_late_is_told_why[sqlite]",
        under="operators/task_pages",
    ),
}

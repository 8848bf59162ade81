"""Rules about times: deadlines, waits and windows that contradict each other."""

from __future__ import annotations

from collections.abc import Iterator

from partita.design.checking.indexed import Indexed, finding, span
from partita.design.model.finding import Finding


def deadlines(of: Indexed) -> Iterator[Finding]:
    """A saga has at least the time of its steps."""
    for saga in of.design.sagas:
        slowest = (max(group, key=lambda step: step.timeout.value) for group in saga.groups())
        parts = [(step.do, step.timeout.value) for step in slowest]
        total = sum(seconds for _, seconds in parts)
        if saga.deadline.value < total:
            sums = " + ".join(f"{span(seconds)} ({name})" for name, seconds in parts)
            yield finding(
                "deadline-shorter-than-steps", saga.deadline.origin, saga.name,
                f"The deadline of {saga.name} is {span(saga.deadline.value)}, and its steps may take {sums} = {span(total)}.",
                "A saga whose steps are all in time would be undone at its deadline.",
                f"deadline: {span(total)} or more, or shorter timeouts.",
            )  # fmt: skip


def waits(of: Indexed) -> Iterator[Finding]:
    """Tries in place, reminders and escalations come before the timeout of their step."""
    for _, step in of.design.steps:
        limit = span(step.timeout.value)
        if sum(step.retry) >= step.timeout.value and step.kind != "retriable":
            yield finding(
                "retries-longer-than-timeout", step.origin, step.do,
                f"The waits between the tries of {step.do} are {span(sum(step.retry))} together, its timeout is {limit}.",
                "The saga undoes the step before the last tries are made.",
                f"timeout: {span(2 * sum(step.retry))}, or fewer waits.",
            )  # fmt: skip
        asks_nobody = step.on_timeout.value == "ask" and (step.human or step.kind == "retriable")
        if asks_nobody or (step.kind == "retriable" and step.on_timeout.value == "undo"):
            why = "After the point of no return a command is sent until it is done, and nothing is undone."
            if step.human:
                why = f"A person has not answered, so {step.at} does not know the outcome either."
            yield finding(
                "timeout-contradicts-step", step.on_timeout.origin, step.do,
                f"{step.do} has `on_timeout: {step.on_timeout.value}`, which cannot follow there.", why,
                f"on_timeout: {'retry' if step.kind == 'retriable' else 'undo'}, or no such line.",
            )  # fmt: skip
        late = [each for each in step.timers if each.after >= step.timeout.value]
        if late:
            yield finding(
                "reminder-after-timeout", step.origin, step.do,
                f"{late[0].do} is sent after {span(late[0].after)}, and the timeout of {step.do} is {limit}.",
                "Nothing waits any more at that time.", f"a time shorter than {limit}.",
            )  # fmt: skip


def windows(of: Indexed) -> Iterator[Finding]:
    """Consumers know a message for longer than its retries last."""
    failure = of.design.failure
    last = sum(failure.retry_topics.value)
    waits = " + ".join(span(each) for each in failure.retry_topics.value)
    if failure.window.value <= last:
        origin = failure.window.origin if failure.window.origin.place else failure.retry_topics.origin
        yield finding(
            "window-shorter-than-retries", origin, "failure",
            f"Consumers know a message for {span(failure.window.value)}, and its retries last {waits} = {span(last)}.",
            "A message may come back after it was forgotten: it is handled twice, or it is a dead letter.",
            f"window: {span(max(86_400.0, 2 * last))} under `failure`.",
        )  # fmt: skip
    for rule in of.design.rules:
        if rule.kind == "exactly-once-effect" and rule.window is not None:
            if rule.window <= last:
                yield finding(
                    "window-shorter-than-retries", rule.origin, rule.key,
                    f'"{rule.text}" holds for {span(rule.window)}, and retries last {waits} = {span(last)}.',
                    "The second effect comes with the last retry.", f"window: {span(max(86_400.0, 2 * last))}",
                )  # fmt: skip
            elif rule.window > failure.window.value:
                yield finding(
                    "window-not-kept", rule.origin, rule.key,
                    f'"{rule.text}" asks for {span(rule.window)}, and consumers know messages for {span(failure.window.value)}.',
                    "After that an older copy is a dead letter: it has no second effect, and a person must look at it.",
                    f"window: {span(rule.window)} under `failure` (its marks need as many more rows), or a shorter one here.",
                )  # fmt: skip

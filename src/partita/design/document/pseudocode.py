"""The pseudocode of a saga: what its service sends, waits for and undoes, in the order of its steps."""

from __future__ import annotations

from partita.design.document.message_shape import field_name
from partita.design.document.quantity import span
from partita.design.model.design import Design
from partita.design.model.saga import SagaDesign, StepDesign, TimerDesign


def pseudocode(design: Design, saga: SagaDesign) -> str:
    """The orchestration of a saga, step by step."""
    lines = [
        f"saga {saga.name} of {saga.at}, one for each {saga.key}, {span(saga.deadline.value)} at most",
        f"on {saga.start}:  in one transaction: state = {saga.steps[0].name}, first command into the outbox",
    ]
    undoable: list[StepDesign] = []
    for position, step in enumerate(saga.steps):
        lines += ["", *_step(design, saga, position)]
        if step.undo:
            undoable.append(step)
        if position == saga.pivot and position + 1 < len(saga.steps):
            lines.append("  -- the point of no return: from here on nothing is undone --")
    lines += ["", f"completed: {saga.steps[-1].ok}"]
    if undoable or saga.failed:
        lines += ["", "undo:  the newest effect first, each until it is acknowledged"]
        for step in reversed(undoable):
            lines.append(
                f"  send {_call(design, step.undo)} to {step.at}; again and again until {step.undone or 'acknowledged'}"
            )
        lines.append(f"  publish {saga.failed}" if saga.failed else "  end undone")
    return "\n".join(lines)


def _step(design: Design, saga: SagaDesign, position: int) -> list[str]:
    step = saga.steps[position]
    note = {"pivot": "   # the pivot", "retriable": "   # sent until it is done", "step": ""}[step.kind]
    lines = [
        f"  {position + 1}. send {_call(design, step.do)} to {step.at}{step.times}{note}{_beside(saga, step)}",
        f"     wait {span(step.timeout.value)} for" + (" the answer to each:" if step.each else ""),
    ]
    group = saga.together(step)
    after = saga.steps.index(group[-1]) + 1
    following = saga.steps[after].name if after < len(saga.steps) else "completed"
    others = [each for each in group if each is not step]
    answers = f", and {' and '.join(each.ok for each in others)}" if others else ""
    lines.append(f"       {step.ok}{answers}:  state = {following}")
    back = ", ".join(each.undo for each in reversed(saga.touched(step)) if each.undo) or "nothing"
    for refusal in step.fail:
        lines.append(f"       {refusal}:  undo {back}" + (f"; publish {saga.failed}" if saga.failed else ""))
    for timer in step.timers:
        lines.append(f"       {span(timer.after)} without an answer:  {_timer(step, timer)}")
    again = f"send {step.do} again, same id"
    if step.human and step.kind != "retriable":
        again = f"alarm PendingOverdue; {step.do} stays open until {span(saga.deadline.value)} after the start"
    silence = {
        "retry": again,
        "ask": f"outcome unknown: ask {step.at}; done goes on, not done undoes {step.undo or step.do} too, then {back}",
        "undo": f"outcome unknown: undo {step.undo or step.do} too, then {back}",
    }[step.on_timeout.value]
    lines.append(f"       no answer:  {silence}")
    if step.retry:
        lines.append(f"     {step.at} tries again after {', '.join(span(wait) for wait in step.retry)}")
    return lines


def _beside(saga: SagaDesign, step: StepDesign) -> str:
    others = [each.do for each in saga.together(step) if each is not step]
    return f"   # together with {' and '.join(others)}" if others else ""


def _timer(step: StepDesign, timer: TimerDesign) -> str:
    if timer.kind == "send":
        return f"send {timer.do} to {step.at}"
    return f"remind {step.at}" if timer.kind == "remind" else f"escalate to {timer.to}"


def _call(design: Design, name: str) -> str:
    command = next((each for each in design.commands if each.name == name), None)
    return f"{name}({', '.join(field_name(field) for field in command.fields)})" if command is not None else name

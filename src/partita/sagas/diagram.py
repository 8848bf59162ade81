"""Pictures of a declared saga: Mermaid text, and a drawing for the terminal."""

from __future__ import annotations

from partita.sagas.definition import SagaDefinition, StepSpec
from partita.sagas.durations import shown
from partita.sagas.lost_delays import lost_delays


def mermaid(definition: SagaDefinition) -> str:
    """The saga as a Mermaid state diagram, with its compensation and timeout edges."""
    lines = ["stateDiagram-v2", f"  [*] --> {_entry(definition, 0)}: {definition.start.name}"]
    undoable: list[str] = []
    for index, spec in enumerate(definition.steps):
        following = _after(definition, index)
        if spec.beside == spec.name:
            group = definition.steps[index : definition.behind[index]]
            lines += [f"  state together_{spec.name} <<fork>>", f"  state all_{spec.name} <<join>>"]
            lines += [f"  together_{spec.name} --> {each.name}" for each in group]
            behind = definition.behind[index]
            onwards = _entry(definition, behind) if behind < len(definition.steps) else "completed"
            lines.append(f"  all_{spec.name} --> {onwards}")
        carried_out = f", saga {spec.child}" if spec.child else ""
        items = f" for each of {spec.each.label}" if spec.each is not None else ""
        lines.append(f"  {spec.name}: {spec.command.name} ({spec.kind}{carried_out}){items}")
        lines.append(f"  {spec.name} --> {following}: {_name(spec.command.reply)}")
        back = f"undo_{undoable[-1]}" if undoable else "undone"
        if spec.command.refusals:
            refusals = " | ".join(refusal.__name__ for refusal in spec.command.refusals)
            lines.append(
                f"  {spec.name} --> {_undo_of(definition, index, but=None if spec.each else spec)}: {refusals}"
            )
        if spec.kind == "retriable" or spec.on_timeout == "retry":
            lines.append(f"  {spec.name} --> {spec.name}: no answer in {shown(spec.timeout_s)}, sent again")
        elif spec.undo is not None:
            lines.append(f"  {spec.name} --> {_undo_of(definition, index)}: no answer in {shown(spec.timeout_s)}")
        lines += [
            f"  {spec.name} --> {spec.name}: {timer.command.name} after {shown(timer.after_s)}" for timer in spec.timers
        ]
        if spec.undo is not None and spec.on_timeout != "undo":
            lines.append(
                f"  {spec.name} --> {_undo_of(definition, index)}: no answer in {shown(definition.deadline_s)} in all"
            )
        if spec.undo is not None:
            lines.append(f"  undo_{spec.name}: {spec.undo.name}{items}")
            lines.append(f"  undo_{spec.name} --> {back}: {_name(spec.undo.reply)}")
            lines.append(f"  undo_{spec.name} --> undo_{spec.name}: no acknowledgement, sent again")
            undoable.append(spec.name)
    for listener in definition.listeners:
        for spec in definition.steps[: definition.pivot_index + 1] if listener.cancels else ():
            lines.append(
                f"  {spec.name} --> {_undo_of(definition, definition.index_of[spec.name])}: {listener.event.name}"
            )
    answers = definition.answers
    lines.append("  completed --> [*]" + (f": {answers.reply.name}" if answers is not None else ""))
    if answers is not None and answers.refusal is not None:
        lines.append(f"  undone --> [*]: {answers.refusal.name}")
    if definition.undone is not None:
        lines.append(f"  undone --> [*]: {definition.undone.name}")
    return "\n".join(lines)


def text(definition: SagaDefinition) -> str:
    """The saga for a terminal, a line a step."""
    width = max(len(s.name) for s in definition.steps)
    lines = [
        f"{definition.name} version {definition.version}, of {definition.service.name}, "
        f"deadline {shown(definition.deadline_s)}",
        f"  starts with {definition.start.name}",
    ]
    if definition.answers is not None:
        lines[-1] = f"  carries out {definition.start.name} -> {definition.answers.reply.name}"
    lost = {each.step.name: each.why for each in lost_delays(definition)}
    for spec in definition.steps:
        lines.append(f"  {spec.name:<{width}}  {spec.kind:<9}  {spec.command.name} -> {_name(spec.command.reply)}")
        others = [
            each.name for each in definition.steps if spec.beside and each.beside == spec.beside and each is not spec
        ]
        if spec.child:
            lines.append(f"  {'':<{width}}  sub-saga   {spec.child} of {spec.command.service.name} carries it out")
        if others:
            lines.append(f"  {'':<{width}}  parallel   with {', '.join(others)}")
        if spec.each is not None:
            lines.append(f"  {'':<{width}}  for each   of {spec.each.label}, at most {spec.each.at_most:,}")
        if spec.command.refusals:
            lines.append(
                f"  {'':<{width}}  refused    {', '.join(r.__name__ for r in spec.command.refusals)}: undo the steps before"
            )
        if spec.undo is not None:
            lines.append(f"  {'':<{width}}  undo       {spec.undo.name} -> {_name(spec.undo.reply)}")
        lines += [
            f"  {'':<{width}}  timer      after {shown(timer.after_s)}: {timer.command.name}" for timer in spec.timers
        ]
        lines.append(f"  {'':<{width}}  timeout    {shown(spec.timeout_s)}, then {spec.on_timeout}")
        if spec.name in lost:
            lines.append(f"  {'':<{width}}  note       {lost[spec.name]}")
    for listener in definition.listeners:
        effect = "undo all steps, before the point of no return" if listener.cancels else "the hook decides"
        lines.append(f"  on {listener.event.name}: {effect}")
    end = definition.undone if definition.answers is None else definition.answers.refusal
    lines.append(f"  undone: {end.name if end is not None else 'never, no step can be undone'}")
    return "\n".join(lines)


def _entry(definition: SagaDefinition, index: int) -> str:
    """The state that leads to a step, or to the steps sent together with it."""
    spec = definition.steps[index]
    return f"together_{spec.name}" if spec.beside else spec.name


def _after(definition: SagaDefinition, index: int) -> str:
    """The state behind a step that is done."""
    if definition.steps[index].beside:
        return f"all_{definition.steps[index].beside}"
    return _entry(definition, index + 1) if index + 1 < len(definition.steps) else "completed"


def _undo_of(definition: SagaDefinition, index: int, but: StepSpec | None = None) -> str:
    """The undo with which compensation begins while a step waits, alone or with those beside it; one that was refused needs
    none."""
    sent = definition.steps[: definition.behind[index]]
    return next((f"undo_{spec.name}" for spec in reversed(sent) if spec.undo is not None and spec is not but), "undone")


def _name(cls: type | None) -> str:
    return cls.__name__ if cls is not None else "nothing"

"""Pictures of a declared saga: Mermaid text, and a drawing for the terminal."""

from __future__ import annotations

from partita.sagas.definition import SagaDefinition
from partita.sagas.durations import shown
from partita.sagas.lost_delays import lost_delays


def mermaid(definition: SagaDefinition) -> str:
    """The saga as a Mermaid state diagram, with its compensation and timeout edges."""
    lines = ["stateDiagram-v2", f"  [*] --> {definition.steps[0].name}: {definition.start.name}"]
    undoable: list[str] = []
    for index, spec in enumerate(definition.steps):
        following = definition.steps[index + 1].name if index + 1 < len(definition.steps) else "completed"
        lines.append(f"  {spec.name}: {spec.command.name} ({spec.kind})")
        lines.append(f"  {spec.name} --> {following}: {_name(spec.command.reply)}")
        back = f"undo_{undoable[-1]}" if undoable else "undone"
        if spec.command.refusals:
            lines.append(f"  {spec.name} --> {back}: {' | '.join(r.__name__ for r in spec.command.refusals)}")
        if spec.kind == "retriable" or spec.on_timeout == "retry":
            lines.append(f"  {spec.name} --> {spec.name}: no answer in {shown(spec.timeout_s)}, sent again")
        elif spec.undo is not None:
            lines.append(f"  {spec.name} --> undo_{spec.name}: no answer in {shown(spec.timeout_s)}")
        lines += [
            f"  {spec.name} --> {spec.name}: {timer.command.name} after {shown(timer.after_s)}" for timer in spec.timers
        ]
        if spec.undo is not None and spec.on_timeout != "undo":
            lines.append(f"  {spec.name} --> undo_{spec.name}: no answer in {shown(definition.deadline_s)} in all")
        if spec.undo is not None:
            lines.append(f"  undo_{spec.name}: {spec.undo.name}")
            lines.append(f"  undo_{spec.name} --> {back}: {_name(spec.undo.reply)}")
            lines.append(f"  undo_{spec.name} --> undo_{spec.name}: no acknowledgement, sent again")
            undoable.append(spec.name)
    for listener in definition.listeners:
        for spec in definition.steps[: definition.pivot_index + 1] if listener.cancels else ():
            lines.append(f"  {spec.name} --> {_undo_of(definition, spec.name)}: {listener.event.name}")
    lines.append("  completed --> [*]")
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
    lost = {each.step.name: each.why for each in lost_delays(definition)}
    for spec in definition.steps:
        lines.append(f"  {spec.name:<{width}}  {spec.kind:<9}  {spec.command.name} -> {_name(spec.command.reply)}")
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
    lines.append(f"  undone: {definition.undone.name if definition.undone else 'never, no step can be undone'}")
    return "\n".join(lines)


def _undo_of(definition: SagaDefinition, name: str) -> str:
    """The undo with which compensation begins while that step waits."""
    before = definition.steps[: definition.index_of[name] + 1]
    return next((f"undo_{spec.name}" for spec in reversed(before) if spec.undo is not None), "undone")


def _name(cls: type | None) -> str:
    return cls.__name__ if cls is not None else "nothing"

"""`sagas.py` of a project: each saga with its steps, undos, timeouts and the reason for it."""

from __future__ import annotations

from partita.design.model.saga import SagaDesign, StepDesign
from partita.design.skeleton.blueprint import Blueprint
from partita.design.skeleton.code import call, duration, imported, tuple_of
from partita.design.skeleton.file import WholeFile
from partita.design.skeleton.names import variable_of
from partita.exports.declaring.python_text import docstring, literal

UNITS = ("days", "hours", "minutes", "seconds")


def sagas_file(blue: Blueprint) -> WholeFile | None:
    """All sagas in one module; None = the design has none."""
    sagas = blue.design.sagas
    if not sagas:
        return None
    classes = [_saga(saga) for saga in sagas]
    body = "\n\n\n".join(classes)
    kinds = {step.kind for _, step in blue.design.steps}
    words = ["Saga", *kinds, *(unit for unit in UNITS if f"{unit}(" in body)]
    messages = {name for saga in sagas for name in (saga.start, saga.failed if saga.pivot >= 0 else "") if name}
    messages |= {name for _, step in blue.design.steps for name in step.sends}
    imports = "\n".join(
        [
            imported("partita", words),
            *filter(None, [imported("partita.sagas", _waiting(blue))]),
            "",
            imported(f"{blue.package}.messages", messages),
            imported(f"{blue.package}.services", {variable_of(saga.at) for saga in sagas}),
        ]
    )
    head = '"""The sagas: each ends done or undone, or says that it needs a person."""'
    return WholeFile(f"{blue.package}/sagas.py", f"{head}\n\n{imports}\n\n\n{body}\n")


def _waiting(blue: Blueprint) -> list[str]:
    timed = any(step.timers for _, step in blue.design.steps)
    together = any(step.beside for _, step in blue.design.steps)
    return ["after"] * timed + ["parallel"] * together


def _saga(saga: SagaDesign) -> str:
    words = ["Saga", f"start={saga.start}", f"deadline={duration(saga.deadline.value)}"]
    words += [f"undone={saga.failed}"] if saga.failed and saga.pivot >= 0 else []
    words.append(f"of={variable_of(saga.at)}")
    words += [f"why={literal(' '.join(saga.why.value.split()))}"] if saga.why.value.strip() else []
    steps = ", ".join(step.do for step in saga.steps)
    return "\n".join(
        [
            call(f"class {saga.name}", words, after=":"),
            docstring(f"Each {saga.start} begins one: {steps}."),
            "",
            *(line for group in saga.groups() for line in _group(group)),
        ]
    )


def _group(group: tuple[StepDesign, ...]) -> list[str]:
    together = [call("    parallel", [step.name for step in group])] if len(group) > 1 else []
    return [*(_step(step) for step in group), *together]


def _step(step: StepDesign) -> str:
    words = [step.do]
    words += [f"undo={step.undo}"] if step.undo and step.kind != "retriable" else []
    words.append(f"timeout={duration(step.timeout.value)}")
    if step.on_timeout.value != "undo" and step.kind != "retriable":
        words.append(f"on_timeout={literal(step.on_timeout.value)}")
    words += [f"ask={step.ask}"] if step.ask else []
    if step.timers:
        timers = [f"after({duration(each.after)}, {each.do})" for each in step.timers]
        words.append(f"timers={tuple_of(timers)}")
    words += ["no_effect=True"] if step.no_effect and step.kind == "step" else []
    return call(f"{step.name} = {step.kind}", words, "    ")

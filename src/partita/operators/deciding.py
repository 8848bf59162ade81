"""Deciding a task: the answer of a person, made of texts, checked by the types of its class, and written with its audit entry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from partita.catalog.rejection import Rejection, from_struct
from partita.errors import Malformed, NotFound
from partita.observability.tasks import Form, OpenTask
from partita.operators.audit import record
from partita.runtime.path.delivery import Handling
from partita.runtime.path.pipeline import Pipeline
from partita.runtime.path.waves import HandlerFailed


def form_named(task: OpenTask, name: str) -> Form:
    """The form of an answer by the name of its class.

    Raises:
        NotFound: the command has no such answer.
    """
    for form in task.forms:
        if form.name == name:
            return form
    names = ", ".join(form.name for form in task.forms)
    raise NotFound(f"{task.title} is not answered by {name!r:.80}.", hint=f"Its answers are: {names}.")


def answer_of(form: Form, given: Mapping[str, Any]) -> Any:
    """An answer with these fields. A field that is left out has the value of the command's field of its name, if there is one.

    A value is that of JSON, or a text: of a number, a date or a truth value as in JSON, of a list or a record in JSON.

    Raises:
        Malformed: a field is unknown, is missing, or has a value that does not fit; the error names it.
    """
    known = {each.name: each for each in form.fields}
    for name in given:
        if name not in known:
            raise Malformed(f"{form.name} has no field {name!r:.80}.", hint=f"Its fields are {', '.join(known)}.")
    struct = form.contract.shape.struct
    values: dict[str, Any] = {}
    for each in msgspec.structs.fields(struct):
        if each.name in given:
            values[each.name] = _value(form, each.name, each.type, given[each.name])
        elif known[each.name].given is not None and each.required:
            values[each.name] = known[each.name].given
        elif each.required:
            raise Malformed(f"{form.name} needs the field {each.name}.", hint=f"{each.name}={known[each.name].type}")
    made = struct(**values)
    cls = form.contract.cls
    return from_struct(cls, made) if issubclass(cls, Rejection) else made


def _value(form: Form, name: str, kind: Any, given: Any) -> Any:
    """A value of a field. A text is taken as it is where the type takes texts; else it is JSON, or the text of a number."""
    tries: list[Any] = [given]
    if isinstance(given, str) and given[:1] in ("[", "{"):
        try:
            tries.insert(0, msgspec.json.decode(given))
        except msgspec.DecodeError:
            pass  # a text that begins like a list
    error = ""
    for value in tries:
        try:
            return msgspec.convert(value, kind, strict=not isinstance(value, str))
        except msgspec.ValidationError as failed:
            error = error or str(failed)
    raise Malformed(f"{form.name}.{name}={given!r:.80}: {error}.", hint=f"It is: {_type_of(form, name)}.")


def _type_of(form: Form, name: str) -> str:
    return next(each.type for each in form.fields if each.name == name)


async def decide(pipeline: Pipeline, task: OpenTask, answer: Any, *, by: str, reason: str) -> bool:
    """Answer a task in one transaction with its audit entry; False = it has this very answer already.

    Raises:
        Conflict: it has another answer. Overtaken: its saga has undone the step.
    """
    try:
        async with pipeline.units.begin() as work:
            output = await pipeline.answering.answer(work.session, task.row.reply_to, answer, by)
            if output is not None:
                await work.leave([Handling(output.cause, [output])])
                target = f"{task.row.type} {task.row.reply_to}"
                detail = f"{output.contract.name}: {task.title}"
                await record(work.session, work.now_us, by, "task do", target, detail=detail, reason=reason)
    except HandlerFailed as failed:
        raise failed.error from None  # no handler is at fault: the answer does not fit, or the commit was refused
    return output is not None

"""The names of a design as names of Python: a name that could be anything else than a name is refused."""

from __future__ import annotations

import builtins
import keyword
import re
import sys
from collections.abc import Iterable, Iterator

from partita.design.model.design import Design
from partita.design.model.field import FieldDesign
from partita.design.model.message import CommandDesign, EventDesign
from partita.errors import SettingsError
from partita.exports.declaring.python_text import variable_name

SERVICE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
MESSAGE = re.compile(r"[A-Z][A-Za-z0-9]{0,79}")
FIELD = re.compile(r"[a-z][a-z0-9_]{0,79}")
NAMESPACE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
IMPORTED = (
    "Annotated Answers Any App Cluster Command Conflict Counter Decided Event Geo Journal Key Literal Millis NewType "
    "Outcome PII ReadModel Rejection Retry Rows Saga Scenario Service Since Sizing StepWork Subject TopicPlan Tx"
).split()
"""Names that the modules of a project import or declare beside those of the design."""
_PACKAGES = {*sys.stdlib_module_names, "partita", "tests", "msgspec"}
_MODULES = "app services sagas topics tables messages moment outcomes faults demo send streams".split()
_OF_A_CLASS = frozenset(
    "args add_note with_traceback bool bytes dict float frozenset int list str dt decimal msgspec self cls".split()
)
"""Names of fields that would hide a type from the annotations beside them, or a part of an exception."""


def package_of(design: Design) -> str:
    """The name of the project's package, from the domain."""
    name = variable_name(design.domain)[:60]
    return f"{name}_app" if name in _PACKAGES or name.endswith("_") else name


def variable_of(service: str) -> str:
    """The variable of a service."""
    return variable_name(service)


def check_names(design: Design) -> None:
    """Refuse names that are no names in Python, or mean something else there.

    Raises:
        SettingsError: names all of them.
    """
    found = list(dict.fromkeys(_refused(design)))
    if found:
        raise SettingsError(
            "\n".join(["The design cannot become code:", *(f"  {each}" for each in found)]),
            hint="Rename them in the brief. Nothing was written.",
        )


def _refused(design: Design) -> Iterator[str]:
    if not NAMESPACE.fullmatch(design.namespace):
        yield f"namespace {design.namespace!a:.80}"
    for service in design.services:
        yield from _unlike(SERVICE, "service", service.name)
        if keyword.iskeyword(variable_of(service.name)) or variable_of(service.name) in _MODULES:
            yield f"service {service.name!a:.80} has the name of a module of every project"
        if not NAMESPACE.fullmatch(service.namespace):
            yield f"namespace {service.namespace!a:.80} of {service.name!a:.80}"
    for aggregate in design.aggregates:
        yield from _unlike(MESSAGE, "aggregate", aggregate.name)
    for read_model in design.read_models:
        yield from _unlike(FIELD, "read model", read_model.name)
    messages: list[EventDesign | CommandDesign] = [*design.events, *design.commands]
    for message in messages:
        yield from _unlike(MESSAGE, "message", message.name)
        yield from _fields(message.name, message.fields)
    for saga in design.sagas:
        yield from _unlike(MESSAGE, "saga", saga.name)
        for step in saga.steps:
            yield from _unlike(FIELD, f"step of {saga.name}", step.name)
    everything = [
        *(("service", each.name.replace("-", "")) for each in design.services),
        *(("message", each.name) for each in messages),
        *(("saga", each.name) for each in design.sagas),
    ]
    yield from _twice(everything)


def _unlike(form: re.Pattern[str], what: str, name: str) -> Iterator[str]:
    if not form.fullmatch(name):
        yield f"{what} {name!a:.80} is no name: {form.pattern}"
    elif keyword.iskeyword(name) or name in IMPORTED or hasattr(builtins, name) and name[0].isupper():
        yield f"{what} {name!a:.80} means something else in Python or Partita"


def _fields(message: str, fields: Iterable[FieldDesign]) -> Iterator[str]:
    for field in fields:
        if not FIELD.fullmatch(field.name):
            yield f"field {field.name!a:.80} of {message!a:.80} is no name: {FIELD.pattern}"
        elif keyword.iskeyword(field.name) or field.name in _OF_A_CLASS or field.name.endswith("_"):
            yield f"field {field.name!a:.80} of {message!a:.80} means something else in Python"
        yield from _fields(message, field.fields)


def _twice(names: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Two classes of one module cannot share a name; on some disks two files differ by more than their capital letters."""
    seen: dict[str, str] = {}
    for what, name in names:
        held = seen.setdefault(name.lower(), what)
        if held != what:
            yield f"{what} {name!a:.80} has the name of a {held}"

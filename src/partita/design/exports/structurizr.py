"""A design as a workspace in Structurizr's language: a container for each service, and a dynamic view for each saga.

Its grammar: https://docs.structurizr.com/dsl/language. A string is in double quotes, on one line; an identifier has letters,
digits and underscores.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from partita.design.exports.edges import edges
from partita.design.model.design import Design
from partita.design.model.saga import SagaDesign

STYLES = """\
        styles {
            element "projection" {
                background #5b8c5a
                color #ffffff
            }
            element "external" {
                background #8a8a8a
                color #ffffff
            }
            relationship "orchestration" {
                color #b3541e
            }
            relationship "choreography" {
                color #2d6a9f
                dashed true
            }
        }"""


def structurizr(design: Design) -> str:
    """The text of the workspace."""
    return "\n".join([*_lines(design), ""])


def _lines(design: Design) -> Iterator[str]:
    name, purpose = _string(design.domain), _string(design.purpose.value)
    yield f"workspace {name} {purpose} {{"
    yield "    model {"
    yield f"        system = softwareSystem {name} {purpose} {{"
    for service in design.services:
        owns = f"; owns {', '.join(service.owns)}" if service.owns else ""
        said = _string(f"{service.doc} Team {service.team or 'unknown'}{owns}".strip())
        yield f"            {_id(service.name)} = container {_string(service.name)} {said} {_string(service.database.value)} {{"
        yield f"                tags {_string(service.kind)}"
        yield "            }"
    yield "        }"
    for edge in edges(design):
        yield (
            f"        {_id(edge.origin)} -> {_id(edge.to)} {_string(edge.message)} {_string(design.bus.use.value)} "
            f"{_string(edge.style)}"
        )
    yield "    }"
    yield "    views {"
    yield '        container system "services" {'
    yield "            include *"
    yield "            autoLayout lr"
    yield "        }"
    for saga in design.sagas:
        yield from _dynamic(saga)
    yield STYLES
    yield "    }"
    yield "}"


def _dynamic(saga: SagaDesign) -> Iterator[str]:
    """The saga when all goes well. A dynamic view of a system shows relationships between two containers alone."""
    steps = [step for step in saga.steps if step.at != saga.at]
    if not steps:
        return
    yield f"        dynamic system {_string(_id(saga.name))} {_string(saga.why.value)} {{"
    for step in steps:
        yield f"            {_id(saga.at)} -> {_id(step.at)} {_string(step.do)}"
        if step.ok:
            yield f"            {_id(step.at)} -> {_id(saga.at)} {_string(step.ok)}"
    yield "            autoLayout lr"
    yield "        }"


def _id(name: str) -> str:
    """The identifier of a service: a prefix keeps it apart from the words of the language."""
    return "s_" + re.sub(r"[^A-Za-z0-9]", "_", name)


def _string(text: str) -> str:
    """A string on one line. A dollar sign before a brace would name a variable."""
    plain = " ".join(text.replace("\\", "/").replace("${", "$ {").split())
    return '"' + plain.replace('"', '\\"') + '"'
